"""The load generator: `python -m bench.load` reads one order from its input and writes one report.

Its cost is taken from the server's on a small machine, so it is as cheap as Python allows: one process, one
epoll, sockets kept open, every request built before the clock starts, one request in flight on each.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.webhooks import Address, requests

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_SILENCE_S = 10.0


@dataclass(frozen=True)
class Order:
    """What to send. seconds: stop after this time, 0 for when all is sent. each_s: pause between two, 0 for none."""

    address: Address
    first: int
    count: int
    deals: int
    connections: int = 16
    seconds: float = 0.0
    each_s: float = 0.0


@dataclass
class Report:
    """What was answered. began_s, ended_s: of the machine's monotonic clock. sent_at_s: by number, when paced."""

    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    began_s: float = 0.0
    ended_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    sent_at_s: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.accepted / max(self.ended_s - self.began_s, 1e-9)


class _Load:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests = list(requests(order.address, order.first, order.count, order.deals))
        self._report = Report()
        self._latencies: list[float] = []

    def run(self) -> Report:
        with contextlib.ExitStack() as stack:
            sockets = [
                stack.enter_context(_connected(self._order.address.port)) for _ in range(self._connections)
            ]
            self._report.began_s = time.monotonic()
            if self._order.each_s:
                self._paced(sockets)
            else:
                self._full(sockets)
            self._report.ended_s = time.monotonic()
        self._latencies.sort()
        if self._latencies:
            self._report.p50_ms = self._latencies[len(self._latencies) // 2] * 1000
            self._report.p99_ms = self._latencies[int(len(self._latencies) * 0.99)] * 1000
        return self._report

    @property
    def _connections(self) -> int:
        return min(self._order.connections, self._order.count)

    def _full(self, sockets: list[socket.socket]) -> None:
        """Keep one request in flight on every connection until all are answered or the time is up."""
        left = iter(self._requests)
        ends_s = self._report.began_s + (self._order.seconds or 1e9)
        poll = select.epoll()
        with contextlib.closing(poll):
            waiting: dict[int, tuple[socket.socket, float]] = {}
            for sock in sockets:
                poll.register(sock.fileno(), select.EPOLLIN)
                self._next(sock, left, waiting)
            while waiting:
                ready = poll.poll(_SILENCE_S)
                if not ready:
                    raise TimeoutError(f"{len(waiting)} requests were not answered within {_SILENCE_S:g} s")
                for number, _ in ready:
                    sock, sent_s = waiting.pop(number)
                    self._answered(sock, sent_s)
                    if time.monotonic() < ends_s:
                        self._next(sock, left, waiting)

    def _next(
        self, sock: socket.socket, left: Iterator[bytes], waiting: dict[int, tuple[socket.socket, float]]
    ) -> None:
        request = next(left, None)
        if request is not None:
            waiting[sock.fileno()] = (sock, time.monotonic())
            sock.sendall(request)

    def _paced(self, sockets: list[socket.socket]) -> None:
        """Send one after the other at even distances, whatever the answers take."""
        for place, request in enumerate(self._requests):
            due_s = self._report.began_s + place * self._order.each_s
            time.sleep(max(0.0, due_s - time.monotonic()))
            sent_s = time.monotonic()
            self._report.sent_at_s[str(self._order.first + place)] = sent_s
            sock = sockets[place % len(sockets)]
            sock.sendall(request)
            self._answered(sock, sent_s)

    def _answered(self, sock: socket.socket, sent_s: float) -> None:
        status = _read_answer(sock)
        self._latencies.append(time.monotonic() - sent_s)
        if status == b"200":
            self._report.accepted += 1
        else:
            text = status.decode("ascii", "replace")
            self._report.refused[text] = self._report.refused.get(text, 0) + 1


def _connected(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=_SILENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _read_answer(sock: socket.socket) -> bytes:
    """Read one whole answer and return its status. Raises ConnectionError when it breaks off."""
    answer = b""
    while True:
        piece = sock.recv(65_536)
        if not piece:
            raise ConnectionError("the server closed a connection that was to stay open")
        answer += piece
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            continue
        length = _LENGTH.search(answer, 0, head)
        if length is None or len(answer) >= head + 4 + int(length[1]):
            return answer[9:12]


def as_order(words: dict[str, Any]) -> Order:
    return Order(**{**words, "address": Address(**words["address"])})


if __name__ == "__main__":
    print(json.dumps(asdict(_Load(as_order(json.load(sys.stdin))).run())))
