"""What cannot run is refused when it is saved, with the place and the nearest right name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import field_validator

from automations.engine.compiled import CompiledRecipe
from automations.engine.definition import parse_definition
from automations.errors import RecipeProblems
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ThingHappened, ThingHappenedFields


def compiled(house: ToyHouse, step: dict[str, Any] | None = None, **more: Any) -> CompiledRecipe:
    trigger = {"key": "toy.thing_happened", "connection": "toys", **more.pop("trigger", {})}
    steps = [{**house.step(), **(step or {})}]
    tree = {"name": "t", "trigger": trigger, "steps": steps, **more}
    return house.assembly.recipes.compile(parse_definition(tree))


@pytest.mark.parametrize(
    ("step", "more", "path", "said"),
    [
        ({"action": "toy.write_dawn"}, {}, "steps[0].action", "Did you mean 'toy.write_down'"),
        ({"connection": "toyz"}, {}, "steps[0].connection", "no connection named 'toyz'"),
        ({"connection": ""}, {}, "steps[0].connection", "A connection is needed"),
        ({"fields": {"texd": "x", "text": "y"}}, {}, "steps[0].fields.texd", "Did you mean 'text'"),
        ({"fields": {}}, {}, "steps[0].fields.text", "Text is required"),
        ({"fields": {"text": ""}}, {}, "steps[0].fields.text", "Text is required"),
        ({"fields": {"text": "{{ thin.id }}"}}, {}, "steps[0].fields.text", "thing"),
        ({"fields": {"text": "{{ thing.id"}}, {}, "steps[0].fields.text", ""),
        ({"fields": {"text": "x", "extra": {"a": ["{{ nope }}"]}}}, {}, "steps[0].fields.extra.a[0]", "nope"),
        ({"missing": {"tect": "skip"}}, {}, "steps[0].missing.tect", "Did you mean 'text'"),
        ({"only_if": "{{ thin.id }}"}, {}, "steps[0].only_if", "Did you mean 'thing'"),
        ({"for_each": "{{ item }}"}, {}, "steps[0].for_each", "'item' is not known"),
        ({"fields": {"text": "{{ item }}"}}, {}, "steps[0].fields.text", "item"),
        (
            {},
            {"only_if": {"all": [{"left": "{{ thing.id }}", "op": "eqals"}]}},
            "only_if.all[0].op",
            "equals",
        ),
        ({}, {"trigger": {"key": "toy.thing_hapened"}}, "trigger.key", "Did you mean 'toy.thing_happened'"),
        ({}, {"trigger": {"fields": {"colour": "red"}}}, "trigger.fields.colour", "Did you mean 'color'"),
        ({}, {"trigger": {"fields": {"color": ["red"]}}}, "trigger.fields.color", "is not a text"),
        ({}, {"trigger": {"connection": "nobody"}}, "trigger.connection", "no connection named"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    house: ToyHouse, step: dict[str, Any], more: dict[str, Any], path: str, said: str
) -> None:
    with pytest.raises(RecipeProblems) as caught:
        compiled(house, step, **more)
    problems = [(problem.path, problem.message) for problem in caught.value.problems]
    assert any(found == path and said in message for found, message in problems), problems


def test_everything_that_is_wrong_is_told_at_once(house: ToyHouse) -> None:
    with pytest.raises(RecipeProblems) as caught:
        compiled(house, {"connection": "x", "fields": {"text": "{{ a }}", "b": 1}}, only_if="{{ c }}")
    assert len(caught.value.problems) == 4


def test_a_rule_of_the_triggers_own_is_told_in_its_words(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Strict(ThingHappenedFields):
        @field_validator("color")
        @classmethod
        def _known(cls, value: str) -> str:
            raise ValueError("there is no such color")

    monkeypatch.setattr(ThingHappened, "Fields", Strict)
    with pytest.raises(RecipeProblems) as caught:
        compiled(house, trigger={"fields": {"color": "red"}})
    assert [(p.path, p.message) for p in caught.value.problems] == [
        ("trigger.fields.color", "there is no such color")
    ]


def test_what_is_looked_up_is_what_templates_read(house: ToyHouse) -> None:
    assert compiled(house).needs == frozenset()
    assert compiled(house, {"fields": {"text": "{{ record.owner.name }}"}}).needs == {"owner"}
    conditioned = compiled(house, only_if="{{ thing.owner.name }}")
    assert conditioned.condition_needs == conditioned.needs == {"owner"}
    in_loop = compiled(house, {"for_each": "{{ thing.owner.tags }}", "fields": {"text": "{{ item }}"}})
    assert in_loop.needs == {"owner"}


def test_runs_of_one_record_share_a_lane_and_others_do_not(house: ToyHouse) -> None:
    recipe = compiled(house)
    assert recipe.lane("thing:1") == recipe.lane("thing:1") != recipe.lane("thing:2")
    assert recipe.lane("") is None
    assert compiled(house, order="none").lane("thing:1") is None
