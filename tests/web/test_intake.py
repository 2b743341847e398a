"""What comes in by an inbound address: what is stored, and what every bad input gets."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from automations.assembly import Assembly
from automations.engine.intake import Accepted
from automations.errors import StorageUnavailableError
from automations.web.app import create_app
from tests.web.builder_pages import Browser

MIB = 2**20


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


@pytest.fixture
def sender(assembly: Assembly) -> Sender:
    opened = assembly.connections.open(assembly.connections.get("acme").id or 0)
    basic = credentials(opened.hook_user, opened.hook_password)
    return Sender(
        assembly, create_app(assembly).test_client(), f"/hooks/pipedrive/{opened.hook_token}", basic
    )


def refused(answer: TestResponse, status: int) -> dict[str, str]:
    """Check that this is a refusal in the one shape that all have; return it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    body: dict[str, str] = json.loads(answer.data)
    assert set(body) == {"error", "message"}
    assert "Traceback" not in answer.text
    return body


def test_accepted_event_is_stored_before_the_answer(sender: Sender) -> None:
    answer = sender.post()
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    (event, connection) = sender.assembly.history.events()[0]
    assert (connection, event.topic, event.record_key) == ("acme", "deal.change", "deal:5120")
    assert json.loads(event.payload) == webhook()


def test_the_same_event_again_is_told_and_stored_once(sender: Sender) -> None:
    sender.post()
    answer = sender.post()
    assert answer.json == {"success": True, "duplicate": True}
    assert sender.stored() == 1


def test_what_nobody_uses_is_accepted(sender: Sender) -> None:
    assert sender.post(webhook(entity="somethingNew", action="invented")).status_code == 200
    assert sender.stored() == 1


def test_answer_carries_no_cookie(sender: Sender) -> None:
    answer = sender.post()
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


# -- order: token, method, credentials, size, type, encoding, content


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/pipedrive/" + "a" * 32,
        "/hooks/in/" + "a" * 32,
        "/hooks/pipedrive/",
        "/hooks/",
        "/hooks/nobody/" + "a" * 32,
        "/hooks/pipedrive/short",
        "/hooks/pipedrive/%00%ff" + "a" * 32,
        "/hooks/pipedrive/../../etc/passwd",
    ],
)
def test_every_unknown_address_gets_the_same_404(sender: Sender, path: str) -> None:
    assert refused(sender.post(path=path), 404) == {
        "error": "not_found",
        "message": "There is no such address.",
    }


def test_token_works_only_under_the_path_of_its_kind(sender: Sender) -> None:
    refused(sender.post(path=sender.path.replace("/hooks/pipedrive/", "/hooks/in/")), 404)
    refused(sender.post(path=sender.path + "/"), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_told_which_is_right(sender: Sender, method: str) -> None:
    answer = sender.post(method=method, X_HTTP_Method_Override="POST")
    refused(answer, 405)
    assert answer.headers["Allow"] == "POST"
    assert sender.stored() == 0


def test_unknown_address_tells_nothing_of_methods(sender: Sender) -> None:
    refused(sender.post(path="/hooks/pipedrive/" + "a" * 32, method="GET"), 404)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!junk",
        "Basic " + base64.b64encode(b"no colon").decode(),
        credentials("", ""),
        credentials("automations", ""),
        credentials("automations", "wrong"),
        credentials("äöü", "пароль"),
        "Bearer abc",
    ],
)
def test_wrong_credentials_store_nothing_and_are_noted(sender: Sender, header: str | None) -> None:
    answer = sender.post(Authorization=header)
    assert refused(answer, 401)["error"] == "wrong_credentials"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert sender.stored() == 0
    assert sender.assembly.connections.get("acme").refused_hooks == 1


def test_wrong_password_is_shown_on_the_connection_page(sender: Sender) -> None:
    sender.post(Authorization=credentials("automations", "guess"))
    page = Browser.signed_in(sender.assembly).get(
        f"/connections/{sender.assembly.connections.get('acme').id}"
    )
    assert "wrong credentials" in page
    assert "guess" not in page


def test_right_credentials_are_never_locked_out(sender: Sender) -> None:
    for _ in range(30):
        sender.post(Authorization=credentials("automations", "guess"))
    assert sender.post().status_code == 200


def test_credentials_are_asked_before_the_body_is_looked_at(sender: Sender) -> None:
    refused(sender.post(b"x" * (MIB + 1), Authorization=None), 401)


def test_body_over_one_mebibyte_is_refused(sender: Sender) -> None:
    refused(sender.post(b" " * (MIB + 1)), 413)
    assert sender.stored() == 0


def test_body_of_one_mebibyte_is_read(sender: Sender) -> None:
    text = json.dumps(webhook()).encode()
    assert sender.post(text + b" " * (MIB - len(text))).status_code == 200


