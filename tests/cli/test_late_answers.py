"""Webhooks are answered by whoever commits them, on the server that we use and beside it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from granian.server import mp

from automations.assembly import Assembly
from automations.cli import late_answers
from automations.cli.late_answers import answer_later, past_wsgi
from automations.engine import intake as intake_module
from automations.errors import StorageUnavailableError
from automations.web.app import create_app, intake_gate

KEPT_S = 10.0


class Answer:
    """What Granian gives for the answer: it takes one, from any thread."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, dict[str, str], Any]] = []
        self.by = ""
        self._came = threading.Event()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.taken.append((status, dict(headers), json.loads(body)))
        self.by = threading.current_thread().name
        self._came.set()

    def wait(self) -> tuple[int, dict[str, str], Any]:
        assert self._came.wait(KEPT_S)
        (only,) = self.taken
        return only


class Server:
    """An application as Granian calls it, in this process."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.others: list[str] = []
        app = create_app(assembly)
        self._call = past_wsgi(intake_gate(app), lambda _, environ: self.others.append(environ["PATH_INFO"]))
        row = assembly.connections.save("webhook", "forms", {})
        self.path = f"/hooks/in/{row.hook_token}"

    def post(self, body: bytes = b'{"name": "Ines"}', path: str = "", method: str = "POST") -> Answer:
        answer = Answer()
        environ = {
            "PATH_INFO": path or self.path,
            "REQUEST_METHOD": method,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        self._call(answer, environ)
        return answer

    def stored(self) -> int:
        return len(self.assembly.history.events())


@pytest.fixture
def server(cli: Any) -> Iterator[Server]:
    with cli.house() as assembly:
        yield Server(assembly)


def test_granian_still_has_what_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    assert callable(getattr(mp, late_answers._WRAPS))
    monkeypatch.setattr(mp, late_answers._WRAPS, getattr(mp, late_answers._WRAPS))
    answer_later(intake_gate(create_app(server.assembly)))
    called: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b"{}"]

    call = getattr(mp, late_answers._WRAPS)(application, {}, None)
    page = Answer()
    call(page, {"PATH_INFO": "/recipes"})
    assert page.wait()[0] == 200
    assert called == ["/recipes"]
    nobody = Answer()
    call(nobody, {"PATH_INFO": "/hooks/in/nobody", "REQUEST_METHOD": "POST"})
    assert nobody.wait()[0] == 404


def test_without_it_webhooks_wait_in_their_threads(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.delattr(mp, late_answers._WRAPS)
    answer_later(intake_gate(create_app(server.assembly)))
    assert not hasattr(mp, late_answers._WRAPS)


def test_what_the_first_webhook_needs_is_made_before_it_comes(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setattr(mp, late_answers._WRAPS, getattr(mp, late_answers._WRAPS))
    assert "intake" not in vars(server.assembly)
    answer_later(intake_gate(create_app(server.assembly)))
    assert "intake" in vars(server.assembly)


def test_what_cannot_be_made_yet_is_made_by_the_webhook_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setattr(mp, late_answers._WRAPS, getattr(mp, late_answers._WRAPS))
    with monkeypatch.context() as without:
        without.setattr("automations.assembly.WakeUps", None)
        answer_later(intake_gate(create_app(server.assembly)))
    assert server.post().wait()[0] == 200


def test_webhook_is_answered_by_the_committing_thread_once_it_is_on_disk(server: Server) -> None:
    answer = server.post()
    assert answer.wait() == (
        200,
        {"Content-Type": "application/json", "Content-Length": "16"},
        {"success": True},
    )
    assert answer.by == "intake"
    assert server.stored() == 1


def test_refused_webhook_is_answered_at_once(server: Server) -> None:
    assert [server.post(b"{").taken[0][0], server.post(method="GET").taken[0][0]] == [400, 405]
    assert server.stored() == 0


def test_other_requests_are_called_as_ever(server: Server) -> None:
    assert server.post(path="/recipes").taken == []
    assert server.others == ["/recipes"]


def test_webhook_that_could_not_be_stored_is_told_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise StorageUnavailableError("full")

    monkeypatch.setattr(intake_module, "insert_events", full)
    status, headers, body = server.post().wait()
    assert (status, body["error"]) == (503, "unavailable")
    assert "Retry-After" in headers
