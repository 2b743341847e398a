"""The recorder of described services is strict: it says no to what the real one would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from automations.sandbox.described import DescribedSandbox
from automations.sandbox.serving import SandboxServer

TEXT = """
target: acme
auth: {bearer: "{{ settings.key }}"}
headers: {X-Version: "2"}
identity: {least_characters: 3}
time: {record: epoch_s}
values: {nested: json, key_bytes: 10, value_bytes: 20, most_keys: 3, forbidden: "."}
operators: {increment: {value: {add: "{{ value }}"}}}
profile:
  path: "/v1/{{ settings.place }}/people"
  into: people
  body: {type: bulk}
  record: {kind: profile, id: "{{ identity }}", a: "{{ data }}"}
  attributes: {checks: {email: email}}
event:
  path: /v1/events
  into: []
  record: {id: "{{ identity }}", name: "{{ name }}", at: "{{ time }}", key: "{{ key }}", a: "{{ data }}"}
batch: {records: 3, bytes: 2000, record_bytes: 500}
throttle: {concurrency: 4, requests: {limit: 50, window_s: 3600}}
answer:
  ok: [202]
  success: {ok: true}
  failures: [{list: errors, by: index, at: n, reason: why}]
test: {path: /v1/me}
"""
EVENT = {"id": "u-1", "name": "Won", "at": 1795344120, "key": "k-1", "a": {"x": 1}}
PROFILE = {"kind": "profile", "id": "u-1", "a": {"x": 1}}


@pytest.fixture
def service() -> DescribedSandbox:
    return DescribedSandbox(TEXT, {"key": "sesame", "place": "eu"})


@pytest.fixture
def server(service: DescribedSandbox) -> Iterator[SandboxServer]:
    with service.serve(port=0) as running:
        yield running


def post(server: SandboxServer, body: Any, path: str = "/v1/events", **headers: str) -> requests.Response:
    given = {"Authorization": "Bearer sesame", "X-Version": "2", "Connection": "close", **headers}
    return requests.post(server.url + path, json=body, headers=given, timeout=10)


def people(server: SandboxServer, *records: Any, **more: Any) -> requests.Response:
    return post(server, {"type": "bulk", "people": list(records), **more}, "/v1/eu/people")


def test_it_takes_what_is_right_and_keeps_it(server: SandboxServer, service: DescribedSandbox) -> None:
    answer = post(server, [EVENT])
    assert (answer.status_code, answer.json()) == (202, {"ok": True})
    assert people(server, PROFILE).status_code == 202
    assert service.events == [EVENT]
    assert service.profiles == {"u-1": {"x": 1}}


def test_a_second_copy_is_known_by_its_key(server: SandboxServer, service: DescribedSandbox) -> None:
    post(server, [EVENT, {**EVENT, "key": "k-2"}])
    post(server, [EVENT])
    assert len(service.events) == 2


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}])
def test_wrong_credentials_are_refused(server: SandboxServer, headers: dict[str, str]) -> None:
    assert post(server, [EVENT], **headers).status_code == 401


@pytest.mark.parametrize(
    ("body", "path", "headers", "status"),
    [
        ([EVENT], "/v1/nowhere", {}, 404),
        ([EVENT], "/v1/us/people", {}, 404),
        ([EVENT], "/v1/events", {"X-Version": "1"}, 400),
        ({"events": [EVENT]}, "/v1/events", {}, 400),
        ([], "/v1/events", {}, 400),
        ([EVENT] * 4, "/v1/events", {}, 400),
        ({"type": "other", "people": [PROFILE]}, "/v1/eu/people", {}, 400),
        ({"people": [PROFILE], "type": "bulk", "extra": 1}, "/v1/eu/people", {}, 400),
        ([{**EVENT, "a": {"x": "y" * 9000}}], "/v1/events", {}, 413),
    ],
)
def test_a_wrong_call_is_refused_as_a_whole(
    server: SandboxServer, service: DescribedSandbox, body: Any, path: str, headers: Any, status: int
) -> None:
    assert post(server, body, path, **headers).status_code == status
    assert (service.events, service.profiles) == ([], {})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": ""}, "no id"),
        ({"id": "ab"}, "no id of 3"),
        ({"id": 7}, "no id"),
        ({"name": None}, "missing"),
        ({"at": "2026-11-22T10:42:00Z"}, "no time"),
        ({"at": 1795344120000}, "no time"),
        ({"at": True}, "no time"),
        ({"key": ""}, "no key"),
        ({"a": []}, "no object"),
        ({"a": {"x.y": 1}}, "forbidden"),
        ({"a": {"x" * 11: 1}}, "too long a name"),
        ({"a": {"x": "y" * 21}}, "too long"),
        ({"a": {"x": {"y": 1}}}, "nested"),
        ({"a": {"b": 1, "c": 2, "d": 3, "e": 4}}, "too many names"),
        ({"other": 1}, "not known"),
    ],
)
def test_a_wrong_record_is_told_and_the_others_are_taken(
    server: SandboxServer, service: DescribedSandbox, change: dict[str, Any], why: str
) -> None:
    answer = post(server, [EVENT, {**EVENT, "key": "k-2", **change}]).json()
    assert [entry["n"] for entry in answer["errors"]] == [1]
    assert why in answer["errors"][0]["why"]
    assert service.events == [EVENT]
    assert len(service.dropped) == 1


def test_checks_and_changes_of_profiles_are_known(server: SandboxServer) -> None:
    fine = {**PROFILE, "a": {"n": {"add": 5}, "email": "a@b.example"}}
    assert "errors" not in people(server, fine).json()
    assert "invalid" in people(server, {**PROFILE, "a": {"email": "nobody"}}).json()["errors"][0]["why"]
    assert "must be 'profile'" in people(server, {**PROFILE, "kind": "x"}).json()["errors"][0]["why"]


def test_more_calls_than_its_window_allows_are_refused(server: SandboxServer) -> None:
    statuses = {post(server, [{**EVENT, "key": f"k{n}"}]).status_code for n in range(51)}
    assert statuses == {202, 429}


def test_the_harmless_call_stores_nothing(server: SandboxServer, service: DescribedSandbox) -> None:
    headers = {"Authorization": "Bearer sesame", "Connection": "close"}
    assert requests.get(server.url + "/v1/me", headers=headers, timeout=10).status_code == 200
    assert service.calls == []
