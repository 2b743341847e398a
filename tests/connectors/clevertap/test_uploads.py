"""Records travel together; each keeps its own outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automations.connectors.clevertap.actions.upload_event import UploadEvent
from automations.connectors.clevertap.actions.upload_profile import UploadProfile
from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.uploads import UPLOAD
from automations.connectors.http import DoorMode
from automations.engine.contracts import BatchItem, Call, Outcome
from automations.errors import (
    CredentialsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from automations.sandbox import ClevertapSandbox
from tests.connectors.clevertap.conftest import ACCOUNT, PASSCODE, Connect

PROFILE, EVENT = UploadProfile(), UploadEvent()


def profile(identity: Any, *, validate: bool = False, **properties: Any) -> BatchItem:
    fields = UploadProfile.Fields(identity=str(identity), properties=properties)
    return BatchItem(PROFILE, fields, Call(f"key-{identity}", validate_only=validate))


def event(identity: Any, name: str = "Deal Won", **properties: Any) -> BatchItem:
    fields = UploadEvent.Fields(identity=str(identity), event_name=name, properties=properties)
    return BatchItem(EVENT, fields, Call(f"key-{identity}"))


def kinds(results: Any) -> list[type]:
    return [type(item.result) for item in results]


def test_profiles_and_events_share_a_call_and_keep_their_order(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    items = [profile(1, Name="Ines"), event(1), profile(2), event(2, Value=3)]
    results = UPLOAD.send(items, client)
    assert kinds(results) == [Outcome] * 4
    assert len(ct.calls) == 1
    assert ct.profiles["1"] == {"Name": "Ines"}
    assert [entry["identity"] for entry in ct.events] == ["1", "2"]
    sent = ct.requests[0].json["d"]
    assert [record["type"] for record in sent] == ["profile", "event", "profile", "event"]


def test_a_thousand_go_in_one_call_and_the_next_in_another(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    results = UPLOAD.send([profile(number) for number in range(1001)], client)
    assert kinds(results) == [Outcome] * 1001
    assert [call.records for call in ct.calls] == [1000, 1]


def test_a_call_stays_under_a_megabyte(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    notes = {f"note {number}": "x" * 500 for number in range(10)}
    UPLOAD.send([profile(number, **notes) for number in range(400)], client)
    assert len(ct.requests) == 3
    assert all(len(seen.body) <= 1_000_100 for seen in ct.requests)
    assert len(ct.profiles) == 400


def test_only_the_refused_record_is_refused(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.discarded_events = frozenset({"Old event"})
    results = UPLOAD.send([profile(1), event(1, "Old event"), event(1)], client)
    assert kinds(results) == [Outcome, RejectedError, Outcome]
    assert results[1].result.code == "528"
    assert "discarded" in results[1].result.message
    assert len(ct.events) == 1


def test_a_record_that_met_a_server_error_is_tried_again_alone(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    ct.partial_next()
    results = UPLOAD.send([profile(1), profile(2), profile(3)], client)
    assert kinds(results) == [Outcome, UnavailableError, Outcome]
    assert not results[1].result.whole_connection


def test_fields_that_do_not_fit_park_their_own_record_only(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    results = UPLOAD.send([profile(1, Phone="030"), profile(2)], client)
    assert kinds(results) == [RejectedError, Outcome]
    assert ct.calls[0].records == 1


def test_a_call_that_cannot_be_read_is_halved_until_the_culprit_is_found(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    # Of 8, then the first 4, then the first 2, then the first 1: the one that stays refused.
    ct.answer_next(400, times=4, path="/1/upload")
    results = UPLOAD.send([profile(number) for number in range(8)], client)
    assert kinds(results) == [RejectedError, *[Outcome] * 7]
    assert results[0].result.code == "400"
    assert list(ct.profiles) == [str(number) for number in range(1, 8)]


@pytest.mark.parametrize("body", ["<h1>Bad Request</h1>", ""])
def test_a_refusal_without_json_is_halved_too(
    ct: ClevertapSandbox, client: ClevertapClient, body: str
) -> None:
    ct.answer_next(413, body=body)
    assert kinds(UPLOAD.send([profile(1), profile(2)], client)) == [Outcome, Outcome]
    assert [call.records for call in ct.calls] == [1, 1]


def test_refused_credentials_name_the_region(connect: Connect) -> None:
    with pytest.raises(CredentialsError, match="region") as caught:
        UPLOAD.send([profile(1)], connect(passcode="wrong-111222"))
    assert "wrong-111222" not in caught.value.message


def test_credentials_refused_inside_a_200(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.answer_next(200, body=json.dumps({"status": "fail", "error": "Invalid Credentials", "code": 401}))
    with pytest.raises(CredentialsError):
        UPLOAD.send([profile(1)], client)


def test_too_many_calls_at_once_hold_the_whole_connection(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    ct.answer_next(429)
    with pytest.raises(UnavailableError) as caught:
        UPLOAD.send([profile(1), profile(2)], client)
    assert caught.value.whole_connection
    assert caught.value.retry_after_s is None


def test_what_was_taken_stays_taken_when_the_next_call_fails(
    ct: ClevertapSandbox, client: ClevertapClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    upload = client.upload

    def upload_with_a_limit_at_the_third(records: Any, **given: Any) -> Any:
        calls.append(len(records))
        if len(calls) == 3:
            ct.answer_next(429)
        return upload(records, **given)

    monkeypatch.setattr(client, "upload", upload_with_a_limit_at_the_third)
    ct.answer_next(400)
    results = UPLOAD.send([profile(number) for number in range(1, 5)], client)
    assert calls == [4, 2, 2]
    assert kinds(results) == [Outcome, Outcome, UnavailableError, UnavailableError]
    assert list(ct.profiles) == ["1", "2"]


def test_what_was_not_sent_yet_is_not_in_doubt(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.hang_up_next(times=5)
    results = UPLOAD.send([event(number) for number in range(1001)], client)
    assert kinds(results) == [*[OutcomeUnknownError] * 1000, UnavailableError]
    assert len(ct.requests) == 1


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"status": "maybe"}'])
def test_an_answer_that_is_not_cleverTaps_leaves_doubt(
    ct: ClevertapSandbox, client: ClevertapClient, body: str
) -> None:
    ct.answer_next(200, body=body)
    with pytest.raises(OutcomeUnknownError):
        UPLOAD.send([event(1)], client)


def test_each_record_sees_its_own_part_of_the_exchange(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.partial_next()
    results = UPLOAD.send([profile(1), profile(2, Name="Bo"), profile(3)], client)
    exchange = results[1].exchange
    assert exchange is not None
    assert exchange["body"] == {"d": [{"type": "profile", "identity": "2", "profileData": {"Name": "Bo"}}]}
    assert exchange["batch_size"] == 3
    assert exchange["status"] == 200
    assert [entry["code"] for entry in exchange["reply"]["unprocessed"]] == [555]
    assert results[0].exchange is not None
    assert results[0].exchange["reply"]["unprocessed"] == []
    shown = json.dumps([item.exchange for item in results])
    assert ACCOUNT not in shown
    assert PASSCODE not in shown


def test_a_check_stores_nothing_and_shares_no_call(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    results = UPLOAD.send([profile(1), profile(2, validate=True), profile(3)], client)
    assert [call.dry_run for call in ct.calls] == [False, True, False]
    assert list(ct.profiles) == ["1", "3"]
    assert "not stored" in results[1].result.summary
    assert ct.requests[1].query == {"dryRun": "1"}


def test_offline_shows_the_exact_request(connect: Connect, ct: ClevertapSandbox) -> None:
    client = connect(DoorMode.OFFLINE)
    (item,) = UPLOAD.send([profile(1, Name="Ines")], client)
    assert ct.requests == []
    assert isinstance(item.result, Outcome)
    assert item.exchange is not None
    assert item.exchange["body"] == {
        "d": [{"type": "profile", "identity": "1", "profileData": {"Name": "Ines"}}]
    }
    assert not item.exchange["sent"]


def test_mends_are_told_to_people_and_to_later_steps(client: ClevertapClient) -> None:
    item = profile(1, **{"utm.source": "fair"})
    outcome = PROFILE.perform(item.fields, client, item.call)
    assert outcome.outputs["mended"] == ["'utm.source' was sent as 'utm_source'"]
    assert outcome.outputs["identity"] == "1"
    assert "utm_source" in outcome.summary


def test_only_what_adds_up_may_not_be_repeated() -> None:
    fields = UploadProfile.Fields
    assert PROFILE.repeatable_for(fields(identity="1", operators={"unset": ["a"], "remove": {"b": "c"}}))
    assert not PROFILE.repeatable_for(fields(identity="1", operators={"increment": {"a": 1}}))
    assert not PROFILE.repeatable_for(fields(identity="1", operators={"append": {"a": "b"}}))
    assert not EVENT.repeatable_for(UploadEvent.Fields(identity="1", event_name="x"))
