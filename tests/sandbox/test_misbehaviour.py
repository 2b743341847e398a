"""Orders to misbehave, over real connections."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import TOKEN, Api

PERSONS = "/api/v2/persons"


def test_a_429_is_answered_as_often_as_ordered(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_next(429, times=2, retry_after_s=2, path=PERSONS)
    assert api("GET", "/api/v2/deals").status_code == 200
    for _ in range(2):
        reply = api("POST", PERSONS, {"name": "A"})
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "2")
        assert reply.json()["success"] is False
    assert pd.records("person") == {}
    assert api("POST", PERSONS, {"name": "A"}).status_code == 200
    assert pd.orders_left == 0


def test_an_order_can_be_for_one_method_and_a_pattern_of_paths(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_next(500, path="/api/v2/*", method="PATCH")
    assert api("GET", PERSONS).status_code == 200
    assert api("PATCH", f"{PERSONS}/1", {"name": "A"}).status_code == 500


def test_work_can_be_done_before_the_failure(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_next(500, path=PERSONS, after_work=True)
    assert api("POST", PERSONS, {"name": "A"}).status_code == 500
    assert [row["name"] for row in pd.records("person").values()] == ["A"]


def test_an_answer_can_have_a_body_of_its_own(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_next(403, body="<html>Attention Required!</html>", headers={"cf-ray": "x"})
    reply = api("GET", PERSONS)
    assert reply.status_code == 403
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.headers["cf-ray"] == "x"


def test_answering_always_ends_with_behave(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_always(503)
    assert [api("GET", PERSONS).status_code for _ in range(3)] == [503] * 3
    pd.behave()
    assert api("GET", PERSONS).status_code == 200


@pytest.mark.parametrize(("before_write", "written"), [(True, 0), (False, 1)])
def test_a_hang_up_closes_the_connection_without_a_reply(
    pd: PipedriveSandbox, api: Api, before_write: bool, written: int
) -> None:
    pd.hang_up_next(before_write=before_write, path=PERSONS)
    with pytest.raises(requests.ConnectionError):
        api("POST", PERSONS, {"name": "A"})
    assert len(pd.records("person")) == written
    assert pd.requests[-1].status == 0
    assert api("GET", PERSONS).status_code == 200


def test_a_hang_up_sends_not_a_single_byte(pd: PipedriveSandbox, api: Api) -> None:
    pd.hang_up_next()
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(f"GET {PERSONS} HTTP/1.1\r\nHost: x\r\nx-api-token: {TOKEN}\r\n\r\n".encode())
        assert connection.recv(100) == b""


def test_garbage_is_a_200_that_is_not_json(pd: PipedriveSandbox, api: Api) -> None:
    pd.garbage_next(path=PERSONS, after_work=True)
    reply = api("POST", PERSONS, {"name": "A"})
    assert reply.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        reply.json()
    assert len(pd.records("person")) == 1


def test_a_delay_holds_the_reply_and_joins_another_order(pd: PipedriveSandbox, api: Api) -> None:
    pd.delay_next(0.2)
    pd.answer_next(500)
    started = time.monotonic()
    assert api("GET", PERSONS).status_code == 500
    assert time.monotonic() - started >= 0.2


def test_behaving_lets_go_of_held_requests(pd: PipedriveSandbox, api: Api) -> None:
    pd.delay_next(60, path=PERSONS)
    replies: list[int] = []
    caller = threading.Thread(target=lambda: replies.append(api("GET", PERSONS).status_code))
    caller.start()
    while pd.in_flight[PERSONS] == 0:
        time.sleep(0.005)
    pd.behave()
    caller.join(timeout=5)
    assert replies == [200]


def test_pages_for_people_never_misbehave(pd: PipedriveSandbox, api: Api) -> None:
    pd.answer_always(500)
    assert api("GET", "/").status_code == 200


def test_requests_are_remembered_without_secrets(pd: PipedriveSandbox, api: Api) -> None:
    api("POST", f"{PERSONS}?x=1", {"name": "A"})
    seen = pd.requests[-1]
    assert (seen.method, seen.path, seen.query, seen.status) == ("POST", PERSONS, {"x": "1"}, 200)
    assert seen.json == {"name": "A"}
    assert seen.headers["Content-Type"] == "application/json"
    assert TOKEN not in repr(seen)
    pd.keep_requests = 10
    for _ in range(15):
        api("GET", PERSONS)
    assert len(pd.requests) <= 10
