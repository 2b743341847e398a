"""The server: keep-alive, prompt replies, odd requests, and a close that really closes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import TOKEN, Api

HEAD = f"Host: x\r\nx-api-token: {TOKEN}\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(api: Api) -> Iterator[socket.socket]:
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        yield connection


def answer(api: Api, raw: str) -> bytes:
    """Everything that comes back until the server closes."""
    with connected(api) as connection:
        connection.sendall(raw.encode())
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks)


def test_one_connection_serves_many_requests_promptly(api: Api) -> None:
    api("GET", "/api/v2/deals")
    took_s = []
    for _ in range(50):
        started_s = time.monotonic()
        api("POST", "/api/v2/persons", {"name": "A"})
        took_s.append(time.monotonic() - started_s)
    assert min(took_s) < 0.03, "a reply that waits for the client's acknowledgement takes 40 ms"


def test_two_requests_in_one_packet_get_two_replies(api: Api) -> None:
    one = f"GET /api/v2/deals HTTP/1.1\r\n{HEAD}\r\n"
    last = f"GET /api/v2/deals HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n"
    assert answer(api, one + last).count(b"HTTP/1.1 200 OK") == 2


def test_chunked_bodies_and_continue_are_understood(pd: PipedriveSandbox, api: Api) -> None:
    chunks = 'f\r\n{"name": "Chunk\r\n5;x=y\r\ned"} \r\n0\r\n\r\n'
    raw = f"POST /api/v2/persons HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
    reply = answer(api, f"{raw}Connection: close\r\n\r\n{chunks}")
    assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert [row["name"] for row in pd.records("person").values()] == ["Chunked"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("nonsense\r\n\r\n", b"400"),
        ("GET / HTTP/9\r\n\r\n", b"400"),
        (f"POST /api/v2/persons HTTP/1.1\r\n{HEAD}Content-Length: -5\r\n\r\n", b"400"),
        (f"POST /api/v2/persons HTTP/1.1\r\n{HEAD}Content-Length: 99999999\r\n\r\n", b"413"),
        (f"POST /api/v2/persons HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n-5\r\n", b"400"),
        ("GET / HTTP/1.1\r\n" + "X: y\r\n" * 200 + "\r\n", b"431"),
    ],
)
def test_what_is_not_http_is_refused_and_closed(api: Api, raw: str, status: bytes) -> None:
    assert answer(api, raw).startswith(b"HTTP/1.1 " + status)


def test_a_head_request_has_no_body(api: Api) -> None:
    reply = api("HEAD", "/api/v2/deals")
    assert (reply.status_code, reply.content) == (200, b"")


def test_a_closed_server_drops_its_open_connections(pd: PipedriveSandbox) -> None:
    server = pd.serve()
    with Api(server.url, {"x-api-token": TOKEN}) as api:
        assert api("GET", "/api/v2/deals").status_code == 200
        server.close()
        server.close()
        with pytest.raises(requests.ConnectionError):
            api("GET", "/api/v2/deals")


def test_a_port_can_be_taken_again_and_the_state_is_kept(pd: PipedriveSandbox) -> None:
    with pd.serve() as server:
        port = server.port
    made = pd.create("deal", {"title": "A"})
    with pd.serve(port=port) as server, Api(server.url, {"x-api-token": TOKEN}) as api:
        assert [row["id"] for row in api.data("GET", "/api/v2/deals")] == [made["id"]]
