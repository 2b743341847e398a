import itertools
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from automations.connectors.http import (
    Door,
    DoorMode,
    Limits,
    NetworkPolicy,
    SessionPool,
)
from automations.errors import (
    AutomationError,
    BlockedAddressError,
    CredentialsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from tests.connectors.scripted_server import (
    ScriptedServer,
    reply,
)

TOKEN = "t0ken-of-acme"
QUICK = Limits(connect_s=2.0, read_s=1.0, total_s=2.0)
EFFECTS: tuple[Literal["read", "write"], ...] = ("read", "write")


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        raise AssertionError("the door does not ask the clock for durations")


def never_resolve(host: str, port: int, timeout_s: float) -> list[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    made = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=QUICK, clock=FixedClock())
    yield made
    made.close()


@pytest.fixture
def door(pool: SessionPool) -> Door:
    return Door(pool, connection="acme", secrets=[TOKEN])


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# -- what leaves ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "note"), [("read", "would look up"), ("write", "held back: this is a test")]
)
def test_offline_nothing_leaves_and_the_presumed_answer_comes_back(effect: Any, note: str) -> None:
    pool = SessionPool(NetworkPolicy(["127.0.0.0/8"], resolve=never_resolve))
    with ScriptedServer() as canary:
        door = Door(pool, connection="acme", mode=DoorMode.OFFLINE, secrets=[TOKEN])
        for url in (canary.url("/v1"), "https://api.example/v1", "http://10.0.0.1/"):
            got = door.send(
                "POST", url, effect=effect, json={"a": TOKEN}, headers={"x": TOKEN}, presume={"id": 7}
            )
            assert (got.status, got.held, got.json()) == (200, True, {"id": 7})
    assert canary.connections == 0
    first = door.exchanges[0].as_json()
    assert first["sent"] is False
    assert (first["note"], first["body"], first["headers"]["x"]) == (note, {"a": "•••"}, "•••")
    assert (first["status"], first["error"]) == (None, "")
    assert len(door.exchanges) == 3


def test_lookups_let_reads_out_and_hold_writes_back(pool: SessionPool) -> None:
    with ScriptedServer(reply(body='{"found": 1}')) as server:
        door = Door(pool, connection="acme", mode=DoorMode.LOOKUPS)
        assert door.send("GET", server.url(), effect="read", presume={}).json() == {"found": 1}
        assert door.send("POST", server.url(), effect="write", json={}, presume={"id": 0}).json() == {"id": 0}
    assert [request.method for request in server.requests] == ["GET"]
    assert [exchange.sent for exchange in door.exchanges] == [True, False]


def test_a_call_that_cannot_be_made_is_refused_in_a_test_too(pool: SessionPool) -> None:
    door = Door(pool, connection="acme", mode=DoorMode.OFFLINE)
    for arguments in ({"headers": {"x": "a\nb"}}, {"headers": {"Host": "x"}}, {"json": [float("nan"), None]}):
        with pytest.raises(RejectedError):
            door.send("POST", "https://api.example/", effect="write", **arguments)
    with pytest.raises(RejectedError, match="TRACE"):
        door.send("TRACE", "https://api.example/", effect="read")


def test_what_is_sent_is_exactly_what_was_given(door: Door) -> None:
    with ScriptedServer(reply(201, '{"id": 7}', X_Thing="Yes")) as server:
        value = {"n": 2**70, "e": "é", "f": 1.5, "none": None}
        params = {"q": ["a b", "&"], "no": None, "t": True}
        got = door.send(
            "post", server.url("/a%2Fb?x=1"), effect="write", json=value, params=params,
            headers={"X-Api-Token": TOKEN, "User-Agent": "other"}, auth=("me", "pass:wörd"),
        )  # fmt: skip
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/a%2Fb?x=1&q=a+b&q=%26&t=true")
    assert json.loads(request.body) == value
    assert request.headers["content-length"] == str(len(request.body))
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert (request.headers["x-api-token"], request.headers["user-agent"]) == (TOKEN, "other")
    assert request.headers["authorization"] == "Basic bWU6cGFzczp3w7ZyZA=="
    assert (got.status, got.json(), got.headers["x-tHING"], got.held) == (201, {"id": 7}, "Yes", False)
    assert door.last_reply == got
    kept = door.exchanges[0]
    assert (kept.sent, kept.status, kept.reply, kept.error) == (True, 201, {"id": 7}, "")
    assert kept.body == value
    assert kept.headers["X-Api-Token"] == kept.headers["Authorization"] == "•••"
    assert json.dumps(kept.as_json())


def test_text_and_bytes_are_sent_as_they_are(door: Door) -> None:
    with ScriptedServer() as server:
        door.send(
            "PUT",
            server.url(),
            effect="write",
            content="a=ü&token=x",
            content_type="application/x-www-form-urlencoded",
        )
        door.send("PUT", server.url(), effect="write", content=b"\x00\xff")
        door.send("DELETE", server.url(), effect="write")
    assert [request.body for request in server.requests] == ["a=ü&token=x".encode(), b"\x00\xff", b""]
    assert door.exchanges[0].body == "a=ü&token=•••"
    assert "content-type" not in server.requests[2].headers


