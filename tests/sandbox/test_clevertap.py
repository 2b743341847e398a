"""CleverTap's addresses, over real HTTP."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from automations.sandbox import ClevertapSandbox
from automations.sandbox.clevertap_profiles import applied
from tests.sandbox.parts import PASSCODE, Api


def profile(identity: str, **data: Any) -> dict[str, Any]:
    return {"type": "profile", "identity": identity, "profileData": data}


def event(identity: str, **data: Any) -> dict[str, Any]:
    return {"type": "event", "identity": identity, "evtName": "Deal moved", "evtData": data, "ts": 1795343412}


def upload(api: Api, *records: Any, query: str = "") -> Any:
    reply = api("POST", f"/1/upload{query}", {"d": list(records)})
    assert reply.status_code == 200
    return reply.json()


def test_profiles_and_events_are_kept_in_one_mixed_call(ct: ClevertapSandbox, ct_api: Api) -> None:
    reply = upload(ct_api, profile("u", Name="A"), event("u", To="Won"), event("stranger"))
    assert reply == {"status": "success", "processed": 3, "unprocessed": []}
    assert ct.profiles == {"u": {"Name": "A"}, "stranger": {}}
    assert ct.events[0] == {
        "identity": "u",
        "evtName": "Deal moved",
        "evtData": {"To": "Won"},
        "ts": 1795343412,
    }
    assert [(call.records, call.taken, call.dry_run) for call in ct.calls] == [(3, 3, False)]


def test_refused_records_are_echoed_inside_a_200(ct: ClevertapSandbox, ct_api: Api) -> None:
    bad = profile("v", Email="nonsense")
    reply = upload(ct_api, profile("u"), bad, profile("w"))
    assert (reply["status"], reply["processed"]) == ("partial", 2)
    (refused,) = reply["unprocessed"]
    assert (refused["status"], refused["code"], refused["record"]) == ("fail", 515, bad)
    assert refused["error"].endswith("Skipped record number : 2")
    assert set(ct.profiles) == {"u", "w"}
    assert upload(ct_api, bad)["status"] == "fail"


def test_a_dry_run_stores_nothing(ct: ClevertapSandbox, ct_api: Api) -> None:
    reply = upload(ct_api, profile("u"), profile("v", Age="x"), query="?dryRun=1")
    assert (reply["status"], reply["processed"]) == ("partial", 1)
    assert (ct.profiles, ct.events) == ({}, [])
    assert ct.calls[0].dry_run


@pytest.mark.parametrize(
    "headers",
    [{"X-CleverTap-Passcode": "wrong"}, {"X-CleverTap-Account-Id": "other"}, {"X-CleverTap-Passcode": ""}],
)
def test_wrong_credentials_are_401(ct: ClevertapSandbox, ct_api: Api, headers: dict[str, str]) -> None:
    reply = ct_api("POST", "/1/upload", {"d": [profile("u")]}, headers=headers)
    assert reply.status_code == 401
    assert reply.json() == {"status": "fail", "error": "Invalid Credentials", "code": 401}
    assert ct.calls == []


@pytest.mark.parametrize(
    "body",
    [{}, {"d": []}, {"d": {}}, {"d": [profile("u")], "x": 1}, {"d": [profile("u")] * 1001}, [1]],
)
def test_a_malformed_call_is_400(ct: ClevertapSandbox, ct_api: Api, body: Any) -> None:
    reply = ct_api("POST", "/1/upload", body)
    assert reply.status_code == 400
    assert reply.json() == {"status": "fail", "error": "Malformed request", "code": 400}
    assert ct.profiles == {}


def test_the_body_must_be_json_and_say_so(ct_api: Api) -> None:
    assert ct_api("POST", "/1/upload", data='{"d": [').status_code == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ct_api("POST", "/1/upload", data='{"d": []}', headers=form).status_code == 400
    assert ct_api("GET", "/1/upload").status_code == 405
    assert ct_api("GET", "/1/nonsense").json()["status"] == "fail"


def test_the_sixteenth_call_at_once_is_429_without_advice(ct: ClevertapSandbox, ct_api: Api) -> None:
    ct.delay_next(60, times=15, path="/1/upload")
    statuses: list[int] = []

    def call() -> None:
        with Api(ct_api.url, dict(ct_api.session.headers)) as own:
            statuses.append(own("POST", "/1/upload", {"d": [profile("u")]}).status_code)

    callers = [threading.Thread(target=call) for _ in range(15)]
    for caller in callers:
        caller.start()
    while ct.in_flight["/1/upload"] < 15:
        time.sleep(0.005)
    refused = ct_api("POST", "/1/upload", {"d": [profile("u")]})
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    ct.behave()
    for caller in callers:
        caller.join(timeout=10)
    assert statuses == [200] * 15
    assert ct.peak_in_flight["/1/upload"] == 16


def test_partial_success_can_be_ordered(ct: ClevertapSandbox, ct_api: Api) -> None:
    ct.partial_next()
    reply = upload(ct_api, profile("a"), profile("b"), profile("c"))
    assert [item["code"] for item in reply["unprocessed"]] == [555]
    assert set(ct.profiles) == {"a", "c"}
    assert upload(ct_api, profile("b"), profile("d"))["status"] == "success"
    ct.partial_next(times=None)
    assert [upload(ct_api, profile("a"), profile("b"))["status"] for _ in range(3)] == ["partial"] * 3
    ct.behave()
    assert upload(ct_api, profile("a"), profile("b"))["status"] == "success"


def test_misbehaviour_is_shared(ct: ClevertapSandbox, ct_api: Api) -> None:
    ct.answer_next(429)
    reply = ct_api("POST", "/1/upload", {"d": [profile("u")]})
    assert (reply.status_code, reply.json()["error"]) == (429, "Too many concurrent requests")
    ct.hang_up_next(before_write=False)
    with pytest.raises(requests.ConnectionError):
        ct_api("POST", "/1/upload", {"d": [profile("u")]})
    assert set(ct.profiles) == {"u"}
    assert PASSCODE not in repr(ct.requests)


def test_a_profile_is_read_back(ct_api: Api) -> None:
    upload(ct_api, profile("u", Name="A", Email="a@b.example"), event("u"), event("u"))
    record = ct_api("GET", "/1/profile.json?identity=u").json()["record"]
    assert (record["email"], record["profileData"]["Name"]) == ("a@b.example", "A")
    assert record["events"]["Deal moved"]["count"] == 2
    assert ct_api("GET", "/1/profile.json?email=a@b.example").json()["record"] == record
    assert ct_api("GET", "/1/profile.json?identity=nobody").status_code == 404
    assert ct_api("GET", "/1/profile.json").status_code == 400


def test_profiles_are_deleted_with_their_events(ct: ClevertapSandbox, ct_api: Api) -> None:
    upload(ct_api, profile("a"), profile("b"), event("a"), event("b"))
    assert ct_api("POST", "/1/delete/profiles.json", {"identity": ["a", "nobody"]}).status_code == 200
    assert set(ct.profiles) == {"b"}
    assert [item["identity"] for item in ct.events] == ["b"]
    for wrong in ({}, {"identity": 5}, {"identity": []}, {"identity": ["x"] * 101}):
        assert ct_api("POST", "/1/delete/profiles.json", wrong).status_code == 400


def test_operators_change_what_is_there() -> None:
    before = {"Name": "A", "Score": 5, "Tags": ["x", "y"], "Single": "one", "Old": 1}
    changes = {
        "Score": {"$incr": 2},
        "New": {"$decr": 3},
        "Tags": {"$remove": ["x"]},
        "Single": {"$add": ["two", "one"]},
        "Old": {"$delete": True},
        "List": ["a", "a"],
        "Name": {"$set": "B"},
    }
    after = applied(before, changes)
    assert after == {
        "Name": "B",
        "Score": 7,
        "Tags": ["y"],
        "Single": ["one", "two"],
        "New": -3,
        "List": ["a"],
    }
    assert applied({"Tags": ["x"]}, {"Tags": {"$remove": ["x"]}}) == {}
    assert before["Score"] == 5


def test_a_thousand_records_are_checked_quickly(ct: ClevertapSandbox) -> None:
    records = [
        profile(f"u{number}", Name="Ines", Email=f"a{number}@b.example", Value=number)
        for number in range(1000)
    ]
    started = time.thread_time()
    assert ct.upload(records)["processed"] == 1000
    assert time.thread_time() - started < 0.5, "about 10 ms on an idle machine"
