"""Previews: every field's value or mistake, worked out where a stranger's template can do no harm."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.engine.conftest import ToyHouse
from tests.engine.toy import ThingHappened, WriteDown


def lines(house: ToyHouse, fields: dict[str, Any], record: dict[str, Any], **missing: Any) -> dict[str, Any]:
    previews = house.assembly.previews
    context = {**previews.context(ThingHappened.sample), "thing": record, "record": record}
    return previews.fields(WriteDown(), fields, missing, context)


@pytest.fixture
def sqlite_house(house: ToyHouse) -> ToyHouse:
    if not house.assembly.database.on_sqlite:
        pytest.skip("no database is involved")
    return house


def test_values_types_and_mistakes_are_told_for_each_field(sqlite_house: ToyHouse) -> None:
    found = lines(
        sqlite_house,
        {
            "text": "{{ thing.name }}!",
            "count": "{{ thing.n }}",
            "extra": {"a": "{{ thing.gone }}", "b": "{{ nope }}"},
        },
        {"name": "Ball", "n": "12"},
    )
    assert (found["text"]["value"], found["text"]["type"]) == ("Ball!", "text")
    assert (found["count"]["value"], found["count"]["type"]) == (12, "whole number")
    assert found["extra.a"]["state"] == "left_out"
    assert found["extra.b"]["state"] == "error"


def test_a_value_of_the_wrong_type_says_what_is_wanted(sqlite_house: ToyHouse) -> None:
    found = lines(sqlite_house, {"text": "x", "count": "{{ thing.n }}"}, {"n": "many"})
    assert found["count"]["message"] == "This is text; the field wants a whole number."


@pytest.mark.parametrize(
    ("policy", "state"),
    [("skip", "left_out"), ("null", "null"), ("fail", "error"), ({"default": 3}, "default")],
)
def test_what_is_missing_shows_its_policy(sqlite_house: ToyHouse, policy: Any, state: str) -> None:
    found = lines(sqlite_house, {"text": "x", "count": "{{ thing.gone }}"}, {}, count=policy)
    assert found["count"]["state"] == state


def test_a_template_that_would_run_for_ever_is_ended(sqlite_house: ToyHouse) -> None:
    evil = "{% for a in range(1000) %}{% for b in range(1000) %}{{ a * b }}{% endfor %}{% endfor %}"
    begun_s = time.monotonic()
    found = lines(sqlite_house, {"text": evil}, {})
    assert found["text"]["state"] == "error"
    assert time.monotonic() - begun_s < 5


def test_conditions_are_told_line_by_line(sqlite_house: ToyHouse) -> None:
    previews = sqlite_house.assembly.previews
    tree = {"any": [{"left": "{{ thing.n }}", "op": "gt", "right": n} for n in (1, 9)]}
    found = previews.conditions(tree, {"thing": {"n": 5}})
    assert (found["passed"], [line["passed"] for line in found["lines"]]) == (True, [True, False])
    assert previews.conditions("", {}) == {"passed": True, "lines": [], "error": ""}
    assert previews.conditions("{{ broken", {})["error"]
