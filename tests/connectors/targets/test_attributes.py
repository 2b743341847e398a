"""Names and values fitted to what a target takes; what was changed is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automations.connectors.targets.library import compiled
from automations.connectors.targets.records import Neutral, Shaped, shape
from automations.errors import FieldsError


def shaped(data: dict[str, Any], *, of: str = "profile", **parts: Any) -> Shaped:
    operation = {"path": "/p", "record": {"id": "{{ identity }}", "a": "{{ data }}", "t": "{{ top }}"}}
    tree = {
        "target": "acme",
        "title": "Acme",
        "address": "https://acme.example",
        "profile": {**operation, "attributes": parts.pop("attributes", {})},
        "event": {**operation, "name": parts.pop("name", {})},
        **parts,
    }
    target = compiled(json.dumps(tree))
    neutral = Neutral({"user_id": "u-1"}, "Deal Won", None, data)
    return shape(target, target.operation(of), neutral, {}, delivery="run-1")


def sent(data: dict[str, Any], **parts: Any) -> Any:
    return shaped(data, **parts).records[0].get("a", {})


NESTED = {"a": {"b": 1, "c": {"d": None, "e": 2}}, "l": [1, 2], "o": [{"x": 1}]}


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("keep", NESTED),
        ("flatten", {"a.b": 1, "a.c.e": 2, "l": [1, 2], "o.0.x": 1}),
        ("json", {"a": '{"b":1,"c":{"d":null,"e":2}}', "l": [1, 2], "o": '[{"x":1}]'}),
        ("drop", {"l": [1, 2]}),
    ],
)
def test_nested_values_follow_the_policy(policy: str, wanted: Any) -> None:
    assert sent(NESTED, values={"nested": policy}) == wanted


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("keep", {"l": ["a", "a", 3]}),
        ("text", {"l": ["a", "3"]}),
        ("json", {"l": '["a","a",3]'}),
        ("drop", {}),
    ],
)
def test_lists_follow_the_policy(policy: str, wanted: Any) -> None:
    assert sent({"l": ["a", "a", 3]}, values={"lists": policy}) == wanted


def test_null_is_dropped_sent_or_removes() -> None:
    data = {"a": None, "b": 1}
    assert sent(data) == {"b": 1}
    assert sent(data, values={"null": "send"}) == {"a": None, "b": 1}
    unset = {"unset": {"value": {"$delete": True}}}
    assert sent(data, values={"null": "unset"}) == {"b": 1}
    tree = {"values": {"null": "unset"}}
    assert sent_with_operators(data, unset, tree) == {"b": 1, "a": {"$delete": True}}


def sent_with_operators(data: dict[str, Any], known: Any, parts: dict[str, Any], given: Any = None) -> Any:
    operation = {"path": "/p", "record": {"id": "{{ identity }}", "a": "{{ data }}", "<<": "{{ operators }}"}}
    tree = {
        "target": "acme",
        "title": "Acme",
        "address": "https://acme.example",
        "profile": operation,
        "event": operation,
        "operators": known,
        **parts,
    }
    target = compiled(json.dumps(tree))
    neutral = Neutral({"user_id": "u-1"}, data=data, operators=given or {})
    records = shape(target, target.profile, neutral, {}, delivery="run-1").records
    return records[0].get("a") if given is None else records


def test_zero_false_and_empty_text_are_values() -> None:
    data = {"a": 0, "b": False, "c": ""}
    assert sent(data, values={"nested": "json"}) == data


def test_names_are_cleaned_cut_and_never_lost_in_each_other() -> None:
    values = {"forbidden": ".$", "key_bytes": 6}
    assert sent({"a.b$c": 1, "ééééé": 2}, values=values) == {"a_b_c": 1, "ééé": 2}
    with pytest.raises(FieldsError, match="one would be lost"):
        sent({"a.b": 1, "a$b": 2}, values=values)
    with pytest.raises(FieldsError, match="a name that the service can keep"):
        sent({"...": 1}, values=values)


def test_long_values_are_cut_at_a_whole_character_and_that_is_said() -> None:
    made = shaped({"a": "é" * 10}, values={"value_bytes": 7})
    assert made.records[0]["a"] == {"a": "ééé"}
    assert made.notes == ["'a' was cut to 7 bytes"]


def test_too_many_names_are_refused() -> None:
    with pytest.raises(FieldsError, match="at most 2"):
        sent({"a": 1, "b": 2, "c": 3}, values={"most_keys": 2})


def test_names_become_snake_case_where_that_is_wanted() -> None:
    assert sent({"firstName": 1, "Deal value!": 2}, values={"case": "snake"}) == {
        "first_name": 1,
        "deal_value": 2,
    }


def test_checked_attributes_are_fitted_left_out_or_refused() -> None:
    rules: dict[str, Any] = {
        "rename": {"gender": "Gender"},
        "values": {"Gender": {"female": "F"}},
        "checks": {"Gender": {"one_of": ["F", "M"]}, "Email": "email", "Phone": "e164", "Age": "number"},
    }
    data = {"gender": "Female", "Email": "nobody", "Phone": "030 1", "Age": "42"}
    made = shaped(data, attributes=rules)
    assert made.records[0]["a"] == {"Gender": "F", "Age": 42}
    assert [note.split(" was")[0] for note in made.notes] == ["'Email'", "'Phone'", "'Age'"]
    with pytest.raises(FieldsError, match="is not an e-mail address"):
        shaped(data, attributes={**rules, "if_invalid": "refuse"})


def test_reserved_names_are_left_out_and_top_ones_stand_outside() -> None:
    made = shaped({"id": 1, "title": "x", "b": 2}, attributes={"reserved": ["id"], "top": ["title"]})
    assert made.records[0] == {"id": "u-1", "a": {"b": 2}, "t": {"title": "x"}}
    assert "keeps this name for itself" in made.notes[0]


def test_times_inside_the_data_are_written_as_the_target_wants() -> None:
    data = {"at": "2026-11-20T08:00:00+02:00", "day": "2026-11-20", "text": "2026-11-20 or so", "n": 5}
    found = sent(data, time={"in_data": "$D_{epoch_s}"})
    assert found == {"at": "$D_1795154400", "day": "$D_1795132800", "text": "2026-11-20 or so", "n": 5}


def test_changes_are_grouped_or_records_of_their_own() -> None:
    known = {
        "increment": {"value": {"$incr": "{{ value }}"}, "negative": {"$decr": "{{ value }}"}},
        "set_once": {"group": "$set_once"},
        "unset": {"record": {"id": "{{ identity }}", "$unset": "{{ change }}"}, "form": "names"},
    }
    given = {"increment": {"n": -2, "m": 3}, "set_once": {"first": "x"}, "unset": ["old", "older"]}
    assert sent_with_operators({"a": 1}, known, {}, given) == [
        {"id": "u-1", "a": {"a": 1, "n": {"$decr": 2}, "m": {"$incr": 3}}, "$set_once": {"first": "x"}},
        {"id": "u-1", "$unset": ["old", "older"]},
    ]
    assert sent_with_operators({}, known, {}, {"unset": "old"}) == [{"id": "u-1", "$unset": ["old"]}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"increment": {"n": "many"}}, "a number"),
        ({"increment": {"n": True}}, "a number"),
        ({"unset": 3}, "a name, or a list of names"),
        ({"increment": 3}, "a set of names and values"),
        ({"append": {"n": [1]}}, "does not know 'append'"),
        ({"double": {"n": 1}}, "There is no operator 'double'"),
        ({"increment": {"a": 1}}, "changed once"),
    ],
)
def test_changes_that_cannot_be_are_refused(given: Any, said: str) -> None:
    known = {"increment": {"value": {"$incr": "{{ value }}"}}, "unset": {"clear": True}}
    with pytest.raises(FieldsError, match=said):
        sent_with_operators({"a": 1}, known, {}, given)


def test_event_names_are_cleaned_and_reserved_ones_refused() -> None:
    rules = {"forbidden": "D", "reserved": ["_eal Won"]}
    with pytest.raises(FieldsError, match="keeps this event name"):
        shaped({}, of="event", name=rules)
    assert "'Deal Won' was sent as '_eal Won'" in shaped({}, of="event", name={"forbidden": "D"}).notes