def test_nothing_of_the_environment_is_used(
    door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password netrcsecret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with ScriptedServer() as server, ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("http_proxy", proxy.url())
        door.send("GET", server.url(), effect="read")
    assert proxy.connections == 0
    assert "authorization" not in server.requests[0].headers


def test_cookies_are_not_kept_between_calls(door: Door) -> None:
    with ScriptedServer(reply(Set_Cookie="a=b")) as server:
        door.send("GET", server.url(), effect="read")
        door.send("GET", server.url(), effect="read")
    assert "cookie" not in server.requests[1].headers
    assert door.exchanges[0].reply_headers is not None
    assert door.exchanges[0].reply_headers["Set-Cookie"] == "•••"


# -- where it may go ------------------------------------------------------------------------------


def test_blocked_address_gets_no_connection_and_tells_no_address() -> None:
    policy = NetworkPolicy(resolve=lambda host, port, timeout_s: ["127.0.0.1"])
    with ScriptedServer() as canary:
        door = Door(SessionPool(policy), connection="acme")
        for host in ("127.0.0.1", "inside.example", "[::ffff:127.0.0.1]"):
            with pytest.raises(BlockedAddressError, match=r"^This address is not allowed\.") as caught:
                door.send("POST", canary.url(host=host), effect="write", json={})
            if host == "inside.example":
                assert "127.0.0.1" not in str(caught.value)
    assert canary.connections == 0
    assert [(exchange.sent, exchange.status) for exchange in door.exchanges] == [(False, None)] * 3
    assert door.exchanges[0].error.startswith("This address is not allowed.")


def test_only_hosts_of_the_connection_are_called(pool: SessionPool) -> None:
    with ScriptedServer() as server:
        for hosts, works in (
            ({"127.0.0.1"}, True),
            ({f"127.0.0.1:{server.port}"}, True),
            ({"127.0.0.1:1"}, False),
        ):
            door = Door(pool, connection="acme", allowed_hosts=hosts)
            if works:
                door.send("GET", server.url(), effect="read")
            else:
                with pytest.raises(BlockedAddressError, match="'acme'"):
                    door.send("GET", server.url(), effect="read")
    assert len(server.requests) == 2


def test_redirects_are_not_followed_and_the_host_is_named(door: Door) -> None:
    with (
        ScriptedServer() as canary,
        ScriptedServer(reply(302, Location="http://elsewhere.example/x?a=1")) as server,
    ):
        with pytest.raises(RejectedError, match=r"points to elsewhere\.example;") as caught:
            door.send("GET", server.url(), effect="read")
        server.behaviours.append(reply(307, Location=canary.url()))
        with pytest.raises(RejectedError):
            door.send("POST", server.url(), effect="write", json={})
        server.behaviours.append(reply(302, Location=canary.url()))
        assert door.send("GET", server.url(), effect="read", accept={302}).status == 302
    assert canary.connections == 0
    assert caught.value.code == "302"


# -- what an answer means -------------------------------------------------------------------------

STATUSES: list[tuple[int, type[AutomationError], type[AutomationError]]] = [
    (301, RejectedError, RejectedError),
    (304, RejectedError, RejectedError),
    (400, RejectedError, RejectedError),
    (401, CredentialsError, CredentialsError),
    (403, CredentialsError, CredentialsError),
    (404, RejectedError, RejectedError),
    (408, UnavailableError, UnavailableError),
    (409, RejectedError, RejectedError),
    (410, RejectedError, RejectedError),
    (422, RejectedError, RejectedError),
    (425, UnavailableError, UnavailableError),
    (429, UnavailableError, UnavailableError),
    (500, UnavailableError, OutcomeUnknownError),
    (501, RejectedError, RejectedError),
    (502, UnavailableError, OutcomeUnknownError),
    (503, UnavailableError, UnavailableError),
    (504, UnavailableError, OutcomeUnknownError),
    (505, RejectedError, RejectedError),
    (507, UnavailableError, OutcomeUnknownError),
    (520, UnavailableError, OutcomeUnknownError),
]


@pytest.mark.parametrize(("status", "read", "write"), STATUSES)
def test_status_becomes_the_class_that_says_who_acts(
    door: Door, status: int, read: type[AutomationError], write: type[AutomationError]
) -> None:
    with ScriptedServer(*[reply(status, "" if status == 304 else '{"error": "because"}')] * 3) as server:
        for effect, wanted in zip(EFFECTS, (read, write), strict=True):
            with pytest.raises(AutomationError, match=str(status)) as caught:
                door.send("POST", server.url("/p?q=1"), effect=effect, json={})
            assert type(caught.value) is wanted
            assert "127.0.0.1" in caught.value.message
            assert "q=1" not in caught.value.message
            assert door.last_reply is not None
            assert door.last_reply.status == status
            assert door.exchanges[-1].error == caught.value.message
        assert door.send("POST", server.url(), effect="write", json={}, accept=[status]).status == status
    assert server.connections == 1


def test_retry_after_and_its_scope_reach_the_caller(door: Door) -> None:
    with ScriptedServer() as server:
        for status, header, seconds, whole in (
            (429, "7", 7, True),
            (429, "", None, True),
            (503, "Thu, 01 Jan 2026 00:01:00 GMT", 60, True),
            (503, "soon", None, False),
            (408, "9", 9, False),
        ):
            server.behaviours.append(reply(status, Retry_After=header, X_Ratelimit_Reset="2"))
            with pytest.raises(UnavailableError) as caught:
                door.send("GET", server.url(), effect="write")
            assert (caught.value.retry_after_s, caught.value.whole_connection) == (seconds, whole)
            assert door.last_reply is not None
            assert door.last_reply.headers["x-ratelimit-reset"] == "2"


def test_too_large_a_body_is_refused_before_it_leaves(door: Door) -> None:
    with ScriptedServer() as canary, pytest.raises(RejectedError, match="Send less"):
        door.send("POST", canary.url(), effect="write", content=b"x" * (5 * 2**20 + 1))
    assert canary.connections == 0


def test_exchanges_are_kept_in_order(door: Door) -> None:
    with ScriptedServer() as server:
        for number in itertools.islice(itertools.count(), 3):
            door.send("GET", server.url(f"/{number}"), effect="read")
    assert [exchange.url[-1] for exchange in door.exchanges] == ["0", "1", "2"]
