"""The ground the other tests stand on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Error

from tests.chromium import ChromiumMissingError, find_chromium
from tests.network_guard import NetworkGuard, OutsideWorldError
from tests.postgres_server import PostgresServer


@pytest.fixture
def guard(network_guard: NetworkGuard) -> Iterator[NetworkGuard]:
    """Give the guard and empty it afterwards: these tests reach for other machines on purpose."""
    yield network_guard
    network_guard.attempts.clear()


def test_connection_to_another_machine_is_refused_and_noted(guard: NetworkGuard) -> None:
    with pytest.raises(OutsideWorldError, match=r"reach 192\.0\.2\.1, port 443"):
        socket.create_connection(("192.0.2.1", 443), timeout=1)
    assert guard.attempts == ["reach 192.0.2.1, port 443"]


def test_datagram_to_another_machine_is_refused(guard: NetworkGuard) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        pytest.raises(OutsideWorldError, match=r"reach 192\.0\.2\.1"),
    ):
        sender.sendto(b"hello", ("192.0.2.1", 53))


def test_name_of_another_machine_is_not_looked_up(guard: NetworkGuard) -> None:
    with pytest.raises(OutsideWorldError, match=r"look up www\.iana\.org"):
        socket.getaddrinfo("www.iana.org", 443)


def test_reserved_name_is_answered_without_a_lookup(network_guard: NetworkGuard) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("api.clevertap.example", 443)
    assert network_guard.attempts == []


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


@pytest.mark.postgres
def test_each_use_of_postgres_is_an_empty_database(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE deal (id integer)")
    with postgres_server.fresh_database() as other:
        assert other != postgres_url
        with psycopg.connect(other.replace("+psycopg", "")) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
    assert tables == []


@pytest.mark.postgres
def test_postgres_wants_its_password(postgres_url: str) -> None:
    address = postgres_url.replace("+psycopg", "")
    password = address.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(address.replace(password, "wrong"))


@pytest.mark.browser
def test_browser_opens_no_page_of_another_machine(chromium: Browser) -> None:
    page = chromium.new_page()
    try:
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            page.goto("http://www.iana.org/", timeout=10_000)
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            page.goto("http://192.0.2.1/", timeout=10_000)
    finally:
        page.close()


def test_missing_browser_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TEST_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChromiumMissingError, match="install the package `chromium`"):
        find_chromium()
