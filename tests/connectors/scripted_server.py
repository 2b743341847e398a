"""A server on 127.0.0.1 that does exactly what a test wrote down, one behaviour a request."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PAUSE_S = 0.05


@dataclass
class Received:
    """One request as it arrived. connection: counts from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    raw_head: bytes = field(repr=False, default=b"")


Behaviour = Callable[[socket.socket, threading.Event], bool]
"""Answers one request; returns whether the connection goes on. The event is set when the test is over."""


def reply(status: int = 200, body: bytes | str = b"{}", **headers: str) -> Behaviour:
    content = body.encode() if isinstance(body, str) else body
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return raw(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + content)


def raw(answer: bytes, *, go_on: bool = True) -> Behaviour:
    def behave(sock: socket.socket, _: threading.Event) -> bool:
        sock.sendall(answer)
        return go_on

    return behave


def drip(start: bytes, piece: bytes = b"x") -> Behaviour:
    """Send `start`, then `piece` again and again, until the other side has had enough."""

    def behave(sock: socket.socket, over: threading.Event) -> bool:
        sock.sendall(start)
        while not over.wait(PAUSE_S):
            sock.sendall(piece)
        return False

    return behave


def silence(_: socket.socket, over: threading.Event) -> bool:
    over.wait()
    return False


def hang_up(_: socket.socket, __: threading.Event) -> bool:
    return False


def reset(sock: socket.socket, _: threading.Event) -> bool:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def reply_then_hang_up(sock: socket.socket, over: threading.Event) -> bool:
    """Answer as if the connection would stay, then close it."""
    reply()(sock, over)
    return False


class ScriptedServer:
    """Use as a context manager. behaviours: in order; after the last one every request gets `200 {}`.

    tls: speaks TLS with this context. on_connect: runs before anything is read; False closes at once.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        tls: ssl.SSLContext | None = None,
        on_connect: Behaviour | None = None,
    ) -> None:
        self.behaviours = deque(behaviours)
        self.requests: list[Received] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self._tls = tls
        self._on_connect = on_connect
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> ScriptedServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive(), "a connection of the scripted server is still open"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.settimeout(0.1)
            if self._on_connect and not self._on_connect(sock, self._over):
                return
            if self._tls:
                sock.settimeout(5)
                sock = self._tls.wrap_socket(sock, server_side=True)
                sock.settimeout(0.1)
            while self._answer(sock, number):
                pass
        except OSError:
            # The door hung up first, which some tests are about.
            pass
        finally:
            sock.close()
            self.closed.release()

    def _answer(self, sock: socket.socket, number: int) -> bool:
        head = self._read(sock, b"", lambda data: b"\r\n\r\n" in data)
        if not head:
            return False
        top, _, rest = head.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        body = self._read(sock, rest, lambda data: len(data) >= length)
        method, path, _ = lines[0].split(" ")
        self.requests.append(Received(method, path, headers, body, number, top))
        return (self.behaviours.popleft() if self.behaviours else reply())(sock, self._over)

    def _read(self, sock: socket.socket, data: bytes, done: Callable[[bytes], bool]) -> bytes:
        while not done(data):
            try:
                piece = sock.recv(65536)
            except TimeoutError:
                if self._over.is_set():
                    return b""
                continue
            if not piece:
                return b""
            data += piece
        return data
