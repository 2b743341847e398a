from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automations.engine.conditions import OPS
from automations.engine.definition import parse_definition, read_definition
from automations.engine.registry import Registry
from automations.web.builder_form import read_recipe, view_recipe, without_unbegun

DEAL_TO_PROFILE = """
name: New deal to profile
description: |
  Two lines
  of words
trigger:
  key: pipedrive.deal_created
  connection: acme
  fields: {pipeline: Sales}
only_if:
  all:
    - {left: "{{ deal.value }}", op: gte, right: 1000}
    - any:
        - {left: "{{ deal.status }}", op: in, right: [open, won]}
        - {left: "{{ deal.title }}", op: contains, right: Chair, ignore_case: true}
    - not: {left: "{{ deal.person.email }}", op: missing}
order: none
steps:
  - name: profile
    action: clevertap.upload_profile
    connection: acme-clevertap
    fields:
      identity: "{{ deal.person.email | normalize_email }}"
      properties:
        Name: "{{ deal.person.name }}"
        Score: 5
        Tags: [a, b]
        Nested: {a: {b: null}}
        Empty: ""
    missing: {properties.Name: skip, properties.Score: {default: 0}, properties.Gone: "null"}
  - name: note
    action: pipedrive.upsert_note
    connection: acme
    only_if: "{{ steps.profile.status == 'succeeded' }}"
    for_each: "{{ deal.label_ids }}"
    wait: 10m
    on_error: continue
    fields:
      content: "Sent as\\n{{ steps.profile.identity }}"
      pinned: true
      deal_match_value: "{{ deal.id }}"
      nonsense: 1
samples: [{name: one, record: {id: 1}}]
tests: [{sample: one, expect: {outcome: ok}}]
"""


@lru_cache
def registry() -> Registry:
    return Registry.discover(entry_points=False)


def sent(tree: dict[str, Any]) -> dict[str, str]:
    """What a browser sends for this recipe's form."""
    pairs = list(view_recipe(tree, registry()).pairs())
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "no two inputs share a name"
    return {name: text.replace("\n", "\r\n") for name, text in pairs}


def test_recipe_with_everything_survives_its_form() -> None:
    tree = read_definition(DEAL_TO_PROFILE).as_tree()
    again = read_recipe(sent(tree), tree)
    assert again == tree
    assert repr(again["steps"][0]["fields"]) == repr(tree["steps"][0]["fields"])
    assert parse_definition(again).as_tree() == tree


def test_what_no_input_holds_is_taken_over() -> None:
    tree = read_definition(DEAL_TO_PROFILE).as_tree()
    again = read_recipe({"name": "Other", "trigger/key": "x"}, {**tree, "enabled": False})
    assert (again["name"], again["enabled"], again["samples"]) == ("Other", False, tree["samples"])


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["{{ deal.value }}", "{{ a }}\n{{ b }}", "1000", "true", "", "\r", "\0"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
LEAVES = st.builds(
    lambda left, op, right, case: {
        "left": left,
        "op": op,
        **({"right": right} if OPS[op].takes_right else {}),
        **({"ignore_case": True} if case else {}),
    },
    TEXTS,
    st.sampled_from(sorted(set(OPS) - {"in", "not_in"})),
    VALUES.filter(lambda value: value is not None),
    st.booleans(),
) | st.builds(
    lambda right: {"left": "{{ a }}", "op": "in", "right": right},
    st.lists(SCALARS.filter(lambda v: v is not None)),
)
CONDITIONS = st.recursive(
    LEAVES | TEXTS.filter(bool) | st.integers(),
    lambda inner: (
        st.builds(lambda members: {"all": members}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda members: {"any": members}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda member: {"not": member}, inner)
    ),
    max_leaves=5,
)
POLICIES = st.sampled_from(["fail", "skip", "null"]) | st.builds(lambda value: {"default": value}, VALUES)


@st.composite
def steps(draw: st.DrawFn, name: str) -> dict[str, Any]:
    action = draw(st.sampled_from([*sorted(registry().actions), "gone.action"]))
    known = list(registry().actions[action].Fields.model_fields) if action in registry().actions else []
    fields = draw(st.dictionaries(st.sampled_from([*known, "un/known~", "x"]), VALUES, max_size=4))
    part: dict[str, Any] = {"name": name, "action": action, "fields": fields}
    keys = [f"{key}.{inner}" for key, value in fields.items() if isinstance(value, dict) for inner in value]
    missing = draw(st.dictionaries(st.sampled_from([*known, "x", "x.y", *keys]), POLICIES, max_size=3))
    if missing:
        part["missing"] = missing
    if draw(st.booleans()):
        part["only_if"] = draw(CONDITIONS)
    if draw(st.booleans()):
        part["for_each"] = draw(TEXTS.filter(bool))
    if draw(st.booleans()):
        part["on_error"] = "continue"
    return part


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "name": "R",
        "enabled": draw(st.booleans()),
        "trigger": {"key": draw(st.sampled_from([*sorted(registry().triggers), "gone.trigger"]))},
        "order": draw(st.sampled_from(["per_record", "none"])),
        "steps": [draw(steps(name)) for name in draw(st.sampled_from([[], ["a"], ["a", "b_2"]]))],
        "samples": [],
        "tests": [],
    }
    fields = draw(st.dictionaries(st.sampled_from(["pipeline", "from_stage", "x"]), SCALARS, max_size=2))
    if fields:
        tree["trigger"]["fields"] = fields
    if draw(st.booleans()):
        tree["only_if"] = draw(CONDITIONS)
    return tree


@settings(max_examples=200, deadline=None)
@given(recipes())
def test_writing_the_form_and_reading_it_changes_nothing(tree: dict[str, Any]) -> None:
    again = read_recipe(sent(tree), tree)
    assert json.dumps(again, sort_keys=True) == json.dumps(tree, sort_keys=True)


def test_two_properties_of_one_name_are_both_kept() -> None:
    form = {
        "steps/0/action": "clevertap.upload_profile",
        "steps/0/fields/properties/shape": "rows",
        "steps/0/fields/properties/rows/0/key": "Name",
        "steps/0/fields/properties/rows/0/value": "a",
        "steps/0/fields/properties/rows/3/key": "Name",
        "steps/0/fields/properties/rows/3/value": "b",
    }
    (step,) = read_recipe(form, {})["steps"]
    assert step["fields"]["properties"] == {"Name": "a", "Name (2)": "b"}


def test_step_names_become_what_templates_can_read() -> None:
    form = {
        f"steps/{index}/name": name for index, name in enumerate(["My step", "my step", "", "2nd", "My step"])
    }
    names = [step["name"] for step in read_recipe(form, {})["steps"]]
    assert names == ["My_step", "my_step", "step_", "step_2nd", "My_step_2"]


def test_a_wait_is_read_as_people_write_it() -> None:
    form = {"steps/0/wait": "10 minutes", "steps/1/wait": "2h", "steps/2/wait": "soon"}
    assert [step["wait"] for step in read_recipe(form, {})["steps"]] == ["10m", "2h", "soon"]


def test_rows_left_blank_are_no_part_of_the_recipe() -> None:
    tree = {
        "only_if": {"all": [{"left": "", "op": "equals"}]},
        "steps": [{"fields": {"properties": {"Name": "x", "": ""}}}],
    }
    clean = without_unbegun(tree)
    assert "only_if" not in clean
    assert clean["steps"][0]["fields"] == {"properties": {"Name": "x"}}
