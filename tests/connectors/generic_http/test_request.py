"""One call, as its author mapped it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automations.connectors.generic_http.actions.request import Request
from automations.connectors.generic_http.client import HttpClient
from automations.connectors.http import DoorMode
from automations.engine.contracts import Call, Outcome
from automations.errors import (
    FieldsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from tests.conformance.receiver import Receiver
from tests.connectors.generic_http.conftest import TOKEN, Connect

ACTION = Request()


def send(client: HttpClient, **given: Any) -> Outcome:
    fields = Request.Fields(**{"url": "/orders", **given})
    ACTION.check(fields)
    return ACTION.perform(fields, client, Call("run-7-step-2"))


@pytest.mark.parametrize(
    ("given", "content_type", "body"),
    [
        ({"body": {"ü": [1, None]}}, "application/json", '{"ü":[1,null]}'),
        ({"body": [1, 2]}, "application/json", "[1,2]"),
        ({"body": 7}, "application/json", "7"),
        ({"body": 2**70}, "application/json", str(2**70)),
        ({"body": "words"}, "text/plain; charset=utf-8", "words"),
        ({"body": "words", "body_as": "json"}, "application/json", '"words"'),
        ({"body": None, "body_as": "json"}, "application/json", "null"),
        ({"body": {"a": 1}, "body_as": "text"}, "text/plain; charset=utf-8", '{"a":1}'),
        (
            {"body": {"a": "b c", "n": [1, None, True], "x": None}, "body_as": "form"},
            "application/x-www-form-urlencoded",
            "a=b+c&n=1&n=true",
        ),
        (
            {"body": {"a": 1}, "headers": {"content-type": "application/json; v=2"}},
            "application/json; v=2",
            '{"a":1}',
        ),
    ],
)
def test_bodies(
    service: Receiver, client: HttpClient, given: dict[str, Any], content_type: str, body: str
) -> None:
    send(client, **given)
    seen = service.requests[-1]
    assert (seen.headers["Content-Type"], seen.body.decode()) == (content_type, body)


def test_without_a_body_nothing_is_sent(service: Receiver, client: HttpClient) -> None:
    for given in (
        {"method": "GET"},
        {"method": "DELETE", "url": "/orders/1"},
        {"method": "GET", "body": None},
    ):
        send(client, **given)
        assert service.requests[-1].body == b""
        assert "Content-Type" not in service.requests[-1].headers


def test_a_query_is_added_to_the_address(service: Receiver, client: HttpClient) -> None:
    query = {"q": "a&b=c", "tags": ["x", "y"], "on": True, "none": None}
    outcome = send(client, method="GET", url="/orders?page=2", query=query)
    assert outcome.outputs["json"]["asked"] == {
        "page": ["2"],
        "q": ["a&b=c"],
        "tags": ["x", "y"],
        "on": ["true"],
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"query": {"a": {"b": 1}}}, "query.a"),
        ({"body": "words", "body_as": "form"}, "body"),
        ({"body": {"a": {"b": 1}}, "body_as": "form"}, "body.a"),
        ({"success_if": "reply.status =="}, "success_if"),
        ({"success_if": "{% if 1 %}{% endif %}"}, "success_if"),
    ],
)
def test_what_cannot_be_sent_is_found_before(client: HttpClient, given: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldsError) as caught:
        send(client, **given)
    assert caught.value.field == field
    assert client.door.exchanges == []


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Cookie", "two words"])
def test_headers_that_belong_to_the_connection_are_refused(client: HttpClient, name: str) -> None:
    with pytest.raises(RejectedError):
        send(client, headers={name: "x"})


def test_the_idempotency_key_is_the_deliverys_own(service: Receiver, client: HttpClient) -> None:
    assert send(client, body={"a": 1}).outputs["json"] == {"id": "1"}
    assert send(client, body={"a": 1}).outputs["json"] == {"id": "1"}
    assert service.requests[-1].headers["Idempotency-Key"] == "run-7-step-2"
    send(client, body={"a": 1}, idempotency_key=False)
    assert "Idempotency-Key" not in service.requests[-1].headers
    send(client, body={"a": 1}, headers={"idempotency-key": "mine"})
    assert service.requests[-1].headers["Idempotency-Key"] == "mine"
    send(client, method="GET")
    assert "Idempotency-Key" not in service.requests[-1].headers


@pytest.mark.parametrize(
    ("method", "with_key", "repeatable"),
    [
        ("POST", True, True),
        ("POST", False, False),
        ("PATCH", False, False),
        ("PUT", False, True),
        ("DELETE", False, True),
        ("GET", False, True),
    ],
)
def test_what_may_be_sent_again(method: str, with_key: bool, repeatable: bool) -> None:
    fields = Request.Fields(url="/x", method=method, idempotency_key=with_key)
    assert ACTION.repeatable_for(fields) is repeatable


def test_outputs_are_the_reply(client: HttpClient) -> None:
    outputs = send(client, method="GET").outputs
    assert outputs["status"] == 200
    assert outputs["headers"]["content-type"] == "application/json"
    assert outputs["json"] == {"orders": [], "asked": {}}
    assert outputs["text"] == ""


def test_a_text_reply_is_text(service: Receiver, client: HttpClient) -> None:
    service.answer_next(200, body="<p>thanks</p>", headers={"Set-Cookie": "session=1"})
    outputs = send(client).outputs
    assert (outputs["json"], outputs["text"]) == (None, "<p>thanks</p>")
    assert "set-cookie" not in outputs["headers"]


def test_a_long_text_is_cut(service: Receiver, client: HttpClient) -> None:
    service.answer_next(200, body="<" + "x" * 2_000_000)
    assert len(send(client).outputs["text"]) == 65_536


def test_an_echoed_token_does_not_come_out(service: Receiver, client: HttpClient) -> None:
    service.answer_next(200, body=json.dumps({"you": f"Bearer {TOKEN}", "access_token": "next"}))
    assert send(client).outputs["json"] == {"you": "Bearer •••", "access_token": "next"}


@pytest.mark.parametrize(
    "rule", ["reply.json.ok", "{{ reply.json.ok }}", "reply.status == 200 and reply.json['ok']"]
)
def test_the_authors_rule_decides_what_a_success_is(service: Receiver, client: HttpClient, rule: str) -> None:
    service.answer_next(200, body='{"ok": true}')
    assert send(client, success_if=rule).outputs["json"] == {"ok": True}
    service.answer_next(200, body='{"ok": false}')
    with pytest.raises(RejectedError, match="does not call that a success"):
        send(client, success_if=rule)


def test_a_rule_may_take_a_not_found_for_an_answer(client: HttpClient) -> None:
    outcome = send(client, method="GET", url="/nowhere", success_if="reply.status in [200, 404]")
    assert outcome.outputs["status"] == 404
    with pytest.raises(RejectedError) as caught:
        send(client, method="GET", url="/nowhere", success_if="reply.status == 200")
    assert caught.value.code == "404"


def test_a_rule_about_what_is_not_there_is_no_success(service: Receiver, client: HttpClient) -> None:
    service.answer_next(200, body="<p>")
    with pytest.raises(RejectedError):
        send(client, success_if="reply.json.ok")


def test_a_rule_cannot_make_limits_or_doubts_a_success(service: Receiver, client: HttpClient) -> None:
    for status, error in ((429, UnavailableError), (503, UnavailableError), (500, OutcomeUnknownError)):
        service.answer_next(status)
        with pytest.raises(error):
            send(client, success_if="true")


def test_a_redirect_is_not_followed(service: Receiver, client: HttpClient) -> None:
    service.answer_next(302, headers={"Location": "http://evil.example/"})
    with pytest.raises(RejectedError, match=r"evil\.example"):
        send(client, success_if="true")
    assert len(service.requests) == 1


def test_a_test_run_judges_no_presumed_reply(connect: Connect, service: Receiver) -> None:
    client = connect(DoorMode.OFFLINE)
    outcome = send(client, body={"a": 1}, success_if="reply.json.ok")
    assert service.requests == []
    assert outcome.outputs["json"] is None
    assert client.door.exchanges[-1].as_json()["body"] == {"a": 1}


def test_a_call_that_writes_says_how_many_runs_lie_behind_it(service: Receiver, client: HttpClient) -> None:
    fields = Request.Fields(url="/orders", body={"a": 1}, headers={"automations-hop": "0"})
    ACTION.perform(fields, client, Call("run-7-step-2", depth=2))
    assert service.requests[-1].headers["Automations-Hop"] == "3"
    send(client, body={"a": 1})
    assert service.requests[-1].headers["Automations-Hop"] == "1"
    send(client, method="GET")
    assert "Automations-Hop" not in service.requests[-1].headers
