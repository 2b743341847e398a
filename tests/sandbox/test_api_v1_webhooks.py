"""Registering webhooks: every documented rule, in the endpoint's own error shapes."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, hook_body

URL = "https://hooks.example.net/in/9f31"


def test_a_webhook_is_registered_listed_and_removed(api: Api) -> None:
    body = hook_body(URL, http_auth_user="pd", http_auth_password="long-random")
    reply = api("POST", "/v1/webhooks", body)
    assert (reply.status_code, reply.json()["status"]) == (201, "ok")
    hook = reply.json()["data"]
    assert (hook["version"], hook["is_active"], hook["type"]) == ("2.0", 1, "general")
    assert api.data("GET", "/api/v1/webhooks") == [hook]
    assert api("DELETE", f"/v1/webhooks/{hook['id']}").json() == {"status": "ok", "success": True}
    assert api.data("GET", "/v1/webhooks") == []
    gone = api("DELETE", f"/v1/webhooks/{hook['id']}")
    assert gone.status_code == 404
    assert gone.json() == {"status": "error", "success": False, "errors": {"id": ["not found"]}}


def test_the_version_is_2_unless_said_otherwise(api: Api) -> None:
    body = hook_body(URL)
    del body["version"]
    assert api.data("POST", "/v1/webhooks", body)["version"] == "2.0"
    assert api.data("POST", "/v1/webhooks", hook_body(URL, version="1.0"))["version"] == "1.0"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subscription_url", "not a url"),
        ("subscription_url", "ftp://example.net/x"),
        ("subscription_url", "https://acme.pipedrive.com/api/v1/persons"),
        ("subscription_url", None),
        ("event_action", "added"),
        ("event_object", "deals"),
        ("name", None),
        ("name", "x" * 256),
        ("version", 2),
        ("version", "3.0"),
        ("user_id", "9001"),
        ("http_auth_user", 5),
        ("surprise", "x"),
    ],
)
def test_a_webhook_that_breaks_a_rule_is_refused_by_key(api: Api, key: str, value: Any) -> None:
    reply = api("POST", "/v1/webhooks", hook_body(URL, **{key: value}))
    assert reply.status_code == 400
    body = reply.json()
    assert (body["status"], body["success"]) == ("error", False)
    assert list(body["errors"]) == [key]
    assert api.data("GET", "/v1/webhooks") == []


def test_a_webhook_of_an_unknown_user_is_forbidden(api: Api) -> None:
    reply = api("POST", "/v1/webhooks", hook_body(URL, user_id=4711))
    assert (reply.status_code, reply.json()) == (403, {"success": False, "message": "Forbidden"})


def test_the_forty_first_webhook_of_a_user_is_refused(api: Api) -> None:
    for _ in range(40):
        assert api("POST", "/v1/webhooks", hook_body(URL)).status_code == 201
    assert api("POST", "/v1/webhooks", hook_body(URL)).status_code == 422


def test_an_address_that_takes_no_connection_is_refused_when_verified(pd: PipedriveSandbox, api: Api) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/in"
        assert api("POST", "/v1/webhooks", hook_body(url)).status_code == 201
        pd.verify_url = True
        reply = api("POST", "/v1/webhooks", hook_body(url))
    assert reply.json()["errors"] == {"subscription_url": ["invalid or non-reachable URL"]}
    assert api("POST", "/v1/webhooks", hook_body(f"{api.url}/in")).status_code == 201
