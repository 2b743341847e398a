"""A service over real HTTP that records what arrives, and a client that reaches it by the real door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from automations.connectors.generic_http.client import HttpClient
from automations.connectors.generic_http.connection import HttpConnection
from automations.connectors.generic_http.settings import HttpSettings
from automations.connectors.http import Door, DoorMode, Limits, NetworkPolicy, SessionPool
from tests.conformance.receiver import Receiver

TOKEN = "tok-5c0e9a1f77"

Connect = Callable[..., HttpClient]


@pytest.fixture
def service() -> Receiver:
    return Receiver(TOKEN)


@pytest.fixture
def url(service: Receiver) -> Iterator[str]:
    with service.serve(port=0) as server:
        yield server.url


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    made = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=Limits(2.0, 5.0, 10.0))
    yield made
    made.close()


@pytest.fixture
def connect(url: str, pool: SessionPool) -> Connect:
    """Return a client; settings may be given, and the mode of its door."""

    def open_client(mode: DoorMode = DoorMode.LIVE, **given: Any) -> HttpClient:
        values = HttpSettings(**{"base_url": url, "auth": "bearer", "token": TOKEN, **given})
        kind = HttpConnection()
        secrets = [values.username, values.password, values.token]
        door = Door(pool, connection="acme", mode=mode, secrets=secrets, allowed_hosts=kind.hosts(values))
        return HttpClient(values, door)

    return open_client


@pytest.fixture
def client(connect: Connect) -> HttpClient:
    return connect()
