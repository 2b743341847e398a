"""From templates to typed values: the missing-value policies, the types, the words of a mistake."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine.contracts import Action, ActionFields, Call, Outcome, field
from automations.engine.mapping import FieldMapping, policy_for
from automations.errors import FieldsError, MappingError


class Fields(ActionFields):
    name: str = field("Name")
    count: int | None = field("Count", default=None)
    labels: list[str] | None = field("Labels", default=None)
    properties: dict[str, Any] | None = field("Properties", default=None)
    email: str | None = field("E-mail", default=None, one_of="who")
    phone: str | None = field("Phone", default=None, one_of="who")


class Probe(Action):
    """Source: this test."""

    key = "probe.send"
    Fields = Fields

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        return Outcome()


WHO = {"name": "n", "email": "a@b.c"}


def render(fields: dict[str, Any], context: dict[str, Any] | None = None, **missing: Any) -> dict[str, Any]:
    mapping = FieldMapping(Probe(), {**WHO, **fields}, missing, step="s")
    return mapping.render(context or {}).typed.mapped()


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (None, {}),
        ("skip", {}),
        ("null", {"count": None}),
        ({"default": 7}, {"count": 7}),
        ({"default": "7"}, {"count": 7}),
        ({"default": None}, {"count": None}),
    ],
)
@pytest.mark.parametrize("record", [{}, {"n": None}])
def test_what_is_missing_follows_the_policy(
    policy: Any, found: dict[str, Any], record: dict[str, Any]
) -> None:
    missing = {"count": policy} if policy is not None else {}
    assert render({"count": "{{ record.n }}"}, {"record": record}, **missing) == {**WHO, **found}


def test_a_default_is_fitted_to_the_type_like_any_value() -> None:
    assert render({"name": "{{ record.n }}"}, {"record": {}}, name={"default": 12})["name"] == "12"
    with pytest.raises(FieldsError, match=r"'count'.*'many'.*a whole number"):
        render({"count": "{{ record.n }}"}, {"record": {}}, count={"default": "many"})


@pytest.mark.parametrize("value", [0, False, ""])
def test_nought_false_and_empty_text_are_values(value: Any) -> None:
    found = render({"properties": {"x": "{{ record.n }}"}}, {"record": {"n": value}})
    assert found["properties"] == {"x": value}


def test_a_leaf_inside_is_left_out_without_a_gap() -> None:
    fields = {
        "labels": ["{{ record.a }}", "{{ record.b }}"],
        "properties": {"a": "{{ record.a }}", "b": "{{ record.b }}"},
    }
    found = render(fields, {"record": {"b": "x"}})
    assert (found["labels"], found["properties"]) == (["x"], {"b": "x"})


def test_a_constant_null_is_sent_as_it_is() -> None:
    assert render({"count": None})["count"] is None


def test_the_types_of_values_are_kept_inside_open_fields() -> None:
    context = {"record": {"n": 5, "f": 0.5, "t": True, "l": [1, {"a": None}]}}
    fields = {"properties": {k: f"{{{{ record.{k} }}}}" for k in "nftl"} | {"text": "n={{ record.n }}"}}
    assert render(fields, context)["properties"] == {**context["record"], "text": "n=5"}


def test_hostile_values_are_data_and_nothing_else() -> None:
    evil = "{{ 7 * 7 }} {% for x in y %} ' OR 1=1 __import__('os')"
    assert render({"name": "{{ record.x }}!"}, {"record": {"x": evil}})["name"] == evil + "!"


@pytest.mark.parametrize(
    ("fields", "context", "words"),
    [
        ({"name": "{{ record.gone }}"}, {"record": {}}, ["'s'", "'name'", "empty in this record"]),
        ({"count": "{{ record.n }}"}, {"record": {"n": "x" * 500}}, ["'s'", "'count'", "a whole number"]),
        ({"labels": {"a": 1}}, {}, ["'labels'", "a list (each a text)"]),
        ({"email": ""}, {}, ["'email' or 'phone' must have a value"]),
    ],
)
def test_a_mistake_names_step_field_and_what_was_wanted(
    fields: dict[str, Any], context: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(FieldsError) as caught:
        render(fields, context)
    for word in words:
        assert word in caught.value.message
    assert len(caught.value.message) < 500


def test_a_template_that_fails_names_step_and_field() -> None:
    with pytest.raises(MappingError, match=r"Step 's', field 'properties\.a'"):
        render({"properties": {"a": "{{ nobody.knows }}"}})


def test_a_retry_sends_the_very_same_values() -> None:
    mapping = FieldMapping(Probe(), {**WHO, "count": str(10**30), "labels": "one"}, {}, step="s")
    typed = mapping.render({}).typed
    again = mapping.typed(typed.model_dump(mode="json", exclude_unset=True))
    assert again == typed
    assert again.model_fields_set == typed.model_fields_set


def test_a_preview_shows_every_leaf_mistakes_included() -> None:
    fields = {
        "name": "{{ record.n }}",
        "count": "{{ record.x }}",
        "properties": {"a": "{{ nope }}"},
        "email": "e",
    }
    mapping = FieldMapping(Probe(), fields, {}, step="s")
    states = {leaf.name: leaf.state for leaf in mapping.render_leaves({"record": {"x": "many"}})}
    assert states == {"name": "error", "count": "error", "properties.a": "error", "email": "value"}


def test_the_policy_of_a_leaf_is_its_own_or_its_fields() -> None:
    missing = {"properties": "null", "properties.a": "fail"}
    assert policy_for(Probe(), missing, ("properties", "a")) == "fail"
    assert policy_for(Probe(), missing, ("properties", "b")) == "null"
    assert policy_for(Probe(), {}, ("name",)) == "fail"
    assert policy_for(Probe(), {}, ("count",)) == "skip"
