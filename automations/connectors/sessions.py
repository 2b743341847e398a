"""Pooled sessions whose connections go only where the network policy says.

`requests` does the talking. Beneath it sit our own connections, which ask the policy where to connect and
note how far a call came, so that the door knows whether anything can have reached the other side.

A kept-alive connection goes to the address that was checked when it was opened, so using it again needs no
second look-up. One that the server has closed meanwhile is noticed before anything is sent and replaced. If
the server closes it in the very moment we send, nobody can know whether it read the request; that is
reported as it is and never tried again here.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from automations.clock import Clock, SystemClock
from automations.connectors.network_policy import NetworkPolicy, Target
from automations.connectors.sockets import DeadlineSocket, DeadlineTLSSocket, Limits, Wire, dial

# Servers close idle connections after anything from 5 s; older ones are not worth the risk of a race.
_IDLE_S: Final = 30.0
_POOLS_PER_SESSION: Final = 8


class _Guarded(HTTPConnection):
    """A connection that goes only where the policy says, and notes on the wire how far it came."""

    def __init__(self, *args: Any, wire: Wire, policy: NetworkPolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wire = wire
        self._policy = policy
        self._used_at = 0.0
        self._gathered: list[bytes] | None = None

    def _new_conn(self) -> socket.socket:
        try:
            return dial(self._dns_host, self.port, self._policy, self._wire)
        except socket.gaierror as error:
            self._wire.fact = "could not be found: its name has no address"
            raise NewConnectionError(self, "name not found") from error
        except TimeoutError as error:
            self._wire.fact = f"could not be connected to within {self._wire.limits.connect_s:g} s"
            raise ConnectTimeoutError(self, "connecting took too long") from error
        except OSError as error:
            self._wire.fact = "refused the connection or cannot be reached"
            raise NewConnectionError(self, "no connection") from error

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            self._wire.fact = f"shows a certificate that is not valid ({error.verify_message})"
            raise
        except (ssl.SSLError, OSError):
            self._wire.fact = self._wire.fact or "broke off while the secure connection was made"
            raise
        assert isinstance(self.sock, DeadlineSocket | DeadlineTLSSocket)
        self.sock.wire = self._wire
        self._wire.sent = True

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send head and body in one piece, which is one packet for most calls."""
        self._used_at = time.monotonic()
        self._gathered = []
        try:
            super().request(*args, **kwargs)
            message = b"".join(self._gathered)
        finally:
            self._gathered = None
        # Without a socket the first bytes to leave open one, and `connect` makes the note.
        self._wire.sent = self.sock is not None
        super().send(message)

    def send(self, data: Any) -> None:
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(data)

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < _IDLE_S and super().is_connected


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same with TLS; the name, not the address, goes into SNI and the certificate check."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class OutgoingRequest(requests.PreparedRequest):
    """A request ready to send, with the address as it was read and checked."""

    target: Target

    def __init__(self, method: str, target: Target, headers: dict[str, str], body: bytes | None) -> None:
        super().__init__()
        self.method = method
        self.target = target
        self.url = target.url
        self.headers = CaseInsensitiveDict(headers)
        self.body = body
        if body is not None:
            self.headers["Content-Length"] = str(len(body))


class DoorAdapter(HTTPAdapter):
    """Carries the requests of one thread for one connection, one at a time."""

    def __init__(self, policy: NetworkPolicy, tls: ssl.SSLContext, limits: Limits) -> None:
        self.wire = Wire(limits)
        self._policy = policy
        self._tls = tls
        self._pools: OrderedDict[tuple[str, str, int], HTTPConnectionPool] = OrderedDict()
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def call(self, request: OutgoingRequest, *, total_s: float) -> requests.Response:
        """Send and return the answer, its body unread. Raises what `requests` raises.

        Redirects are not followed; nothing of the environment (proxies, `.netrc`) is used.
        """
        limits = self.wire.limits
        self.wire.begin(total_s)
        return self.send(request, stream=True, timeout=(limits.connect_s, limits.read_s))

    def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> HTTPConnectionPool:
        target: Target = request.target
        key = (target.scheme, target.host, target.port)
        pool = self._pools.pop(key, None) or self._make_pool(*key)
        self._pools[key] = pool
        if len(self._pools) > _POOLS_PER_SESSION:
            self._pools.popitem(last=False)[1].close()
        return pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Certificates are always checked, as the pool was made to do."""

    def request_url(self, request: Any, *_: Any, **__: Any) -> str:
        path: str = request.target.path
        return path

    def close(self) -> None:
        while self._pools:
            self._pools.popitem()[1].close()
        super().close()

    def _make_pool(self, scheme: str, host: str, port: int) -> HTTPConnectionPool:
        guard: dict[str, Any] = {"wire": self.wire, "policy": self._policy}
        if scheme == "http":
            return _Pool(host, port, maxsize=1, **guard)
        return _TLSPool(host, port, maxsize=1, cert_reqs="CERT_REQUIRED", ssl_context=self._tls, **guard)


class SessionPool:
    """Lends each thread one session per connection, and forgets the ones unused longest.

    limits: see `Limits`. clock: for dates in replies. ca_bundle: certificates to trust instead of the
    usual ones. per_thread: sessions kept at most by each thread.
    """

    def __init__(
        self,
        policy: NetworkPolicy,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        ca_bundle: Path | None = None,
        per_thread: int = 32,
    ) -> None:
        self.limits = limits or Limits()
        self.clock = clock or SystemClock()
        self._policy = policy
        self._per_thread = per_thread
        self._tls = create_urllib3_context()
        self._tls.sslsocket_class = DeadlineTLSSocket
        self._tls.load_verify_locations(ca_bundle or certifi.where())
        self._local = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._lock = threading.Lock()

    def adapter(self, connection: str) -> DoorAdapter:
        """Return this thread's adapter for the connection of that name."""
        mine: OrderedDict[str, tuple[requests.Session, DoorAdapter]] | None
        mine = getattr(self._local, "sessions", None)
        if mine is None:
            mine = self._local.sessions = OrderedDict()
        pair = mine.pop(connection, None) or self._make_session()
        mine[connection] = pair
        if len(mine) > self._per_thread:
            mine.popitem(last=False)[1][0].close()
        return pair[1]

    def close(self) -> None:
        """Close every idle socket of every thread; a later call opens new ones."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _make_session(self) -> tuple[requests.Session, DoorAdapter]:
        session, adapter = requests.Session(), DoorAdapter(self._policy, self._tls, self.limits)
        session.trust_env = False
        session.adapters.clear()
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        with self._lock:
            self._sessions.add(session)
        return session, adapter
