"""Sockets that count every wait against one deadline for the whole call.

A read timeout alone does not stop a server that sends one byte every few seconds.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from automations.connectors.network_policy import NetworkPolicy
from automations.engine.contracts import Fence


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of one call, in seconds: connecting, each wait for bytes, and everything together."""

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 30.0


class Wire:
    """What is known of the call that a session is making: its deadline, and how far it came.

    sent: bytes may have left, so the other side may have acted. fact: why no connection came about, as the
    end of a sentence that begins with the host; empty when one did. fence: raises where nothing may leave any more.
    """

    __slots__ = ("ends_at", "fact", "fence", "limits", "sent")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.begin(limits.total_s)

    def begin(self, total_s: float, fence: Fence | None = None) -> None:
        """Start the clock of a new call."""
        self.ends_at = time.monotonic() + total_s
        self.fence = fence
        self.sent = False
        self.fact = ""

    def leave(self) -> None:
        """Say that the first bytes leave now.

        Raises, with nothing sent, what the fence does, and TimeoutError when the time is up.
        """
        if self.fence is not None:
            self.fence()
        try:
            self.wait_s(self.limits.read_s)
        except TimeoutError:
            self.fact = "could not be connected to in the time that the whole call may take"
            raise
        self.sent = True

    def wait_s(self, longest_s: float) -> float:
        """Return how long to wait for the next bytes. Raises TimeoutError when the time is up."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the time for the whole call is up")
        return min(left_s, longest_s)


class DeadlineSocket(socket.socket):
    """A socket that counts every wait against the call's deadline."""

    wire: Wire

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._set_wait()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._set_wait()
        super().sendall(*args, **kwargs)

    def _set_wait(self) -> None:
        wait_s = self.wire.wait_s(self.wire.limits.read_s)
        # Setting it hands the interpreter to another thread, and mostly it is what it was.
        if wait_s != self.gettimeout():
            self.settimeout(wait_s)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same over TLS; the handshake has its own limit, before `wire` is set."""

    wire: Wire | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._set_wait()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._set_wait()
        return super().send(*args, **kwargs)

    def _set_wait(self) -> None:
        if self.wire is not None:
            self.settimeout(self.wire.wait_s(self.wire.limits.read_s))


def dial(host: str, port: int, policy: NetworkPolicy, wire: Wire) -> DeadlineSocket:
    """Return a socket connected to one of the checked addresses, which share the time for connecting."""
    give_up_at = time.monotonic() + wire.wait_s(wire.limits.connect_s)
    addresses = policy.addresses(host, port, give_up_at - time.monotonic())
    failure: OSError = TimeoutError()
    for tried, address in enumerate(addresses):
        left_s = give_up_at - time.monotonic()
        if left_s <= 0:
            break
        sock = DeadlineSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.wire = wire
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(left_s / (len(addresses) - tried))
            sock.connect((address, port))
            sock.settimeout(max(give_up_at - time.monotonic(), 0.001))
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure
