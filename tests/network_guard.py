"""Keep the tests on this machine: no socket of theirs reaches further than loopback.

It guards the Python of the test process. What a test starts as another process, or what a C library connects
(psycopg), is outside its reach; the browser has its own rule in `chromium.py`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# Names that RFC 2606 promises to nobody: they get the answer a resolver would give, without asking one.
_RESERVED = (".invalid", ".test", ".example")


class OutsideWorldError(AssertionError):
    """A test reached for another machine.

    Not an `OSError`: code under test must not take it for a server that is down. Whoever swallows it all the same
    is found by `NetworkGuard.attempts`.
    """


class NetworkGuard:
    """What was reached for, in order, as text: `attempts` is empty while all is well."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def refuse(self, what: str) -> None:
        self.attempts.append(what)
        raise OutsideWorldError(f"A test tried to {what}. Tests talk to 127.0.0.1 only: use the sandbox.")


@contextmanager
def guarded_network() -> Iterator[NetworkGuard]:
    """Refuse connections, datagrams and look-ups that would leave this machine."""
    guard = NetworkGuard()
    with pytest.MonkeyPatch.context() as patch:
        _guard_sockets(patch, guard)
        _guard_lookups(patch, guard)
        yield guard


def _guard_sockets(patch: pytest.MonkeyPatch, guard: NetworkGuard) -> None:
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(guard, self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(guard, self, address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, *arguments: Any) -> int:
        _check(guard, self, arguments[-1])
        return sendto(self, *arguments)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket.socket, "sendto", guarded_sendto)


def _guard_lookups(patch: pytest.MonkeyPatch, guard: NetworkGuard) -> None:
    getaddrinfo = socket.getaddrinfo

    def guarded_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name and name.lower().endswith(_RESERVED):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name and not _is_address(name) and not _is_local_name(name):
            guard.refuse(f"look up {name}")
        return getaddrinfo(host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


def _check(guard: NetworkGuard, endpoint: socket.socket, address: Any) -> None:
    if endpoint.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    allowed = (
        ipaddress.ip_address(host.split("%")[0]).is_loopback if _is_address(host) else _is_local_name(host)
    )
    if not allowed:
        # The standard library closes a socket it could not connect only after an `OSError`.
        endpoint.close()
        guard.refuse(f"reach {host}, port {address[1]}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return True


def _is_local_name(name: str) -> bool:
    return name.lower() == "localhost" or name.lower().endswith(".localhost")
