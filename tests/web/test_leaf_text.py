from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.web.leaf_text import as_text, from_text

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)


def through_a_browser(text: str) -> str:
    """A form sends every line break as CR LF."""
    return text.replace("\n", "\r\n")


@given(VALUES, st.booleans())
def test_every_value_survives_its_input(value: Any, auto: bool) -> None:
    text, kind = as_text(value, auto=auto)
    assert same(from_text(through_a_browser(text), kind), value)
    assert "\r" not in text
    assert "\0" not in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1000", 1000),
        ("2.5", 2.5),
        ("true", True),
        ("0301234", "0301234"),
        ("+4930", "+4930"),
        ("1e5", "1e5"),
        ('"5120"', "5120"),
        ("Negotiation", "Negotiation"),
        ("{{ deal.value }}", "{{ deal.value }}"),
    ],
)
def test_what_is_typed_into_a_property_gets_the_type_it_looks_like(typed: str, meant: Any) -> None:
    assert same(from_text(typed, "a"), meant)


def test_items_are_separated_by_commas() -> None:
    assert from_text("Won, Lost, 7", "l") == ["Won", "Lost", 7]
    assert as_text(["Won", "Lost", 7]) == ("Won, Lost, 7", "l")


def test_what_is_no_json_stays_as_it_was_typed() -> None:
    assert from_text('{"a": ', "j") == '{"a": '
