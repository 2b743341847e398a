"""A recipe cannot call the app that it runs in."""

from __future__ import annotations

import pytest

from automations.connectors.own_address import NeverItself
from automations.errors import BlockedAddressError


def policy(own: str) -> NeverItself:
    return NeverItself(["127.0.0.0/8"], own, resolve=lambda host, port, timeout_s: ["127.0.0.1"])


@pytest.mark.parametrize(
    ("own", "host", "port"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000),
        ("https://hooks.example.com", "hooks.example.com", 443),
        ("https://hooks.example.com/", "HOOKS.example.com.", 443),
    ],
)
def test_the_public_address_is_refused(own: str, host: str, port: int) -> None:
    with pytest.raises(BlockedAddressError, match="this app itself"):
        policy(own).addresses(host, port, 1)


def test_another_port_or_name_is_another_service() -> None:
    assert policy("http://127.0.0.1:8000").addresses("127.0.0.1", 8001, 1) == ["127.0.0.1"]
    assert policy("https://hooks.example.com").addresses("shop.example.com", 8443, 1) == ["127.0.0.1"]


def test_an_address_that_is_none_refuses_nothing() -> None:
    assert policy("not an address").addresses("127.0.0.1", 8000, 1) == ["127.0.0.1"]
