"""What every bad input to an inbound address gets: one answer each, nothing stored, the process unharmed."""

from __future__ import annotations

import base64
import gzip
import io
import json

import pytest

from tests.web.builder_pages import Browser
from tests.web.senders import Sender, credentials, refused, webhook

MIB = 2**20


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
