from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from automations.connectors.clevertap.connection import ClevertapConnection
from automations.connectors.clevertap.settings import ClevertapSettings


def settings(**given: Any) -> ClevertapSettings:
    return ClevertapSettings(**{"account_id": "A-1", "passcode": "p-1", **given})


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu", "api.clevertap.com"), ("in1", "in1.api.clevertap.com"), ("mec1", "mec1.api.clevertap.com")],
)
def test_a_region_has_its_own_host(region: str, host: str) -> None:
    assert settings(region=region).root == f"https://{host}"
    assert ClevertapConnection().hosts(settings(region=region)) == {host}


def test_an_address_wins_over_the_region() -> None:
    values = settings(region="in1", base_url="http://127.0.0.1:8902/1/upload/")
    assert values.root == "http://127.0.0.1:8902"
    assert ClevertapConnection().hosts(values) == {"127.0.0.1:8902"}


@pytest.mark.parametrize(
    "given",
    [
        {"region": "eu2"},
        {"region": "evil.example"},
        {"base_url": "ftp://x"},
        {"base_url": "http://user@host"},
        {"base_url": "http://host/path"},
        {"passcode": ""},
        {"passcode": "two words"},
        {"account_id": "naïve"},
        {"token": "unknown"},
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)


def test_secrets_are_secret() -> None:
    assert ClevertapSettings.secret_names() == {"account_id", "passcode"}
    assert "p-1" not in repr(settings())
