import gzip
import json
import socket
import traceback
import tracemalloc
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from automations.connectors.http import Door, Limits, NetworkPolicy, ReplyUnreadable, SessionPool
from automations.errors import OutcomeUnknownError, RejectedError, UnavailableError
from tests.connectors.scripted_server import ScriptedServer, drip, hang_up, raw, reply, reset, silence

TOKEN = "t0ken-of-acme"
QUICK = Limits(connect_s=2.0, read_s=1.0, total_s=2.0)
EFFECTS: tuple[Literal["read", "write"], ...] = ("read", "write")


@pytest.fixture
def door() -> Iterator[Door]:
    pool = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=QUICK)
    yield Door(pool, connection="acme", secrets=[TOKEN])
    pool.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# -- no answer --------------------------------------------------------------------------------


def test_without_a_connection_nothing_was_sent(door: Door) -> None:
    for url, fact in (
        (f"http://127.0.0.1:{closed_port()}/", "refused the connection"),
        ("http://nobody.invalid/", "could not be found"),
    ):
        with pytest.raises(UnavailableError, match=fact):
            door.send("POST", url, effect="write", json={})
        assert door.exchanges[-1].sent is False
        assert door.last_reply is None


PARTIAL = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
LOST = {
    "silence": silence,
    "hang-up": hang_up,
    "reset": reset,
    "garbage": raw(b"\x00\x01 not HTTP\r\n\r\n", go_on=False),
    "cut body": raw(PARTIAL + b"{}", go_on=False),
    "cut chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", go_on=False),
    "dripping headers": drip(b"HTTP/1.1 200 OK\r\nX-A: "),
    "dripping body": drip(PARTIAL),
    "endless headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 200),
    "endless continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("behaviour", LOST.values(), ids=LOST.keys())
def test_lost_answer_is_unknown_after_a_write_and_unavailable_after_a_read(
    door: Door, behaviour: Any
) -> None:
    with ScriptedServer(behaviour, behaviour) as server:
        for effect, wanted in zip(EFFECTS, (UnavailableError, OutcomeUnknownError), strict=True):
            with pytest.raises(wanted, match="no whole answer"):
                door.send("POST", server.url(), effect=effect, json={})
            kept = door.exchanges[-1]
            assert kept.sent
            assert kept.duration_ms < 10_000
    assert len(server.requests) == 2


def test_a_call_may_have_its_own_time_limit(door: Door) -> None:
    with ScriptedServer(silence) as server, pytest.raises(UnavailableError):
        door.send("GET", server.url(), effect="read", timeout_s=0.1)
    assert door.exchanges[0].duration_ms < 980


def test_status_counts_even_when_its_body_breaks_off(door: Door) -> None:
    partial = raw(PARTIAL.replace(b"200", b"422") + b"no such field", go_on=False)
    with ScriptedServer(partial) as server, pytest.raises(RejectedError, match="422: no such field"):
        door.send("POST", server.url(), effect="write", json={})


# -- how much of an answer ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": NaN}', b"{", b"[" * 5000 + b"]" * 5000])
def test_reply_that_is_not_json_is_unknown_after_a_write_and_unavailable_after_a_read(
    door: Door, body: bytes
) -> None:
    with ScriptedServer(reply(200, body), reply(200, body)) as server:
        for effect, wanted in zip(EFFECTS, (UnavailableError, OutcomeUnknownError), strict=True):
            got = door.send("POST", server.url(), effect=effect)
            with pytest.raises(ReplyUnreadable) as caught:
                got.json()
            assert isinstance(caught.value, wanted)
            assert caught.value.kind == wanted.kind


def test_big_whole_numbers_in_a_reply_stay_exact(door: Door) -> None:
    with ScriptedServer(reply(body=f'{{"id": {2**70}}}')) as server:
        assert door.send("GET", server.url(), effect="read").json() == {"id": 2**70}


def test_reply_is_read_to_one_mebibyte_and_kept_to_sixteen_kibibytes(door: Door) -> None:
    with ScriptedServer(reply(200, b"[" + b"1," * 2**20 + b"1]")) as server:
        got = door.send("POST", server.url(), effect="write", json={"a": ["é" * 30_000]})
        assert len(got.text) == 2**20
        with pytest.raises(OutcomeUnknownError, match="longer than 1 MiB"):
            got.json()
        assert door.send("GET", server.url(), effect="read").json() == {}
    assert server.connections == 2
    assert len(door.exchanges[0].reply) == 2**14
    assert isinstance(door.exchanges[0].body, str)
    assert len(door.exchanges[0].body) == 2**14


def test_gzip_is_read_and_a_gzip_bomb_is_cut_short(door: Door) -> None:
    bomb = gzip.compress(b"0" * (200 * 2**20), 9)
    with ScriptedServer(
        reply(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip"),
        reply(200, bomb, Content_Encoding="gzip"),
    ) as server:
        assert door.send("GET", server.url(), effect="read").json() == {"a": 1}
        tracemalloc.start()
        got = door.send("GET", server.url(), effect="read")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(got.text) == 2**20
    assert peak < 12 * 2**20


def test_body_that_lies_about_its_compression_is_unreadable(door: Door) -> None:
    with ScriptedServer(reply(200, b'{"a": 1}', Content_Encoding="gzip")) as server:
        got = door.send("POST", server.url(), effect="write")
        with pytest.raises(OutcomeUnknownError, match="compressed"):
            got.json()


def test_charset_of_the_reply_is_honoured(door: Door) -> None:
    with ScriptedServer(
        reply(200, "é".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1"),
        reply(200, b"\xff!", Content_Type="text/plain; charset=punycode"),
        reply(200, b'\xef\xbb\xbf{"a": 1}'),
    ) as server:
        texts = [door.send("GET", server.url(), effect="read") for _ in range(3)]
    assert [got.text for got in texts[:2]] == ["é", "\N{REPLACEMENT CHARACTER}!"]
    assert texts[2].json() == {"a": 1}


# -- what is kept of it --------------------------------------------------------------------------


def test_an_echoed_secret_shows_in_no_record_and_no_message(door: Door) -> None:
    body = json.dumps({"error": f"token {TOKEN} is wrong", "sent": {"x": [TOKEN]}, "escaped": "?"})
    sent = {"t": TOKEN, "password": "hunter2"}
    body = body.replace('"?"', '"' + "".join(f"\\u{ord(c):04x}" for c in TOKEN) + '"')
    with ScriptedServer(reply(422, body, X_Echo=TOKEN), reply(200, body)) as server:
        url = server.url(f"/x?key={TOKEN}&api_token=other-secret")
        with pytest.raises(RejectedError, match=r"422: token ••• is wrong\.") as caught:
            door.send("POST", url, effect="write", json=sent)
        assert door.last_reply is not None
        assert TOKEN in door.last_reply.text
        assert TOKEN in door.send("POST", url, effect="write").text
    shown = json.dumps([exchange.as_json() for exchange in door.exchanges]) + "".join(
        traceback.format_exception(caught.value)
    )
    for secret in (TOKEN, "hunter2", "other-secret"):
        assert secret not in shown


def test_a_failed_connection_does_not_leak_the_url_through_its_cause(door: Door) -> None:
    url = f"http://127.0.0.1:{closed_port()}/x?api_token=other-secret&b={TOKEN}"
    with pytest.raises(UnavailableError, match="refused the connection") as caught:
        door.send("POST", url, effect="write", json={})
    assert caught.value.__cause__ is not None
    shown = "".join(traceback.format_exception(caught.value)) + json.dumps(door.exchanges[0].as_json())
    assert "other-secret" not in shown
    assert TOKEN not in shown
