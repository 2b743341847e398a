"""A target that costs almost nothing: `python -m bench.sink` answers every POST and remembers when it came.

It reads `POST /1/upload` as CleverTap's upload and counts the records in it; of any other call it notes the
`number` in its body. `GET /stats` tells what came since the last time it was asked with `?reset`.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field

import orjson

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_NUMBER = re.compile(rb'"number":\s*(\d+)')
_READ = 262_144
# The event that the sandbox refuses, as if somebody had discarded it in the dashboard.
DISCARDED = "Discarded event"


@dataclass
class Seen:
    """first_s, last_s: arrivals by the machine's monotonic clock. arrived_s: by number, the first time."""

    calls: int = 0
    records: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    arrived_s: dict[str, float] = field(default_factory=dict)

    def note(self, records: int) -> None:
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        self.calls += 1
        self.records += records


class Sink:
    """One thread, one epoll, no checks."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._buffers: dict[int, bytearray] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()

    def serve(self) -> None:
        """Say the port on the first line of output, then answer until the process is ended."""
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            print(listener.getsockname()[1], flush=True)
            self._poll.register(listener.fileno(), select.EPOLLIN)
            while True:
                for number, _ in self._poll.poll():
                    if number == listener.fileno():
                        self._accept(listener)
                    else:
                        self._read(number)

    def _accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets[sock.fileno()] = sock
        self._buffers[sock.fileno()] = bytearray()
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def _read(self, number: int) -> None:
        sock, buffer = self._sockets[number], self._buffers[number]
        piece = b""
        with contextlib.suppress(OSError):
            piece = sock.recv(_READ)
        if not piece:
            self._poll.unregister(number)
            del self._sockets[number], self._buffers[number]
            sock.close()
            return
        buffer += piece
        while (head := buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(buffer, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(buffer) < end:
                return
            answer = self._answer(bytes(buffer[: buffer.find(b"\r\n")]), bytes(buffer[head + 4 : end]))
            del buffer[:end]
            sock.sendall(answer)

    def _answer(self, line: bytes, content: bytes) -> bytes:
        if line.startswith(b"GET /stats"):
            told = orjson.dumps(self._seen)
            if b"?reset" in line:
                self._seen = Seen()
            return _ok(told)
        if line.startswith(b"POST /1/upload"):
            records = len(orjson.loads(content)["d"])
            self._seen.note(records)
            return _ok(b'{"status":"success","processed":%d,"unprocessed":[]}' % records)
        self._seen.note(1)
        number = _NUMBER.search(content)
        if number:
            self._seen.arrived_s.setdefault(number[1].decode(), self._seen.last_s)
        return _ok(b'{"ok":true}')


def _ok(content: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
    ) + content


def serve_sandbox() -> None:
    """Serve the strict sandbox CleverTap instead, with the same `GET /stats`."""
    from flask import Response, request

    from automations.sandbox import ClevertapSandbox

    sandbox = ClevertapSandbox(account_id="BENCH", passcode="bench-passcode")
    sandbox.keep_requests = 10
    sandbox.discarded_events = frozenset({DISCARDED})

    def stats() -> Response:
        with sandbox.lock:
            times = [time.monotonic() - (time.time() - call.at.timestamp()) for call in sandbox.calls]
            taken = sum(call.taken for call in sandbox.calls)
            seen = Seen(len(times), taken, min(times, default=0.0), max(times, default=0.0))
            if "reset" in request.args:
                sandbox.calls.clear()
                sandbox.events.clear()
        return Response(json.dumps(vars(seen)), content_type="application/json")

    sandbox.app.add_url_rule("/stats", "bench_stats", stats)
    with sandbox.serve() as server:
        print(server.url.rpartition(":")[2], flush=True)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    if sys.argv[1:] == ["--sandbox"]:
        serve_sandbox()
    else:
        Sink().serve()
