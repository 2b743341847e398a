"""What the sandbox's tests share: a client, a webhook receiver, and short ways to common requests."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

import requests

from automations.sandbox import SandboxServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ACCOUNT_ID, PASSCODE = "TEST-123-ACC", "PASS-456-CODE"


class Api:
    """A `requests` session that knows the address and the credentials."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers.update(headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.session.close()

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        if body is not None:
            more["json"] = body
        return self.session.request(method, self.url + path, timeout=10, **more)

    def data(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The `data` of a reply that must be a success."""
        reply = self(method, path, body, **more)
        assert reply.ok, reply.text
        return reply.json()["data"]


class Receiver:
    """Takes webhooks. statuses: what to answer next, then 200. hold: a gate that each call waits for."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[str] = set()
        self.statuses: deque[int] = deque()
        self.hold = threading.Event()
        self.hold.set()
        self._server = SandboxServer(self._app)
        self.url = f"{self._server.url}/hooks/secret-part"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.hold.set()
        self._server.close()

    def _app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.hold.wait(10)
        self.bodies.append(json.loads(environ["wsgi.input"].read()))
        self.headers.append({key: value for key, value in environ.items() if isinstance(value, str)})
        self.connections.add(threading.current_thread().name)
        status = self.statuses.popleft() if self.statuses else 200
        start_response(f"{status} Whatever", [("Content-Type", "text/plain")])
        return [b"ok"]


def hook_body(url: str, **changes: Any) -> dict[str, Any]:
    body = {"subscription_url": url, "event_action": "*", "event_object": "deal", "name": "test"}
    return {**body, "version": "2.0", **changes}


def refused(call: Callable[[], requests.Response], status: int = 400) -> str:
    """The error text of a reply that must be a refusal."""
    reply = call()
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert body["success"] is False
    error: str = body["error"]
    return error
