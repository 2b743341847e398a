"""What every test may ask for: a fresh PostgreSQL database, a browser, and a network that ends at this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.network_guard import NetworkGuard, guarded_network
from tests.postgres_server import PostgresServer, running_postgres

# How long an example takes says more about what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def network_guard() -> Iterator[NetworkGuard]:
    """Refuse every connection of the test process to another machine, from the first test to the last."""
    with guarded_network() as guard:
        yield guard


@pytest.fixture(autouse=True)
def nothing_left_this_machine(network_guard: NetworkGuard) -> Iterator[None]:
    """Fail the test that reached for another machine, also when the code under test hid the refusal."""
    network_guard.attempts.clear()
    yield
    attempts, network_guard.attempts = network_guard.attempts, []
    assert not attempts, f"This test tried to {'; '.join(attempts)}."


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one PostgreSQL for all tests; most want `postgres_url` instead."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the `postgresql+psycopg://` address of an empty database of this test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start one Chromium for all tests; each test opens its own context in it and closes it."""
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()
