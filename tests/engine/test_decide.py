"""Verdicts: pure, complete, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine.context import Envelope, build_context
from automations.engine.contracts import NOT_YET, Occurrence
from automations.engine.decide import Ruling, Verdict, decide
from automations.engine.definition import parse_definition
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ThingHappened


def verdict(house: ToyHouse, record: dict[str, Any], *, looked_up: bool = False, **more: Any) -> Verdict:
    trigger = {"key": "toy.thing_happened", "connection": "toys", **more.pop("trigger", {})}
    tree = {"name": "t", "trigger": trigger, "steps": [house.step()], **more}
    recipe = house.assembly.recipes.compile(parse_definition(tree))
    occurrence = Occurrence("thing.happened", "thing", {"id": 1, **record}, None, "thing:1")
    context = build_context(occurrence, Envelope())
    directory = house.assembly.connections.directory(house.connection.id or 0)
    return decide(recipe, occurrence, context, directory, looked_up=looked_up)


def test_no_condition_lets_pass(house: ToyHouse) -> None:
    assert verdict(house, {}) == Verdict(Ruling.PASSED)


def test_what_did_not_happen_comes_before_what_was_narrowed_away(house: ToyHouse) -> None:
    red = {"fields": {"color": "red"}}
    assert verdict(house, {"idle": True, "color": "blue"}, trigger=red).ruling is Ruling.NOT_TRIGGERED
    assert verdict(house, {"color": "blue"}, trigger=red) == Verdict(
        Ruling.FILTERED, "color is blue, wanted red"
    )


def test_the_first_condition_that_failed_is_the_reason(house: ToyHouse) -> None:
    tree = {"all": [{"left": "{{ thing.a }}", "op": "equals", "right": n} for n in (1, 2, 3)]}
    found = verdict(house, {"a": 1}, only_if=tree)
    assert found == Verdict(Ruling.FILTERED, "thing.a is 1, wanted: equals 2")


def test_a_condition_that_fails_to_render_is_broken_and_never_passed(house: ToyHouse) -> None:
    found = verdict(house, {"a": {}}, only_if="{{ thing.a + 1 > 0 }}")
    assert found.ruling is Ruling.BROKEN
    assert found.reason.startswith("only_if: ")


def test_what_must_be_looked_up_first_is_not_decided_before(house: ToyHouse) -> None:
    condition = "{{ thing.owner.name == 'Ana' }}"
    assert verdict(house, {}, only_if=condition).ruling is Ruling.UNDETERMINED
    assert verdict(house, {}, only_if=condition, looked_up=True).ruling is Ruling.FILTERED
    assert (
        verdict(house, {"owner": {"name": "Ana"}}, only_if=condition, looked_up=True).ruling is Ruling.PASSED
    )


def test_a_list_that_is_not_there_after_looking_is_a_broken_recipe(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThingHappened, "narrow", lambda *_: NOT_YET)
    assert verdict(house, {}).ruling is Ruling.UNDETERMINED
    assert verdict(house, {}, looked_up=True).ruling is Ruling.BROKEN
