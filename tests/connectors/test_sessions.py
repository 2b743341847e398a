import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from automations.connectors import sessions
from automations.connectors.http import Door, Limits, NetworkPolicy, SessionPool
from automations.errors import BlockedAddressError, OutcomeUnknownError, UnavailableError
from tests.connectors.authority import Authority
from tests.connectors.scripted_server import (
    ScriptedServer,
    drip,
    hang_up,
    reply,
    reply_then_hang_up,
    reset,
    silence,
)

QUICK = Limits(connect_s=2.0, read_s=1.0, total_s=2.0)
PoolMaker = Callable[..., SessionPool]


class Names:
    """A resolver that gives the next of its answers, the last one for ever, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, timeout_s: float) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def make_pool() -> Iterator[PoolMaker]:
    made: list[SessionPool] = []

    def make(
        resolve: Any = None, networks: tuple[str, ...] = ("127.0.0.0/8",), **options: Any
    ) -> SessionPool:
        policy = NetworkPolicy(networks, resolve=resolve) if resolve else NetworkPolicy(networks)
        made.append(SessionPool(policy, limits=QUICK, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def door_of(pool: SessionPool, connection: str = "acme") -> Door:
    return Door(pool, connection=connection)


def write(door: Door, url: str) -> int:
    return door.send("POST", url, effect="write", json={}).status


# -- keep-alive -------------------------------------------------------------------------------------


def test_connection_is_kept_and_its_name_looked_up_once(make_pool: PoolMaker) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    pool = make_pool(names)
    with ScriptedServer() as server:
        for _ in range(3):
            write(door_of(pool), server.url(host="api.example"))
    assert server.connections == 1
    assert names.asked == ["api.example"]
    assert server.requests[0].headers["host"] == f"api.example:{server.port}"


def test_name_that_turns_inwards_is_stopped_at_the_next_connection(make_pool: PoolMaker) -> None:
    pool = make_pool(Names(["127.0.0.1"], ["127.0.0.2"]), networks=("127.0.0.1/32",))
    with ScriptedServer(reply(Connection="close")) as server:
        write(door_of(pool), server.url(host="api.example"))
        with pytest.raises(BlockedAddressError):
            write(door_of(pool), server.url(host="api.example"))
    assert server.connections == 1


def test_idle_connection_closed_by_the_server_is_replaced_before_a_write(make_pool: PoolMaker) -> None:
    pool = make_pool()
    with ScriptedServer(reply_then_hang_up) as server:
        write(door_of(pool), server.url("/1"))
        assert server.closed.acquire(timeout=5)
        assert write(door_of(pool), server.url("/2")) == 200
    assert [request.path for request in server.requests] == ["/1", "/2"]
    assert server.connections == 2


def test_kept_connection_lost_while_in_use_is_unknown_and_not_tried_again(make_pool: PoolMaker) -> None:
    pool = make_pool()
    for behaviour in (hang_up, reset):
        with ScriptedServer(reply(), behaviour) as server:
            write(door_of(pool), server.url())
            with pytest.raises(OutcomeUnknownError):
                write(door_of(pool), server.url())
        assert len(server.requests) == 2


def test_connection_idle_for_long_is_not_used_again(
    make_pool: PoolMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    with ScriptedServer() as server:
        write(door_of(pool), server.url())
        monkeypatch.setattr(sessions, "_IDLE_S", 0.0)
        write(door_of(pool), server.url())
    assert server.connections == 2


def test_second_address_is_tried_when_the_first_refuses(make_pool: PoolMaker) -> None:
    with ScriptedServer() as server:
        assert (
            write(door_of(make_pool(Names(["127.0.0.9", "127.0.0.1"]))), server.url(host="api.example"))
            == 200
        )


def test_head_and_body_leave_in_one_piece(make_pool: PoolMaker) -> None:
    pieces: list[bytes] = []

    def read_once(sock: socket.socket, _: threading.Event) -> bool:
        sock.settimeout(5)
        pieces.append(sock.recv(65536))
        return False

    with ScriptedServer(on_connect=read_once) as server, pytest.raises(OutcomeUnknownError):
        write(door_of(make_pool()), server.url())
    assert pieces[0].endswith(b"\r\n\r\n{}")


def test_what_is_left_of_a_request_never_joins_the_next(make_pool: PoolMaker) -> None:
    heard: list[bytes] = []

    def read_no_more_of_the_first(sock: socket.socket, over: threading.Event) -> bool:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        heard.append(sock.recv(10))
        if len(heard) == 1:
            over.wait()
        return False

    pool = make_pool()
    with ScriptedServer(on_connect=read_no_more_of_the_first) as server:
        with pytest.raises(OutcomeUnknownError):
            door_of(pool).send("POST", server.url("/1"), effect="write", json={"large": "x" * 5_000_000})
        with pytest.raises(OutcomeUnknownError):
            write(door_of(pool), server.url("/2"))
    assert heard == [b"POST /1 HT", b"POST /2 HT"]


def test_a_call_without_time_left_to_leave_stays_here(make_pool: PoolMaker) -> None:
    with ScriptedServer() as server:
        door = Door(make_pool(), connection="acme", fence=lambda: time.sleep(0.2))
        with pytest.raises(UnavailableError, match="in the time that the whole call may take"):
            door.send("POST", server.url(), effect="write", json={}, timeout_s=0.15)
        assert not door.exchanges[0].sent
    assert server.requests == []


# -- sessions ---------------------------------------------------------------------------------------


def test_each_connection_and_each_thread_has_its_own_session(make_pool: PoolMaker) -> None:
    pool = make_pool()
    mine = [pool.adapter("a"), pool.adapter("b"), pool.adapter("a")]
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(pool.adapter("a")))
    thread.start()
    thread.join()
    assert mine[0] is mine[2]
    assert len({id(adapter) for adapter in [*mine, *others]}) == 3


def test_threads_that_share_a_pool_do_not_mix_their_calls(make_pool: PoolMaker) -> None:
    pool = make_pool()
    wrong: list[str] = []

    def call(server: ScriptedServer, name: str) -> None:
        for number in range(40):
            door = door_of(pool)
            door.send("POST", server.url(f"/{name}"), effect="write", json={"n": f"{name}{number}"})
            if door.exchanges[0].body != {"n": f"{name}{number}"}:
                wrong.append(name)

    with ScriptedServer() as server:
        threads = [threading.Thread(target=call, args=(server, name)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.close()
    assert not wrong
    assert server.connections == 4
    assert len({request.body for request in server.requests}) == 160
    assert all(request.path[1:].encode() in request.body for request in server.requests)


def test_session_unused_longest_is_closed(make_pool: PoolMaker) -> None:
    pool = make_pool(per_thread=2)
    with ScriptedServer() as server:
        for connection in ("a", "b", "a", "c"):
            write(door_of(pool, connection), server.url())
        assert server.closed.acquire(timeout=5)
        write(door_of(pool, "a"), server.url())
        assert server.connections == 3
        write(door_of(pool, "b"), server.url())
        assert server.connections == 4


def test_closing_the_pool_closes_every_socket(make_pool: PoolMaker) -> None:
    pool = make_pool()
    with ScriptedServer() as server:
        write(door_of(pool), server.url())
        pool.close()
        assert server.closed.acquire(timeout=5)
        assert write(door_of(pool), server.url()) == 200


def test_many_hosts_of_one_connection_keep_few_sockets(make_pool: PoolMaker) -> None:
    pool = make_pool(Names(["127.0.0.1"]))
    with ScriptedServer() as server:
        for number in range(12):
            write(door_of(pool), server.url(host=f"h{number}.example"))
        for _ in range(4):
            assert server.closed.acquire(timeout=5)
        assert not server.closed.acquire(timeout=0.1)


# -- TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_tls_checks_the_name_while_connecting_to_the_address(
    make_pool: PoolMaker, authority: Authority
) -> None:
    context = authority.server_context("api.example")
    seen: list[str | None] = []
    context.sni_callback = lambda sock, name, _: seen.append(name)
    pool = make_pool(Names(["127.0.0.1"]), ca_bundle=authority.bundle)
    with ScriptedServer(tls=context) as server:
        assert write(door_of(pool), server.url(host="api.example")) == 200
        assert write(door_of(pool), server.url(host="api.example")) == 200
    assert seen == ["api.example"]
    assert server.requests[0].headers["host"] == f"api.example:{server.port}"


@pytest.mark.parametrize(
    ("hosts", "days", "trusted", "fact"),
    [
        (("other.example",), 10, True, "not valid .*mismatch"),
        (("api.example",), -1, True, "not valid .*expired"),
        (("api.example",), 10, False, "not valid .*unable to get local issuer"),
    ],
)
def test_invalid_certificate_sends_nothing_and_says_why(
    make_pool: PoolMaker, authority: Authority, hosts: tuple[str, ...], days: int, trusted: bool, fact: str
) -> None:
    pool = make_pool(Names(["127.0.0.1"]), ca_bundle=authority.bundle if trusted else None)
    with ScriptedServer(tls=authority.server_context(*hosts, days=days)) as server:
        door = door_of(pool)
        with pytest.raises(UnavailableError, match=fact):
            write(door, server.url(host="api.example"))
    assert server.requests == []
    assert not door.exchanges[0].sent


def reset_at_hello(sock: socket.socket, over: threading.Event) -> bool:
    """Reset once the handshake has begun; before, the reset may overtake the connection itself."""
    sock.recv(1)
    return reset(sock, over)


@pytest.mark.parametrize("behaviour", [hang_up, reset_at_hello, silence])
def test_handshake_that_is_cut_or_hangs_sends_nothing(make_pool: PoolMaker, behaviour: Any) -> None:
    with ScriptedServer(on_connect=behaviour) as server:
        door = door_of(make_pool())
        with pytest.raises(UnavailableError, match="while the secure connection was made"):
            write(door, server.url().replace("http:", "https:"))
        assert not door.exchanges[0].sent


def test_deadline_holds_over_tls_too(make_pool: PoolMaker, authority: Authority) -> None:
    pool = make_pool(ca_bundle=authority.bundle)
    answer = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    with ScriptedServer(answer, tls=authority.server_context("127.0.0.1")) as server:
        door = door_of(pool)
        with pytest.raises(OutcomeUnknownError):
            write(door, server.url())
    assert door.exchanges[0].duration_ms < 10_000


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "kept"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_fence_keeps_a_request_in_when_all_is_ready(
    make_pool: PoolMaker, authority: Authority, secure: bool, is_new: bool
) -> None:
    order: list[str] = []

    def resolve(host: str, port: int, timeout_s: float) -> list[str]:
        order.append("connected")
        return ["127.0.0.1"]

    def fence() -> None:
        order.append("asked")
        raise UnavailableError("It is another's.", retry_after_s=1.0)

    pool = make_pool(resolve, ca_bundle=authority.bundle)
    with ScriptedServer(tls=authority.server_context("api.example") if secure else None) as server:
        if not is_new:
            write(door_of(pool), server.url(host="api.example"))
        door = Door(pool, connection="acme", fence=fence)
        with pytest.raises(UnavailableError, match="another's") as caught:
            write(door, server.url("/kept-in", host="api.example"))
        assert order == ["connected", "asked"]
        assert caught.value.retry_after_s == 1.0
        assert not door.exchanges[0].sent
        assert pool.adapter("acme").wire.fence is None
        # The connection is as good as before.
        assert write(door_of(pool), server.url("/after", host="api.example")) == 200
    assert [request.path for request in server.requests] == ([] if is_new else ["/"]) + ["/after"]
    # With TLS, tickets that nobody has read yet look like a connection that is over.
    assert server.connections <= (2 if secure and is_new else 1)


def test_a_handshake_that_broke_off_leaves_nothing_behind(make_pool: PoolMaker, authority: Authority) -> None:
    pool = make_pool(ca_bundle=authority.bundle)
    context = authority.server_context("127.0.0.1")
    is_down = threading.Event()

    with ScriptedServer(reply_then_hang_up, reply(), tls=context) as server:
        assert write(door_of(pool), server.url("/1")) == 200
        assert server.closed.acquire(timeout=5)
        context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_INTERNAL_ERROR if is_down.is_set() else None
        is_down.set()
        with pytest.raises(UnavailableError, match="while the secure connection was made"):
            write(door_of(pool), server.url("/2"))
        is_down.clear()
        assert write(door_of(pool), server.url("/3")) == 200
    assert [request.path for request in server.requests] == ["/1", "/3"]
