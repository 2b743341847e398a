"""Answers that are none, or that end elsewhere than they say, never become another call's."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from automations.connectors.http import Door, Limits, NetworkPolicy, SessionPool
from automations.errors import AutomationError, OutcomeUnknownError, RejectedError, UnavailableError
from tests.connectors.scripted_server import ScriptedServer, raw, reply

KEY = "pk_live_9f8e7d6c5b4a39281706f5e4d3c2b1a0"
MakeDoor = Callable[[], Door]


def answer(name: str) -> bytes:
    body = f'{{"id":"{name}"}}'.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def in_parts(*parts: bytes) -> Callable[[socket.socket, threading.Event], bool]:
    """Send parts, some time apart; the connection goes on."""

    def behave(sock: socket.socket, _: threading.Event) -> bool:
        for number, part in enumerate(parts):
            time.sleep(0.15 if number else 0)
            sock.sendall(part)
        return True

    return behave


@pytest.fixture
def make_door() -> Iterator[MakeDoor]:
    pool = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=Limits(2.0, 2.0, 4.0))
    yield lambda: Door(pool, connection="acme", secrets=[KEY])
    pool.close()


def post(door: Door, url: str) -> str:
    return str(door.send("POST", url, effect="write", json={}).json()["id"])


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 199 Whatever\r\n\r\n",
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["apart", "together"])
def test_what_is_said_before_an_answer_is_none(make_door: MakeDoor, first: bytes, together: bool) -> None:
    parts = [first + answer("A")] if together else [first, answer("A")]
    with ScriptedServer(in_parts(*parts), raw(answer("B"), go_on=True)) as server:
        assert post(make_door(), server.url("/a")) == "A"
        assert post(make_door(), server.url("/b")) == "B"
    assert server.connections == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + answer("A"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + answer("EVIL"),
        b"HTTP/1.1 103 Early Hints\r\n" + b"X-A: b\r\n" * 200 + b"\r\n" + answer("A"),
        b"HTTP/1.1 700 What\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["another protocol", "two lengths", "endless hints", "no status"],
)
def test_what_cannot_be_an_answer_leaves_a_write_in_doubt_and_the_next_call_alone(
    make_door: MakeDoor, wrong: bytes
) -> None:
    with ScriptedServer(
        raw(wrong, go_on=True), raw(wrong, go_on=True), raw(answer("B"), go_on=True)
    ) as server:
        door = make_door()
        with pytest.raises(OutcomeUnknownError):
            post(door, server.url("/a"))
        assert door.exchanges[0].sent
        with pytest.raises(UnavailableError):
            door.send("GET", server.url("/a"), effect="read")
        assert post(make_door(), server.url("/b")) == "B"


def test_two_lengths_that_are_the_same_are_one(make_door: MakeDoor) -> None:
    with ScriptedServer(
        raw(answer("A").replace(b"\r\n\r\n", b"\r\nContent-Length: 10\r\n\r\n"), go_on=True)
    ) as server:
        assert post(make_door(), server.url()) == "A"


def test_what_comes_after_an_answer_is_not_the_next_calls(make_door: MakeDoor) -> None:
    with ScriptedServer(
        raw(answer("A") + answer("EVIL"), go_on=True), raw(answer("B"), go_on=True)
    ) as server:
        assert post(make_door(), server.url("/a")) == "A"
        assert post(make_door(), server.url("/b")) == "B"


@pytest.mark.parametrize(
    "charset", ["iso-8859-12", "iso-8859-0", "iso-8859-99", "windows-1259", "windows-1252"]
)
def test_a_charset_that_is_none_is_read_as_utf8(make_door: MakeDoor, charset: str) -> None:
    with ScriptedServer(
        reply(200, b'{"id": "A"}', Content_Type=f"application/json; charset={charset}")
    ) as server:
        assert post(make_door(), server.url()) == "A"


def test_an_answer_that_we_cannot_deal_with_was_still_sent_for(
    make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("a bug of ours")

    monkeypatch.setattr("automations.connectors.http.receive", fail)
    with ScriptedServer() as server:
        door = make_door()
        with pytest.raises(OutcomeUnknownError):
            post(door, server.url())
        assert [(one.sent, one.status) for one in door.exchanges] == [(True, None)]
        with pytest.raises(UnavailableError):
            door.send("GET", server.url(), effect="read")


@pytest.mark.parametrize("body", ["{}", '{{"error": "{}"}}', '{{"errors": [{{"detail": "{}"}}]}}'])
@pytest.mark.parametrize("before", [150, 190, 290, 1_990])
def test_a_secret_that_an_answer_cuts_in_two_is_not_told(make_door: MakeDoor, body: str, before: int) -> None:
    said = body.format(f"{'x' * before} the key is {KEY}, which is wrong").encode()
    answer = b"HTTP/1.1 400 Bad\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(said) + said
    with ScriptedServer(raw(answer, go_on=True)) as server:
        door = make_door()
        with pytest.raises(AutomationError) as caught:
            post(door, server.url())
    assert isinstance(caught.value, RejectedError)
    for length in range(8, len(KEY) + 1):
        assert KEY[:length] not in caught.value.message
        assert KEY[:length] not in door.exchanges[0].error