class Endless(io.RawIOBase):
    """A body without a declared length that never ends; `given` is how much of it was read."""

    given = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "somebody wanted all of it"
        self.given += size
        return b" " * size


def test_reading_stops_at_the_limit_where_no_length_is_declared(sender: Sender) -> None:
    body = Endless()
    refused(sender.stream(body), 413)
    assert body.given <= MIB + 2**17


def test_body_without_a_length_is_read_to_its_end(sender: Sender) -> None:
    assert sender.stream(io.BytesIO(json.dumps(webhook()).encode())).status_code == 200


def test_body_that_ends_early_is_refused(sender: Sender) -> None:
    refused(sender.stream(io.BytesIO(b'{"meta"'), length="400"), 400)


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "+5"])
def test_nonsense_length_is_refused(sender: Sender, length: str) -> None:
    refused(sender.stream(io.BytesIO(b"{}"), length=length), 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_other_content_types_are_refused(sender: Sender, kind: str) -> None:
    refused(sender.post(Content_Type=kind), 415)
    assert sender.stored() == 0


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip,identity", "x"])
def test_other_encodings_are_refused(sender: Sender, encoding: str) -> None:
    refused(sender.post(gzip.compress(b"{}"), Content_Encoding=encoding), 415)


def test_gzip_is_read(sender: Sender) -> None:
    packed = gzip.compress(json.dumps(webhook()).encode())
    assert sender.post(packed, Content_Encoding="gzip").status_code == 200
    assert json.loads(sender.assembly.history.events()[0][0].payload) == webhook()


def test_gzip_bomb_stops_at_the_limit(sender: Sender) -> None:
    refused(sender.post(gzip.compress(b" " * (200 * MIB), 9), Content_Encoding="gzip"), 413)


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b"{}")[:-4], gzip.compress(b"{}") + b"more", gzip.compress(b"{}") * 2, b""],
)
def test_broken_gzip_is_refused(sender: Sender, body: bytes) -> None:
    refused(sender.post(body, Content_Encoding="gzip"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"meta": ',
        b'{"meta": {},}',
        b"// comment\n{}",
        b"{} {}",
        json.dumps(webhook()).encode("utf-16"),
        json.dumps(webhook()).encode("utf-32"),
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a": 1, "a": 2}',
        b"[" + b"0," * 10_001 + b"0]",
        b"null",
        b"7",
        b"[]",
        b'"text"',
        b'{"no": "meta"}',
    ],
)
def test_what_can_never_be_an_event_gets_a_400_and_stores_nothing(sender: Sender, body: bytes) -> None:
    refused(sender.post(body), 400)
    assert sender.stored() == 0


def test_process_is_unharmed_by_hostile_input(sender: Sender) -> None:
    for body in (b"[" * 900_000, b'{"a":' * 100_000, b"\x00" * 1000):
        assert 400 <= sender.post(body).status_code < 500
    assert sender.post().status_code == 200


# -- when it cannot be taken


def test_full_disk_gets_a_503_that_says_when_to_come_back(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> list[Accepted]:
        raise StorageUnavailableError

    monkeypatch.setattr(sender.assembly.intake, "accept", full)
    answer = sender.post()
    refused(answer, 503)
    assert 5 <= int(answer.headers["Retry-After"]) <= 30


def test_a_fault_of_ours_is_a_constant_500(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> list[Accepted]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(sender.assembly.intake, "accept", broken)
    with caplog.at_level(logging.CRITICAL):
        assert "secret detail" not in json.dumps(refused(sender.post(), 500))


# -- addresses come and go


def test_new_connection_is_reachable_at_once(sender: Sender) -> None:
    refused(sender.post(path="/hooks/in/" + "a" * 32), 404)
    row = sender.assembly.connections.save("webhook", "forms", {})
    answer = sender.client.post(f"/hooks/in/{row.hook_token}", json={"name": "Ines"})
    assert answer.status_code == 200
    assert sender.stored() == 1


def test_removed_connection_is_gone_after_the_remembered_time(toys: Any) -> None:
    client = create_app(toys.assembly).test_client()
    path = f"/hooks/in/{toys.connection.hook_token}"
    assert client.post(path, json={"wrong": 1}).status_code == 400
    toys.assembly.connections.remove("toys")
    toys.clock.advance(seconds=3)
    assert client.post(path, json={"wrong": 1}).status_code == 404


def test_changed_password_counts_after_the_remembered_time(toys: Any, sender: Sender) -> None:
    sender.post()
    sender.assembly.connections.save("pipedrive", "acme", {"hook_password": "another long password"})
    fresh = create_app(sender.assembly).test_client()
    headers = {"Authorization": credentials("automations", "another long password")}
    assert fresh.post(sender.path, json=webhook("e-2"), headers=headers).status_code == 200
