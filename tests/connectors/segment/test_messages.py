"""Messages in the one shape that triggers and templates read."""

from __future__ import annotations

from typing import Any

import pytest

from automations.connectors.segment.messages import (
    NAMES,
    external_ids,
    fault,
    id_text,
    names_of,
    normalised,
    occurrence_of,
    record_key,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("cust-88", "cust-88"),
        (" cust-88 ", "cust-88"),
        (42, "42"),
        (42.0, "42"),
        (1.5, "1.5"),
        (2**70, str(2**70)),
        (1e300, "1e+300"),
        (float("nan"), ""),
        (True, ""),
        (None, ""),
        ({"id": 1}, ""),
    ],
)
def test_ids_become_text(value: Any, text: str) -> None:
    assert id_text(value) == text


def test_identify_has_its_traits_wherever_they_were_sent() -> None:
    record = normalised(
        {
            "type": "identify",
            "userId": 42,
            "traits": {"plan": "gold"},
            "context": {"traits": {"plan": "free", "email": "ines@fabrik.example"}},
        }
    )
    assert record["userId"] == "42"
    assert record["traits"] == {"plan": "gold", "email": "ines@fabrik.example"}


def test_traits_of_a_group_are_the_groups_alone() -> None:
    message = {
        "type": "group",
        "userId": "u",
        "groupId": 7,
        "traits": {"name": "Fabrik"},
        "context": {"traits": {"email": "ines@fabrik.example"}},
    }
    assert names_of(message)["traits"] == {"name": "Fabrik"}
    assert names_of(message)["groupId"] == "7"


def test_track_shows_the_traits_of_its_context() -> None:
    message = {
        "type": "track",
        "event": "Paid",
        "userId": "u",
        "context": {"traits": {"email": "ines@fabrik.example"}},
    }
    assert names_of(message)["traits"] == {"email": "ines@fabrik.example"}
    assert "traits" not in normalised(message)


def test_nulls_and_unknown_fields_stay_as_they_came() -> None:
    message = {
        "type": "track", "event": "Paid", "userId": "u", "anonymousId": None, "channel": "server",
        "_metadata": {"nodeVersion": "20"}, "properties": {"coupon": None, "total": 0, "note": ""}, "version": 2,
    }  # fmt: skip
    assert normalised(message) == message


def test_normalising_twice_changes_nothing() -> None:
    message = {
        "type": "identify",
        "userId": 42.0,
        "originalTimestamp": "2026-11-20T11:49:30Z",
        "sentAt": "2026-11-20T11:50:00Z",
        "receivedAt": "2026-11-20T12:00:00Z",
        "context": {"traits": {"a": 1}},
    }
    once = normalised(message)
    assert once["timestamp"] == "2026-11-20T11:59:30.000Z"
    assert normalised(once) == once


def test_every_name_is_there_also_when_the_message_has_none_of_it() -> None:
    names = names_of({"type": "alias", "userId": "new", "previousId": "old"})
    assert tuple(names) == NAMES
    assert names["traits"] == names["properties"] == names["context"] == {}
    assert (names["previousId"], names["groupId"]) == ("old", None)


def test_external_ids_of_both_spellings_are_found_and_the_last_of_a_type_wins() -> None:
    context = {
        "externalIds": [{"type": "crm", "id": "1", "collection": "users"}, {"type": "crm", "id": 2}],
        "externalId": [{"type": "pipedrivePersonId", "id": "5512"}, {"type": "", "id": "x"}, "junk"],
    }
    assert external_ids({"context": context}) == {"crm": "2", "pipedrivePersonId": "5512"}
    assert external_ids({"context": {"externalId": {"type": "crm", "id": "9"}}}) == {"crm": "9"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "identify", "userId": "u"}, None),
        ({"type": "identify", "anonymousId": "a"}, None),
        ({"type": "identify", "userId": 0}, None),
        ({"type": "page", "userId": "u", "properties": []}, None),
        ({"type": "track", "userId": "u", "event": "Paid", "properties": None}, None),
        ({"type": "group", "userId": "u", "traits": {"groupId": 7}}, None),
        ({"type": "alias", "userId": "u", "traits": {"previousId": "p"}}, None),
        ({"userId": "u"}, "bad_type"),
        ({"type": "merge", "userId": "u"}, "bad_type"),
        ({"type": ["track"], "userId": "u"}, "bad_type"),
        ({"type": "identify"}, "no_user_anon_id"),
        ({"type": "identify", "userId": " ", "anonymousId": None}, "no_user_anon_id"),
        ({"type": "identify", "userId": True}, "no_user_anon_id"),
        ({"type": "track", "userId": "u"}, "no_event"),
        ({"type": "group", "userId": "u"}, "no_group_id"),
        ({"type": "alias", "userId": "u"}, "no_previous_id"),
        ({"type": "alias", "anonymousId": "a", "previousId": "p"}, "no_previous_id"),
        ({"type": "identify", "userId": "u", "traits": "gold"}, "bad_message"),
        ({"type": "track", "userId": "u", "event": "Paid", "properties": [1]}, "bad_message"),
    ],
)
def test_a_message_that_no_recipe_could_use_is_told(message: dict[str, Any], code: str | None) -> None:
    found = fault(message)
    assert (found and found[0]) == code


def test_order_is_kept_by_user_and_else_by_visitor() -> None:
    assert record_key({"userId": 42, "anonymousId": "a"}) == "user:42"
    assert record_key({"anonymousId": "a"}) == "anonymous:a"
    assert len(record_key({"userId": "x" * 900})) <= 200


def test_label_says_what_and_who() -> None:
    message = {
        "type": "track",
        "event": "Paid",
        "userId": "u",
        "context": {"traits": {"email": "ines@fabrik.example"}},
    }
    assert occurrence_of(message).label == "Paid · ines@fabrik.example"
    assert occurrence_of({"type": "identify", "userId": "u"}).label == "u"
