"""Pooled sessions whose connections go only where the network policy says.

Requests and answers are those of `requests`, and so is the place for what carries them, the adapter. Beneath it
sit our own connections: they ask the policy where to connect, note how far a call came, so that the door knows
whether anything can have reached the other side, and leave out what no call uses, a third of its cost.

A kept-alive connection goes to the address that was checked when it was opened, so using it again needs no
second look-up. One that the server has closed meanwhile is noticed before anything is sent and replaced. If
the server closes it in the very moment we send, nobody can know whether it read the request; that is
reported as it is and never tried again here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import weakref
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from automations.clock import Clock, SystemClock
from automations.connectors.answers import Answer
from automations.connectors.network_policy import NetworkPolicy, Target
from automations.connectors.sockets import DeadlineSocket, DeadlineTLSSocket, Limits, Wire, dial
from automations.engine.contracts import Fence

# Servers close idle connections after anything from 5 s; older ones are not worth the risk of a race.
_IDLE_S: Final = 30.0
_PLACES_PER_SESSION: Final = 8
_ALWAYS_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})


class _Guarded(HTTPConnection):
    """A connection that goes only where the policy says, and notes on the wire how far it came."""

    def __init__(self, *args: Any, wire: Wire, policy: NetworkPolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wire = wire
        self._policy = policy
        self._used_at = 0.0
        self._answer: http.client.HTTPResponse | None = None

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
        except BaseException as error:
            # A handshake that failed leaves a socket behind that is none any more.
            self.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                self._wire.fact = f"shows a certificate that is not valid ({error.verify_message})"
            elif isinstance(error, OSError):
                self._wire.fact = self._wire.fact or "broke off while the secure connection was made"
            raise
        assert isinstance(self.sock, DeadlineSocket | DeadlineTLSSocket)
        self.sock.wire = self._wire

    def ask(self, method: str, message: bytes) -> http.client.HTTPResponse | HTTPResponse:
        """Send a whole request in one piece, one packet mostly; return the answer, its body unread.

        One that is packed comes as `urllib3` unpacks it; around one that is not there is nothing to do.
        """
        self._make_ready()
        assert self.sock is not None
        self._used_at = time.monotonic()
        self._wire.leave()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                # Who refuses a request may hang up before it is all there, and its answer can still be read.
                self.sock.sendall(message)
            answer = self._answer = Answer(self.sock, method=method)
            answer.begin()
        except BaseException:
            # What was sent of it may be a part: the next request on this connection would be taken for the rest.
            if self._answer is not None:
                self._answer.close()
            self.close()
            raise
        if "Content-Encoding" not in answer.msg:
            return answer
        return HTTPResponse(
            body=answer,
            headers=HTTPHeaderDict(answer.msg.items()),
            status=answer.status,
            version=answer.version,
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            original_response=answer,
            request_method=method,
            connection=self,
        )

    def _make_ready(self) -> None:
        """Keep the connection that is there if it can carry another call, else open one."""
        before, self._answer = self._answer, None
        if before is not None and (before.will_close or not before.isclosed()):
            # What is left of that answer is still on its way.
            before.close()
            self.close()
        if self.sock is not None and not self.is_connected:
            self.close()
        if self.sock is None:
            self.connect()

    @property
    def is_connected(self) -> bool:
        if time.monotonic() - self._used_at >= _IDLE_S:
            return False
        # What has come already and was not asked for would be read as the next answer.
        has_more = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        return not has_more and super().is_connected


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same with TLS; the name, not the address, goes into SNI and the certificate check."""


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
        if body is not None or method in _ALWAYS_WITH_LENGTH:
            self.headers["Content-Length"] = str(len(body or b""))

    def message(self) -> bytes:
        """Return head and body as they are sent."""
        lines = [f"{self.method} {self.target.path} HTTP/1.1", f"Host: {self.target.authority}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join(lines).encode("latin-1")
        body = self.body if isinstance(self.body, bytes) else b""
        return head + b"\r\n\r\n" + body


class DoorAdapter(HTTPAdapter):
    """Carries the requests of one thread for one connection, one at a time."""

    def __init__(self, policy: NetworkPolicy, tls: ssl.SSLContext, limits: Limits) -> None:
        self.wire = Wire(limits)
        self._policy = policy
        self._tls = tls
        self._connections: OrderedDict[tuple[str, str, int], _Guarded] = OrderedDict()
        # A thread that ends takes its sessions with it.
        weakref.finalize(self, _close_all, self._connections)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def call(
        self, request: OutgoingRequest, *, total_s: float, fence: Fence | None = None
    ) -> requests.Response:
        """Send and return the answer, its body unread. Raises what `urllib3` and `http.client` raise, or OSError.

        fence: called when all is ready and the first byte would leave; what it raises keeps the request here.
        Redirects are not followed; nothing of the environment (proxies, `.netrc`) is used.
        """
        self.wire.begin(total_s, fence)
        try:
            return self.send(request)
        finally:
            # It knows the work of this call, a thousand runs at times, and a thread's next call may be far away.
            self.wire.fence = None

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        """Send in one write. What `requests` does around it (cookies, redirects, hooks) calls never use."""
        raw = self._connection(request.target).ask(request.method, request.message())
        answer = requests.Response()
        answer.status_code = raw.status
        answer.headers = CaseInsensitiveDict(HTTPHeaderDict(raw.headers.items()))
        answer.raw = raw
        answer.request = request
        return answer

    def close(self) -> None:
        _close_all(self._connections)
        super().close()

    def _connection(self, target: Target) -> _Guarded:
        key = (target.scheme, target.host, target.port)
        found = self._connections.pop(key, None) or self._make_connection(*key)
        self._connections[key] = found
        if len(self._connections) > _PLACES_PER_SESSION:
            self._connections.popitem(last=False)[1].close()
        return found

    def _make_connection(self, scheme: str, host: str, port: int) -> _Guarded:
        guard: dict[str, Any] = {
            "wire": self.wire,
            "policy": self._policy,
            "timeout": self.wire.limits.connect_s,
        }
        # Brackets belong to the text of an IPv6 address, not to the address.
        bare = host.removeprefix("[").removesuffix("]")
        if scheme == "http":
            return _Guarded(bare, port, **guard)
        return _GuardedTLS(bare, port, cert_reqs="CERT_REQUIRED", ssl_context=self._tls, **guard)


def _close_all(connections: OrderedDict[tuple[str, str, int], _Guarded]) -> None:
    while connections:
        connections.popitem()[1].close()


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
