"""A sandbox account over real HTTP, and clients that reach it by the real door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from automations.connectors.http import Door, DoorMode, NetworkPolicy, SessionPool
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.sandbox import PipedriveSandbox
from tests.connectors.pipedrive.account_lists import Remembered

TOKEN = "tok-7d1c94e0b2aa4fd9"


@pytest.fixture
def pd() -> Iterator[PipedriveSandbox]:
    """An account; at its end nobody may have put the token into an address, or called what is retired."""
    sandbox = PipedriveSandbox(api_token=TOKEN, company_domain="lumen")
    yield sandbox
    assert sandbox.tokens_in_urls == 0
    assert [one.path for one in sandbox.requests if one.status == 410 and "/v1/" in one.path] == []


@pytest.fixture
def url(pd: PipedriveSandbox) -> Iterator[str]:
    with pd.serve(port=0) as server:
        yield server.url


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    pool = SessionPool(NetworkPolicy(["127.0.0.0/8"]))
    yield pool
    pool.close()


@pytest.fixture
def directory() -> Remembered:
    return Remembered()


@pytest.fixture
def connect(url: str, pool: SessionPool, directory: Remembered) -> Callable:
    """Return a client; settings may be given, and the mode of its door."""

    def open_client(door_mode: DoorMode = DoorMode.LIVE, remembered: Remembered | None = None, **settings):
        kind = PipedriveConnection()
        values = PipedriveSettings(base_url=url, **{"api_token": TOKEN, **settings})
        door = Door(
            pool,
            connection="acme",
            mode=door_mode,
            secrets=[values.api_token],
            allowed_hosts=kind.hosts(values),
        )
        return kind.client(values, door, directory if remembered is None else remembered)

    return open_client


@pytest.fixture
def client(connect: Callable):
    return connect()
