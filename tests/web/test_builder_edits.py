from __future__ import annotations

from typing import Any

import pytest

from automations.engine.registry import Registry
from automations.errors import InputError
from automations.web.builder_edits import Editor
from automations.web.suggesting import suggested_fields

REGISTRY = Registry.discover(entry_points=False)
NAMES = {"pipedrive": ["acme"], "clevertap": ["one", "two"]}
A, B, C = ({"left": f"{{{{ deal.{name} }}}}", "op": "exists"} for name in "abc")


def edited(tree: dict[str, Any], *ops: str) -> dict[str, Any]:
    for op in ops:
        tree = Editor(tree, REGISTRY, NAMES).apply(op).tree
    return tree


def test_choosing_a_trigger_takes_the_only_connection() -> None:
    tree = edited({"trigger": {"key": ""}}, "trigger:pipedrive.deal_created")
    assert tree["trigger"] == {"key": "pipedrive.deal_created", "connection": "acme"}


def test_another_trigger_keeps_the_narrowing_it_knows() -> None:
    before = {
        "key": "pipedrive.deal_stage_changed",
        "connection": "x",
        "fields": {"pipeline": "Sales", "to_stage": 1},
    }
    tree = edited({"trigger": before}, "trigger:pipedrive.deal_created")
    assert tree["trigger"] == {
        "key": "pipedrive.deal_created",
        "connection": "x",
        "fields": {"pipeline": "Sales"},
    }


def test_new_step_is_filled_with_what_the_sample_has() -> None:
    tree = edited({"trigger": {"key": "pipedrive.deal_created"}}, "add-step:pipedrive.upsert_person")
    (step,) = tree["steps"]
    assert step["name"] == "person"
    assert step["connection"] == "acme"
    assert step["fields"]["name"] == "{{ deal.person.name }}"


def test_of_two_connections_none_is_chosen() -> None:
    tree = edited({"trigger": {"key": "pipedrive.deal_created"}}, "add-step:clevertap.upload_profile")
    assert "connection" not in tree["steps"][0]


def test_suggestions_that_read_nothing_are_left_out() -> None:
    fields = suggested_fields(
        REGISTRY.actions["clevertap.upload_profile"], REGISTRY.triggers["pipedrive.deal_created"]
    )
    assert fields == {"identity": "{{ deal.id }}"}


def test_steps_are_moved_doubled_and_named_apart() -> None:
    tree = {"steps": [{"name": "a"}, {"name": "b"}]}
    assert [s["name"] for s in edited(tree, "up:steps/1")["steps"]] == ["b", "a"]
    assert [s["name"] for s in edited(tree, "down:steps/1")["steps"]] == ["a", "b"]
    assert [s["name"] for s in edited(tree, "duplicate:steps/0")["steps"]] == ["a", "a_2", "b"]
    assert [s["name"] for s in tree["steps"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "place", "after"),
    [
        (None, "only_if", {"all": [{"left": "", "op": "equals"}]}),
        (A, "only_if", {"all": [A, {"left": "", "op": "equals"}]}),
        ({"any": [A]}, "only_if", {"any": [A, {"left": "", "op": "equals"}]}),
        ({"not": A}, "only_if", {"not": {"any": [A, {"left": "", "op": "equals"}]}}),
        ({"all": [A, {"any": [B]}]}, "only_if/1", {"all": [A, {"any": [B, {"left": "", "op": "equals"}]}]}),
        ("{{ x }}", "only_if", {"all": ["{{ x }}", {"left": "", "op": "equals"}]}),
    ],
)
def test_condition_is_added_where_it_was_asked_for(before: Any, place: str, after: Any) -> None:
    tree = {"only_if": before} if before is not None else {}
    assert edited(tree, f"add-condition:{place}")["only_if"] == after


@pytest.mark.parametrize(
    ("before", "place", "after"),
    [
        (A, "only_if/0", None),
        ({"all": [A, B]}, "only_if/0", {"all": [B]}),
        ({"all": [A]}, "only_if/0", None),
        ({"all": [A, {"any": [B, C]}]}, "only_if/1/0", {"all": [A, {"any": [C]}]}),
        ({"all": [A, {"any": [B]}]}, "only_if/1/0", {"all": [A]}),
        ({"all": [A, {"not": B}]}, "only_if/1/0", {"all": [A]}),
        ({"not": {"any": [A, B]}}, "only_if/0/1", {"not": {"any": [A]}}),
        ({"not": A}, "only_if/0", None),
        ("{{ x }}", "only_if", None),
    ],
)
def test_removed_condition_can_be_put_back(before: Any, place: str, after: Any) -> None:
    for tree, at in (
        ({"only_if": before}, place),
        ({"steps": [{"name": "a", "only_if": before}]}, f"steps/0/{place}"),
    ):
        done = Editor(tree, REGISTRY, NAMES).apply(f"remove:{at}")
        holder = done.tree["steps"][0] if "steps" in done.tree else done.tree
        assert holder.get("only_if") == after
        assert Editor(done.tree, REGISTRY, NAMES).apply("undo", done.removed).tree == tree


@pytest.mark.parametrize(
    "place", ["steps/1", "steps/0/fields/p/rows/1", "steps/0/fields/l/items/0", "steps/0/fields/x"]
)
def test_removed_part_can_be_put_back(place: str) -> None:
    fields = {"p": {"a": 1, "b": 2, "c": 3}, "l": ["x", "y"], "x": "{{ y }}"}
    tree = {"steps": [{"name": "a", "fields": fields}, {"name": "b"}]}
    done = Editor(tree, REGISTRY, NAMES).apply(f"remove:{place}")
    assert done.tree != tree
    again = Editor(done.tree, REGISTRY, NAMES).apply("undo", done.removed).tree
    assert again == tree
    assert list(again["steps"][0]["fields"]["p"]) == ["a", "b", "c"]


def test_rows_and_one_template_take_each_others_place() -> None:
    tree = {"steps": [{"name": "a", "fields": {"p": {"a": 1}}}]}
    one = edited(tree, "as-template:steps/0/fields/p")
    assert one["steps"][0]["fields"]["p"] == "{{ record }}"
    rows = edited(one, "as-rows:steps/0/fields/p")
    assert rows["steps"][0]["fields"]["p"] == {"": ""}
    assert edited(rows, "add-row:steps/0/fields/p") == rows
    assert edited(tree, "add-item:steps/0/fields/q")["steps"][0]["fields"]["q"] == [""]


@pytest.mark.parametrize(
    "op",
    [
        "nonsense",
        "remove:steps/7",
        "up:steps/x",
        "add-step:no.such",
        "remove:only_if/3/9",
        "remove:",
        "undo",
        "clear:a/b",
    ],
)
def test_change_that_does_not_fit_is_refused_in_words(op: str) -> None:
    with pytest.raises(InputError):
        Editor({"steps": []}, REGISTRY, NAMES).apply(op)
