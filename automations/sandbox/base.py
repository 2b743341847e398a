"""What both sandboxes share: a Flask app behind a gate that records requests and carries out orders."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from flask import Flask, Response, request
from werkzeug.http import HTTP_STATUS_CODES

from .errors import Refusal
from .misbehaviour import GARBAGE, Misbehaviour, Order
from .serving import HangUpError, SandboxServer, call_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECRET_HEADERS = frozenset({"X-Api-Token", "Authorization", "Cookie", "X-Clevertap-Passcode"})
SECRET_QUERY = frozenset({"api_token"})


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class SeenRequest:
    """One API request as it arrived, without its secrets. status: 0 while working or after a hang-up."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: datetime
    status: int = 0
    tags: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is empty or is not JSON."""
        try:
            return orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError:
            return None


class SandboxApp(Misbehaviour):
    """A sandbox product: `app` is its Flask app, `requests` what was asked of it, `serve()` runs it.

    keep_requests: how many requests are remembered; the oldest are forgotten first.
    in_flight, peak_in_flight: API requests being worked on now, and at most, by path.
    """

    name = "sandbox"

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self.now = now
        self.requests: list[SeenRequest] = []
        self.keep_requests = 20_000
        self.in_flight: Counter[str] = Counter()
        self.peak_in_flight: Counter[str] = Counter()
        self._gate_lock = threading.Lock()
        self.app = Flask(self.name, static_folder=None, template_folder=None)
        self.app.json.sort_keys = False  # type: ignore[attr-defined]
        self.app.wsgi_app = Gate(self, self.app.wsgi_app)  # type: ignore[method-assign]
        self.app.register_error_handler(Refusal, lambda refusal: json_reply(refusal.body, refusal.status))

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> SandboxServer:
        """Start answering on `host:port` (0: any free port) in a thread. Close it, or use it with `with`."""
        return SandboxServer(self.app, host, port)

    def is_api_path(self, path: str) -> bool:
        raise NotImplementedError

    def kept_body(self, path: str, body: bytes) -> bytes:
        """What `requests` shows of a body; secrets that travel in one are taken out here."""
        return body

    def canned_body(self, status: int) -> dict[str, Any]:
        """The product's own error body for a status that was ordered."""
        raise NotImplementedError

    def arrive(self, seen: SeenRequest) -> int:
        """Note a request; returns how many of its path are in flight, itself included."""
        with self._gate_lock:
            self.requests.append(seen)
            if len(self.requests) > self.keep_requests:
                del self.requests[: max(1, self.keep_requests // 10)]
            self.in_flight[seen.path] += 1
            self.peak_in_flight[seen.path] = max(self.peak_in_flight[seen.path], self.in_flight[seen.path])
            return self.in_flight[seen.path]

    def leave(self, seen: SeenRequest) -> None:
        with self._gate_lock:
            self.in_flight[seen.path] -= 1


class Gate:
    """The outermost layer: every API request passes here, is recorded, and meets its orders."""

    def __init__(self, sandbox: SandboxApp, inner: Callable[..., Iterable[bytes]]) -> None:
        self._sandbox = sandbox
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if not self._sandbox.is_api_path(path):
            return self._inner(environ, start_response)
        seen = see(environ, self._sandbox.now())
        seen.body = self._sandbox.kept_body(path, seen.body)
        environ["sandbox.in_flight"] = self._sandbox.arrive(seen)
        try:
            status, headers, payload = self._answer(environ, seen)
        finally:
            self._sandbox.leave(seen)
        seen.status = int(status[:3])
        start_response(status, headers)
        return [payload]

    def _answer(
        self, environ: WSGIEnvironment, seen: SeenRequest
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        orders = self._sandbox.take_orders(seen.path, seen.method)
        for order in orders:
            if order.effect == "delay" and not order.after_work:
                self._sandbox.hold(order.seconds)
        instead = next((order for order in orders if order.effect != "delay"), None)
        if instead is not None and not instead.after_work:
            return self._disobey(instead)
        answer = call_app(self._inner, environ)
        for order in orders:
            if order.effect == "delay" and order.after_work:
                self._sandbox.hold(order.seconds)
        return self._disobey(instead) if instead is not None else answer

    def _disobey(self, order: Order) -> tuple[str, list[tuple[str, str]], bytes]:
        if order.effect == "hang_up":
            raise HangUpError
        if order.effect == "garbage":
            return "200 OK", [("Content-Type", "text/html")], GARBAGE
        body = order.body
        if body is None:
            body = orjson.dumps(self._sandbox.canned_body(order.status))
        raw = body.encode() if isinstance(body, str) else body
        kind = "text/html; charset=utf-8" if raw.lstrip().startswith(b"<") else "application/json"
        status = f"{order.status} {HTTP_STATUS_CODES.get(order.status, 'Unknown')}"
        return status, [("Content-Type", kind), *order.headers.items()], raw


def see(environ: WSGIEnvironment, at: datetime) -> SeenRequest:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    headers = {
        key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")
    }
    headers = {key: value for key, value in headers.items() if key not in SECRET_HEADERS}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    raw_query = environ.get("QUERY_STRING", "")
    query = dict(parse_qsl(raw_query, keep_blank_values=True)) if raw_query else {}
    query = {key: "***" if key in SECRET_QUERY else value for key, value in query.items()}
    return SeenRequest(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), query, headers, body, at)


def raw_body() -> bytes:
    return request.get_data(cache=True)


def json_reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, content_type="application/json")
