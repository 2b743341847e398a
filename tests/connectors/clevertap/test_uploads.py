"""Records travel together; each keeps its own outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automations.connectors.clevertap.actions.delete_profile import DeleteProfile
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


def test_profiles_and_events_share_a_call_profiles_first(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    items = [event(1), profile(1, Name="Ines"), event(2, Value=3), profile(2)]
    results = UPLOAD.send(items, client)
    assert kinds(results) == [Outcome] * 4
    assert len(ct.calls) == 1
    assert ct.profiles["1"] == {"Name": "Ines"}
    assert [entry["identity"] for entry in ct.events] == ["1", "2"]
    sent = ct.requests[0].json["d"]
    assert [record["type"] for record in sent] == ["profile", "profile", "event", "event"]


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


def refusing(code: int, **record: Any) -> str:
    entry = {"status": "fail", "code": code, "error": f"ErrorCode: {code}", "record": record}
    return json.dumps({"status": "partial", "processed": 1, "unprocessed": [entry]})


def choosy(identity: str, if_invalid: str, **properties: Any) -> BatchItem:
    fields = UploadProfile.Fields(identity=identity, properties=properties, if_invalid=if_invalid)
    return BatchItem(PROFILE, fields, Call(f"key-{identity}"))


PHONE = {"Phone": "+351912345678", "Name": "Ines"}
REFUSED = {"type": "profile", "identity": "1", "profileData": PHONE}


def test_a_key_that_cleverTap_refuses_is_left_out_and_the_rest_sent_once_more(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    ct.answer_next(200, body=refusing(516, **REFUSED))
    results = UPLOAD.send([choosy("1", "drop", **PHONE), profile(2)], client)
    assert kinds(results) == [Outcome, Outcome]
    assert [len(seen.json["d"]) for seen in ct.requests] == [2, 1]
    assert ct.profiles["1"] == {"Name": "Ines"}
    assert results[0].result.outputs["mended"] == [
        "'Phone' was left out: CleverTap does not take it (code 516)"
    ]


@pytest.mark.parametrize(
    ("if_invalid", "code", "calls"), [("park", 516, 1), ("drop", 515, 1), ("drop", 512, 1)]
)
def test_a_refusal_that_no_key_of_the_record_explains_stands(
    ct: ClevertapSandbox, client: ClevertapClient, if_invalid: str, code: int, calls: int
) -> None:
    ct.answer_next(200, body=refusing(code, **REFUSED))
    (item,) = UPLOAD.send([choosy("1", if_invalid, **PHONE)], client)
    assert isinstance(item.result, RejectedError)
    assert item.result.code == str(code)
    assert len(ct.requests) == calls


def test_a_second_refusal_stands(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    both = {**PHONE, "Email": "ines@lumen-mail.example"}
    ct.answer_next(200, body=refusing(516, **{**REFUSED, "profileData": both}))
    lighter = {name: value for name, value in both.items() if name != "Phone"}
    ct.answer_next(200, body=refusing(515, **{**REFUSED, "profileData": lighter}))
    (item,) = UPLOAD.send([choosy("1", "drop", **both)], client)
    assert isinstance(item.result, RejectedError)
    assert item.result.code == "515"
    assert len(ct.requests) == 2


def test_of_two_records_that_are_alike_each_has_its_own_outcome(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    ct.partial_next()
    results = UPLOAD.send([profile(1), profile(1), profile(1)], client)
    assert sorted(kind.__name__ for kind in kinds(results)) == ["Outcome", "Outcome", "UnavailableError"]
    listed = [item.exchange["reply"]["unprocessed"] for item in results if item.exchange is not None]
    assert sorted(len(entries) for entries in listed) == [0, 0, 1]


def test_an_event_too_old_for_live_campaigns_is_sent_and_says_so(client: ClevertapClient) -> None:
    fields = UploadEvent.Fields(identity="1", event_name="Deal Won", timestamp=1795343400)
    call = Call("key", now="2026-11-22T14:00:00Z")
    (item,) = UPLOAD.send([BatchItem(EVENT, fields, call)], client)
    assert isinstance(item.result, Outcome)
    assert "live campaigns do not react to it" in item.result.summary
    assert item.result.outputs["mended"] == []


def test_a_person_is_the_subject_of_profiles_events_and_deletes_alike() -> None:
    assert PROFILE.subject(UploadProfile.Fields(identity=" 7 ")) == "7"
    assert EVENT.subject(UploadEvent.Fields(identity="7", event_name="x")) == "7"
    assert DeleteProfile().subject(DeleteProfile.Fields(object_id="dev-1")) == "dev-1"


def test_an_account_gets_at_most_ten_calls_at_once() -> None:
    limits = UPLOAD.limits(None)
    assert (limits.max_records, limits.concurrent_calls) == (1000, 10)


def test_only_what_adds_up_may_not_be_repeated() -> None:
    fields = UploadProfile.Fields
    assert PROFILE.repeatable_for(fields(identity="1", operators={"unset": ["a"], "remove": {"b": "c"}}))
    assert not PROFILE.repeatable_for(fields(identity="1", operators={"increment": {"a": 1}}))
    assert not PROFILE.repeatable_for(fields(identity="1", operators={"append": {"a": "b"}}))
    assert not EVENT.repeatable_for(UploadEvent.Fields(identity="1", event_name="x"))
