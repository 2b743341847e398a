"""Templates inside a web address."""

from __future__ import annotations

import copy
import pickle

import pytest

from automations.engine.templating import MISSING, compile_address, compile_value, render
from automations.errors import MappingError

CONTEXT = {"a": "x/y", "items": ["1/2", "3"], "nothing": None, "on": False}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/p", "/p"),
        ("/p/{{ a }}", "/p/x%2Fy"),
        ("/p/{{ a | upper }}?q={{ a }}", "/p/X%2FY?q=x%2Fy"),
        ("/p/{{ a | urlencode }}", "/p/x%2Fy"),
        ("/p{% for i in items %}/{{ i }}{% endfor %}", "/p/1%2F2/3"),
        ("/p{% if on %}/{{ a }}{% endif %}", "/p"),
        ("/p/{{ a if on }}", "/p/"),
        ("{{ a }}", "x/y"),
    ],
)
def test_each_part_is_encoded_for_itself(text: str, address: str) -> None:
    assert render(compile_address(text), CONTEXT) == address


def test_other_texts_are_as_they_were() -> None:
    assert render(compile_value("/p/{{ a }}"), CONTEXT) == "/p/x/y"


def test_what_is_absent_makes_the_whole_missing() -> None:
    assert render(compile_address("/p/{{ a.b }}"), {"a": {}}) is MISSING


def test_an_unknown_name_is_an_error_as_anywhere() -> None:
    with pytest.raises(MappingError):
        render(compile_address("/p/{{ nobody }}"), CONTEXT)


def test_an_address_stays_one_when_it_is_copied() -> None:
    address = compile_address("/p/{{ a }}")
    for copied in (pickle.loads(pickle.dumps(address)), copy.deepcopy(address)):
        assert render(copied, CONTEXT) == "/p/x%2Fy"
