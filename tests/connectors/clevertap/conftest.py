"""A sandbox account over real HTTP, and a client that reaches it by the real door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.connection import ClevertapConnection
from automations.connectors.clevertap.settings import ClevertapSettings
from automations.connectors.http import Door, DoorMode, Limits, NetworkPolicy, SessionPool
from automations.sandbox import ClevertapSandbox

ACCOUNT = "TEST-44Z-8W6Z"
PASSCODE = "pass-81fd02c97b"

Connect = Callable[..., ClevertapClient]


@pytest.fixture
def ct() -> ClevertapSandbox:
    return ClevertapSandbox(ACCOUNT, PASSCODE)


@pytest.fixture
def url(ct: ClevertapSandbox) -> Iterator[str]:
    with ct.serve(port=0) as server:
        yield server.url


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    made = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=Limits(2.0, 5.0, 10.0))
    yield made
    made.close()


@pytest.fixture
def connect(url: str, pool: SessionPool) -> Connect:
    """Return a client; settings may be given, and the mode of its door."""

    def open_client(mode: DoorMode = DoorMode.LIVE, **given: Any) -> ClevertapClient:
        values = ClevertapSettings(**{"account_id": ACCOUNT, "passcode": PASSCODE, "base_url": url, **given})
        kind = ClevertapConnection()
        secrets = [values.account_id, values.passcode]
        door = Door(pool, connection="acme", mode=mode, secrets=secrets, allowed_hosts=kind.hosts(values))
        return ClevertapClient(values, door)

    return open_client


@pytest.fixture
def client(connect: Connect) -> ClevertapClient:
    return connect()
