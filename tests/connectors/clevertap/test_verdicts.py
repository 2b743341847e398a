"""A 200 proves nothing: what the reply says of each record."""

from __future__ import annotations

from typing import Any

import pytest

from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.verdicts import verdicts
from automations.errors import OutcomeUnknownError, RejectedError, UnavailableError
from tests.connectors.clevertap.conftest import PASSCODE


def record(identity: str, **data: Any) -> dict[str, Any]:
    return {"type": "profile", "identity": identity, "profileData": data}


THREE = [record("a", Email="x"), record("b", Age=2), record("c")]


def refusal(code: Any, echo: Any = None, error: str = "no") -> dict[str, Any]:
    entry = {"status": "fail", "code": code, "error": error}
    return entry if echo is None else {**entry, "record": echo}


def reply(*unprocessed: Any, processed: int | None = None, status: str = "partial") -> dict[str, Any]:
    taken = 3 - len(unprocessed) if processed is None else processed
    return {"status": status, "processed": taken, "unprocessed": list(unprocessed)}


def test_all_taken(client: ClevertapClient) -> None:
    assert verdicts(THREE, reply(status="success"), client) == [None, None, None]


def test_an_echoed_record_is_found_whatever_the_order_of_its_keys(client: ClevertapClient) -> None:
    echo = {"profileData": {"Age": 2}, "identity": "b", "type": "profile"}
    first, second, third = verdicts(THREE, reply(refusal(520, echo)), client)
    assert (first, third) == (None, None)
    assert isinstance(second, RejectedError)
    assert second.code == "520"
    assert "Age is invalid" in second.message


def test_the_word_success_does_not_hide_a_refused_record(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(515, THREE[0]), status="success"), client)
    assert isinstance(found[0], RejectedError)


def test_an_echo_that_was_changed_is_found_by_its_ids(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(514, record("c", added="by the server"))), client)
    assert [error is None for error in found] == [True, True, False]


def test_without_an_echo_the_number_in_the_message_counts(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(514, error="Bad. Skipped record number : 2")), client)
    assert [error is None for error in found] == [True, False, True]


def test_alike_records_are_refused_one_by_one(client: ClevertapClient) -> None:
    twins = [record("a"), record("a"), record("b")]
    body = reply(refusal(555, twins[0]), refusal(555, twins[0]))
    found = verdicts(twins, body, client)
    assert [error is None for error in found] == [False, False, True]


def test_a_server_error_is_tried_again_for_that_record_only(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(555, THREE[1]), refusal(515, THREE[0])), client)
    assert isinstance(found[0], RejectedError)
    assert isinstance(found[1], UnavailableError)
    assert not found[1].whole_connection
    assert found[2] is None


@pytest.mark.parametrize(
    "body",
    [
        reply(refusal(515, {"type": "profile", "identity": "z"}), processed=2),
        reply(refusal(515), processed=2),
        reply(refusal(515, error="Skipped record number : 9"), processed=2),
        reply(processed=2, status="success"),
    ],
)
def test_a_refusal_that_cannot_be_placed_leaves_every_record_in_doubt(
    client: ClevertapClient, body: dict[str, Any]
) -> None:
    assert all(isinstance(error, OutcomeUnknownError) for error in verdicts(THREE, body, client))


def test_what_was_placed_stays_placed_when_something_else_cannot_be(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(515, THREE[0]), refusal(516), processed=1), client)
    assert [type(error) for error in found] == [RejectedError, OutcomeUnknownError, OutcomeUnknownError]


def test_a_refused_call_holds_for_every_record(client: ClevertapClient) -> None:
    body = {"status": "fail", "error": "Account is suspended", "code": 402}
    found = verdicts(THREE, body, client)
    assert all(isinstance(error, RejectedError) and error.code == "402" for error in found)
    again = verdicts(THREE, {"status": "fail", "error": "later", "code": 429}, client)
    assert all(isinstance(error, UnavailableError) and error.whole_connection for error in again)


@pytest.mark.parametrize("entry", [None, 7, "x", [], {}, {"code": "?", "record": 5, "error": ["?"]}])
def test_odd_entries_do_no_harm(client: ClevertapClient, entry: Any) -> None:
    assert len(verdicts(THREE, reply(entry, processed=3), client)) == 3


def test_words_of_the_reply_are_masked(client: ClevertapClient) -> None:
    found = verdicts(THREE, reply(refusal(999, THREE[0], f"bad {PASSCODE} here")), client)
    assert found[0] is not None
    assert PASSCODE not in found[0].message
    assert "here" in found[0].message
