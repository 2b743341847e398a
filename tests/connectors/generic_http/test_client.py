"""Where calls go, and with which credentials."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from automations.connectors.generic_http.client import HttpClient
from automations.connectors.generic_http.connection import HttpConnection
from automations.connectors.http import Door, NetworkPolicy, SessionPool
from automations.errors import BlockedAddressError, CredentialsError, FieldsError
from tests.conformance.receiver import Receiver
from tests.connectors.generic_http.conftest import TOKEN, Connect


def get(client: HttpClient, url: str, **headers: str) -> Any:
    return client.send("GET", url, query={}, headers=headers, content=None, content_type=None)


@pytest.mark.parametrize(
    ("base", "url", "whole"),
    [
        ("https://api.example.com", "/orders", "https://api.example.com/orders"),
        ("https://api.example.com/v2", "orders?a=b", "https://api.example.com/v2/orders?a=b"),
        ("https://api.example.com/v2", "", "https://api.example.com/v2"),
        ("https://api.example.com", "//evil.example/x", "https://api.example.com/evil.example/x"),
        (
            "https://api.example.com",
            "/to?next=http://x.example",
            "https://api.example.com/to?next=http://x.example",
        ),
        ("https://api.example.com", "https://API.example.com:443/a", "https://API.example.com:443/a"),
        ("", "https://other.example/x", "https://other.example/x"),
    ],
)
def test_an_address_is_whole_or_under_the_connections(
    connect: Connect, base: str, url: str, whole: str
) -> None:
    assert connect(base_url=base, auth="none").address(url) == whole


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.example.com", "http://api.example.com/orders"),
        ("https://api.example.com", "https://api.example.com:8443/orders"),
        ("https://api.example.com", "https://api.example.com.evil.example/"),
        ("https://api.example.com", "https://api.example.com@evil.example/"),
        ("https://api.example.com", "https://evil.example/https://api.example.com"),
        ("", "/orders"),
        ("", ""),
    ],
)
def test_an_address_elsewhere_is_refused_before_anything_leaves(
    connect: Connect, base: str, url: str
) -> None:
    client = connect(base_url=base, auth="none")
    with pytest.raises(FieldsError) as caught:
        get(client, url)
    assert caught.value.field == "url"
    assert client.door.exchanges == []


def test_the_network_policy_still_holds(pool: SessionPool, url: str) -> None:
    strict = SessionPool(NetworkPolicy())
    kind = HttpConnection()
    settings = kind.Settings()
    client = HttpClient(settings, Door(strict, connection="acme", allowed_hosts=kind.hosts(settings)))
    with pytest.raises(BlockedAddressError):
        get(client, f"{url}/orders")
    strict.close()


def test_a_bearer_token_wins_over_what_a_step_sets(service: Receiver, client: HttpClient) -> None:
    assert get(client, "/orders", authorization="Bearer mine").status == 200
    exchange = client.door.exchanges[-1].as_json()
    assert [name for name in exchange["headers"] if name.lower() == "authorization"] == ["Authorization"]
    assert TOKEN not in json.dumps(exchange)


def test_a_wrong_token_is_the_owners_matter(connect: Connect) -> None:
    with pytest.raises(CredentialsError):
        get(connect(token="wrong-1234567"), "/orders")


def test_basic_and_header_credentials(connect: Connect, service: Receiver) -> None:
    with pytest.raises(CredentialsError):
        get(connect(auth="basic", username="ada", password="pass-99887"), "/orders")
    with pytest.raises(CredentialsError):
        get(connect(auth="header", header_name="X-Api-Key"), "/orders", **{"x-api-key": "mine"})
    assert service.requests[1].headers["X-Api-Key"] == TOKEN


def test_echoed_credentials_are_hidden_and_other_tokens_are_not(connect: Connect) -> None:
    client = connect(auth="basic", username="ada", password="pass-99887")
    pair = base64.b64encode(b"ada:pass-99887").decode()
    value = {"echo": [f"Basic {pair}", "pass-99887"], "access_token": "for-the-next-step", "n": 1}
    assert client.without_secrets(value) == {
        "echo": ["Basic •••", "•••"],
        "access_token": "for-the-next-step",
        "n": 1,
    }


def test_a_service_that_answers_is_there(connect: Connect, service: Receiver, url: str) -> None:
    kind = HttpConnection()
    assert kind.test(connect()).facts == {"Status": "404"}
    assert kind.test(connect(base_url=f"{url}/orders")).facts == {"Status": "200"}
    assert "Nothing to try" in kind.test(connect(base_url="", auth="none", token="")).summary
    with pytest.raises(CredentialsError):
        kind.test(connect(base_url=f"{url}/orders", token="wrong-1234567"))
