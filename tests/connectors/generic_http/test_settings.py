from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from automations.connectors.generic_http.connection import HttpConnection
from automations.connectors.generic_http.settings import HttpSettings


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "ftp://api.example.com"},
        {"base_url": "https://user:word@api.example.com"},
        {"base_url": "https://api.example.com/?a=1"},
        {"base_url": "api.example.com"},
        {"auth": "digest"},
        {"auth": "basic", "base_url": "https://api.example.com"},
        {"auth": "bearer", "base_url": "https://api.example.com"},
        {"auth": "header", "token": "x", "base_url": "https://api.example.com"},
        {"auth": "header", "token": "x", "header_name": "two words", "base_url": "https://api.example.com"},
        {"auth": "bearer", "token": "line\nbreak", "base_url": "https://api.example.com"},
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(**given)


def test_credentials_belong_to_one_place() -> None:
    with pytest.raises(ValidationError, match="Give the address"):
        HttpSettings(auth="bearer", token="x-1")


def test_calls_go_to_the_connections_host_only() -> None:
    kind = HttpConnection()
    assert kind.hosts(HttpSettings(base_url="https://API.example.com:8443/v2/")) == {"api.example.com:8443"}
    assert kind.hosts(HttpSettings()) is None


def test_secrets_are_secret() -> None:
    assert HttpSettings.secret_names() == {"username", "password", "token"}
