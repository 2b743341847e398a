"""A program that posts to an inbound address, rightly and wrongly."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from automations.assembly import Assembly


def webhook(event_id: str = "e-1", **more: Any) -> dict[str, Any]:
    meta = {
        "action": "change",
        "entity": "deal",
        "entity_id": 5120,
        "id": event_id,
        "webhook_id": "1",
        "company_id": "7",
    }
    return {
        "meta": {**meta, **more},
        "data": {"id": 5120, "title": "Office chairs"},
        "previous": {"title": "Chairs"},
    }


@dataclass
class Sender:
    """A program that posts to one inbound address."""

    assembly: Assembly
    client: FlaskClient
    path: str
    basic: str

    def post(
        self, body: Any = None, *, path: str = "", method: str = "POST", **headers: str | None
    ) -> TestResponse:
        """headers: by name with `_` for `-`; None leaves one out."""
        content = (
            body if isinstance(body, bytes) else json.dumps(webhook() if body is None else body).encode()
        )
        given = {"Content-Type": "application/json", "Authorization": self.basic}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in given.items() if value is not None}
        return self.client.open(path or self.path, method=method, data=content, headers=kept)

    def stream(self, body: Any, *, length: str = "") -> TestResponse:
        """Post what a server hands over bit by bit; without a length it came in chunks."""
        environ = EnvironBuilder(self.path, method="POST", content_type="application/json").get_environ()
        environ |= {"HTTP_AUTHORIZATION": self.basic, "wsgi.input": body, "CONTENT_LENGTH": length}
        if not length:
            environ |= {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        return TestResponse(*run_wsgi_app(self.client.application, environ), Request(environ))

    def stored(self) -> int:
        return len(self.assembly.history.events())


def credentials(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refused(answer: TestResponse, status: int) -> dict[str, str]:
    """Check that this is a refusal in the one shape that all have; return it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    body: dict[str, str] = json.loads(answer.data)
    assert set(body) == {"error", "message"}
    assert "Traceback" not in answer.text
    return body
