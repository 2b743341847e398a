"""A sandbox of each kind, running; clients that know its credentials; and a receiver for its webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automations.sandbox import ClevertapSandbox, PipedriveSandbox
from tests.sandbox.parts import ACCOUNT_ID, PASSCODE, TOKEN, Api, Receiver


@pytest.fixture
def pd() -> Iterator[PipedriveSandbox]:
    """A Pipedrive account with nothing but its owner and one pipeline; not listening yet."""
    sandbox = PipedriveSandbox(api_token=TOKEN)
    yield sandbox
    sandbox.close()


@pytest.fixture
def api(pd: PipedriveSandbox) -> Iterator[Api]:
    """A client of the running `pd`."""
    with pd.serve() as server, Api(server.url, {"x-api-token": TOKEN}) as client:
        yield client


@pytest.fixture
def ct() -> ClevertapSandbox:
    return ClevertapSandbox(account_id=ACCOUNT_ID, passcode=PASSCODE)


@pytest.fixture
def ct_api(ct: ClevertapSandbox) -> Iterator[Api]:
    headers = {"X-CleverTap-Account-Id": ACCOUNT_ID, "X-CleverTap-Passcode": PASSCODE}
    with ct.serve() as server, Api(server.url, headers) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
