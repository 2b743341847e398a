"""What a call writes and what the webhook tells are one form, so that an echo is known."""

from __future__ import annotations

from typing import Any

import pytest

from automations.connectors.pipedrive import imprints
from automations.engine.contracts import Imprint, Occurrence, Verb

KEY = "a" * 40


class Memory(dict[str, Any]):
    """Only the list of who we are."""


def happened(
    action: str, record: dict[str, Any], previous: dict[str, Any] | None = None, **facts: Any
) -> Occurrence:
    entity = facts.pop("entity", "deal")
    facts = {"change_source": "api", "user_id": 7, **facts}
    key = f"{entity}:{record['id']}"
    return Occurrence(f"{entity}.{action}", entity, record, previous, key, facts=facts)


def told(occurrence: Occurrence, me: int | None = 7) -> Imprint | None:
    return imprints.of_event(occurrence, Memory({"me": {"id": me}} if me else {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PATCH", "/api/v2/deals/5", {"title": "A"}, [(Verb.CHANGE, "deal:5")]),
        ("PUT", "/api/v1/notes/5", {"content": "A"}, [(Verb.CHANGE, "note:5")]),
        ("POST", "/api/v2/persons", {"name": "A"}, [(Verb.CREATE, "")]),
        ("DELETE", "/api/v2/deals/5", None, [(Verb.DELETE, "deal:5")]),
        (
            "PUT",
            "/api/v1/persons/5/merge",
            {"merge_with_id": 6},
            [(Verb.MERGE, "person:6"), (Verb.DELETE, "person:5")],
        ),
        ("POST", "/api/v2/deals/5/products", {"product_id": 1}, [(Verb.TOUCH, "deal:5")]),
        (
            "POST",
            "/api/v2/activities",
            {"subject": "Call", "deal_id": 5, "person_id": 9},
            [(Verb.CREATE, ""), (Verb.TOUCH, "deal:5"), (Verb.TOUCH, "person:9")],
        ),
        ("POST", "/api/v1/webhooks", {"event_object": "deal"}, []),
        ("POST", "/api/v2/deals", [1], [(Verb.CREATE, "")]),
    ],
)
def test_calls_leave_what_they_write(
    method: str, path: str, body: Any, expected: list[tuple[Verb, str]]
) -> None:
    assert [(one.verb, one.record_key) for one in imprints.of_call(method, path, body)] == expected


def test_the_key_of_what_was_made_comes_from_the_answer() -> None:
    assert imprints.made_by("/api/v2/deals", {"id": 12}) == "deal:12"
    assert imprints.made_by("/api/v1/webhooks", {"id": 12}) == ""


def test_a_change_tells_the_fields_that_can_be_written() -> None:
    record = {"id": 5, "title": "B", "value": 3, "update_time": "x", "activities_count": 2}
    imprint = told(happened("change", record, {"title": "A", "activities_count": 1}))
    assert imprint is not None
    assert (imprint.verb, imprint.record_key, imprint.values) == (Verb.CHANGE, "deal:5", {"title": "B"})


@pytest.mark.parametrize("facts", [{"change_source": "app"}, {"user_id": 8}, {"entity": "pipeline"}])
def test_what_a_person_or_another_user_did_is_never_ours(facts: dict[str, Any]) -> None:
    assert told(happened("change", {"id": 5, "title": "B"}, {"title": "A"}, **facts)) is None


def test_as_long_as_we_do_not_know_who_we_are_the_values_decide() -> None:
    assert told(happened("change", {"id": 5, "title": "B"}, {"title": "A"}, user_id=8), me=None) is not None


def test_a_change_that_tells_no_value_is_not_claimed_before_we_know_who_we_are() -> None:
    count = happened("change", {"id": 5, "activities_count": 2}, {"activities_count": 1})
    assert told(count, me=None) is None
    assert told(happened("delete", {"id": 5}), me=None) is None
    nobody_named = happened("change", {"id": 5, "activities_count": 2}, {"activities_count": 1}, user_id=None)
    assert told(nobody_named) is None


def test_a_count_says_what_moves_it_and_an_activity_of_ours_says_that_it_does() -> None:
    record = {"id": 5, "activities_count": 2, "unheard_of": 2, "update_time": "y"}
    imprint = told(happened("change", record, {"activities_count": 1, "unheard_of": 1, "update_time": "x"}))
    assert imprint is not None
    assert imprint.derived == {"activities_count": {"activity", "merge"}, "unheard_of": frozenset()}
    _, touched = imprints.of_call("POST", "/api/v2/activities", {"subject": "Call", "deal_id": 5})
    assert touched.values == {"activity": None}


@pytest.mark.parametrize(
    ("entity", "written", "found"),
    [
        ("deal", {"value": 900}, {"value": 900.0}),
        ("deal", {"label_ids": [3, 1]}, {"label_ids": [1, 3]}),
        (
            "deal",
            {"custom_fields": {KEY: {"value": 9, "currency": "EUR"}}},
            {"custom_fields": {KEY: {"currency": "EUR", "value": 9}}},
        ),
        ("deal", {"custom_fields": {KEY: None}}, {"custom_fields": {KEY: ""}}),
        (
            "lead",
            {KEY: 9, f"{KEY}_currency": "EUR"},
            {"custom_fields": {KEY: {"value": 9, "currency": "EUR"}}},
        ),
        (
            "organization",
            {"address": {"value": "Rue 1"}},
            {"address": {"value": "Rue 1", "route": "Rue", "country": "FR"}},
        ),
        ("activity", {"due_time": "09:30"}, {"due_time": "09:30:00"}),
        (
            "person",
            {"emails": [{"value": "a@x.example", "label": "work", "primary": True}]},
            {"emails": [{"primary": True, "value": "a@x.example", "label": "work"}]},
        ),
    ],
)
def test_both_sides_have_one_form(entity: str, written: dict[str, Any], found: dict[str, Any]) -> None:
    assert imprints.written_values(entity, written) == imprints.written_values(entity, found)


def test_zero_and_false_are_values_and_nothing_is_not() -> None:
    values = imprints.written_values("deal", {"value": 0, "is_archived": False, "title": ""})
    assert values == {"value": 0.0, "is_archived": False, "title": None}


def test_a_swept_change_whose_old_values_nobody_knows_is_not_taken_for_ours() -> None:
    known = happened("change", {"id": 5, "title": "A"}, {"title": "B"}, listed="sweep")
    unknown = happened("change", {"id": 5, "title": "A"}, None, listed="sweep")
    assert told(known) is not None
    assert told(unknown) is None
