"""Events by write key over real HTTP, as SDKs and people with curl send them."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from werkzeug.serving import make_server

from automations.assembly import Assembly
from automations.clock import SystemClock
from automations.model.history import Event
from automations.settings import Settings
from automations.web.app import create_app
from automations.web.write_key_gate import LARGEST_BODY

KEY = "wk_4f0c77aa1c5e"
TRACK = {"type": "track", "userId": "cust-88", "event": "Paid", "messageId": "m-1"}
GOOD = json.dumps({"batch": [TRACK]}).encode()


def basic(user: str, *, colon: bool = True) -> dict[str, str]:
    text = f"{user}:" if colon else user
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


class MovableClock(SystemClock):
    """The real one; its monotonic time can be set ahead."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """An installation with the source `app`, served on a port of its own."""

    assembly: Assembly
    port: int
    clock: MovableClock

    def send(
        self, path: str, body: bytes = GOOD, headers: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, basic(KEY) if headers is None else dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def events(self) -> list[Event]:
        with self.assembly.database.read() as session:
            return list(session.exec(select(Event)))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with the source, to be copied: its tables are made once."""
    folder = tmp_path_factory.mktemp("installation")
    assembly = Assembly.make(Settings(instance=folder))
    assembly.connections.save("segment", "app", {"write_key": KEY})
    assembly.close()
    return folder


@pytest.fixture
def served(installation: Path, tmp_path: Path) -> Iterator[Served]:
    clock = MovableClock()
    folder = shutil.copytree(installation, tmp_path / "instance")
    assembly = Assembly.make(Settings(instance=folder), clock=clock, migrate=False)
    server = make_server("127.0.0.1", 0, create_app(assembly), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Served(assembly, server.server_port, clock)
    server.shutdown()
    thread.join()
    server.server_close()
    assembly.close()


# -- the key


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/import", "/v1/b"])
def test_key_as_the_users_name(served: Served, path: str) -> None:
    answer = served.send(path)
    assert (answer.status, answer.json) == (200, {"success": True})
    assert answer.headers["Content-Type"] == "application/json"
    assert [event.topic for event in served.events()] == ["segment.track"]


def test_key_without_a_colon(served: Served) -> None:
    assert served.send("/v1/batch", headers=basic(KEY, colon=False)).status == 200


def test_key_in_the_body(served: Served) -> None:
    body = json.dumps({"batch": [TRACK], "writeKey": KEY}).encode()
    assert served.send("/v1/batch", body, {}).status == 200
    assert served.send("/v1/batch", body, {"Authorization": "Bearer some-oauth-token"}).status == 200
    assert len(served.events()) == 1


def test_key_in_the_body_of_a_batch_that_python_wrote_with_a_nan(served: Served) -> None:
    unfit = {**TRACK, "messageId": "m-2", "properties": {"score": float("nan")}}
    body = json.dumps({"batch": [TRACK, unfit], "writeKey": KEY}).encode()
    assert served.send("/v1/batch", body, {}).status == 200
    assert [event.topic for event in served.events()] == ["segment.track", "segment.refused"]


def test_header_wins_over_the_body(served: Served) -> None:
    body = json.dumps({"batch": [TRACK], "writeKey": KEY}).encode()
    wrong = json.dumps({"batch": [TRACK], "writeKey": "another"}).encode()
    assert served.send("/v1/batch", body, basic("another")).status == 401
    assert served.send("/v1/batch", wrong, basic(KEY)).status == 200


@pytest.mark.parametrize("headers", [{}, basic("wrong"), basic(""), {"Authorization": "Basic %%%"}])
def test_wrong_key_is_told_with_code_and_message(served: Served, headers: dict[str, str]) -> None:
    answer = served.send("/v1/batch", GOOD, headers)
    assert answer.status == 401
    assert set(answer.json) == {"code", "message"}
    assert answer.json["code"] == "invalid_write_key"
    assert not served.events()


def test_new_connection_is_known_half_a_second_later(served: Served) -> None:
    assert served.send("/v1/batch").status == 200
    served.assembly.connections.save("segment", "mobile", {"write_key": "wk_mobile"})
    served.clock.ahead_s += 0.5
    assert served.send("/v1/batch", headers=basic("wk_mobile")).status == 200
    with served.assembly.database.read() as session:
        # The same message of two sources is two events.
        assert len({event.connection_id for event in session.exec(select(Event))}) == 2


# -- bodies


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json", ""]
)
def test_content_type_does_not_matter_and_gzip_is_taken(served: Served, content_type: str) -> None:
    headers = {**basic(KEY), "Content-Encoding": "gzip", "Content-Type": content_type}
    assert served.send("/v1/batch", gzip.compress(GOOD), headers).status == 200
    assert len(served.events()) == 1


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t/", "/v1/track/"])
def test_single_call(served: Served, path: str) -> None:
    body = json.dumps({"userId": 42, "event": "Paid", "messageId": "m-1"}).encode()
    assert served.send(path, body).status == 200
    (event,) = served.events()
    assert (event.topic, event.record_key, event.dedupe_key) == ("segment.track", "user:42", "id:m-1")


def test_same_message_twice_is_one_event_and_both_are_told_yes(served: Served) -> None:
    for sent_at in ("2026-11-20T12:00:00Z", "2026-11-20T12:00:09Z"):
        answer = served.send("/v1/batch", json.dumps({"batch": [TRACK], "sentAt": sent_at}).encode())
        assert (answer.status, answer.json) == (200, {"success": True})
    assert len(served.events()) == 1


def test_bad_message_of_a_batch_is_kept_to_be_seen_and_the_others_go_on(served: Served) -> None:
    messages = [TRACK, {"type": "track", "event": "Nobody"}, {**TRACK, "messageId": "m-2"}]
    answer = served.send("/v1/batch", json.dumps({"batch": messages}).encode())
    assert (answer.status, answer.json) == (200, {"success": True})
    assert [event.topic for event in served.events()] == ["segment.track", "segment.refused", "segment.track"]
    served.assembly.runner("test/1/a").work_until_idle()
    assert [event.label for event in served.events()][1].startswith("refused: It has neither")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"batch":[]}', b"not json", b"", b"\xff"])
def test_body_without_a_message_is_told(served: Served, body: bytes) -> None:
    answer = served.send("/v1/batch", body)
    assert answer.status == 400
    assert all(isinstance(answer.json[name], str) and answer.json[name] for name in ("code", "message"))


def test_large_batch_is_taken_and_a_larger_one_is_not(served: Served) -> None:
    large = json.dumps({"batch": [{**TRACK, "properties": {"text": "x" * (LARGEST_BODY - 500)}}]}).encode()
    assert served.send("/v1/batch", large).status == 200
    answer = served.send("/v1/batch", b" " * 500 + large)
    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_bomb_is_refused_before_it_is_unpacked(served: Served) -> None:
    bomb = gzip.compress(b'{"batch":[' + b" " * (60 * 2**20) + b"]}")
    answer = served.send("/v1/batch", bomb, {**basic(KEY), "Content-Encoding": "gzip"})
    assert (answer.status, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/batch", 405), ("PUT", "/v1/track", 405), ("POST", "/v1/merge", 404), ("POST", "/v1/", 404)],
)
def test_other_addresses_and_methods_are_told(served: Served, method: str, path: str, status: int) -> None:
    answer = served.send(path, b"", method=method)
    assert answer.status == status
    assert set(answer.json) == {"code", "message"}


# -- pages in browsers

PAGE = {"Origin": "https://shop.example"}
ASKS = {
    **PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def test_pages_are_not_let_in_unless_somebody_says_so(served: Served) -> None:
    refused = served.send("/v1/t", b"", ASKS, method="OPTIONS")
    assert (refused.status, refused.json["code"]) == (403, "origin_not_allowed")
    answer = served.send("/v1/batch", headers={**basic(KEY), **PAGE})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origins", ["https://shop.example, https://other.example", "*"])
def test_pages_of_a_named_origin_may_send(served: Served, origins: str) -> None:
    served.assembly.connections.save("segment", "app", {"allowed_origins": origins})
    asked = served.send("/v1/t", b"", ASKS, method="OPTIONS")
    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert asked.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    body = json.dumps({**TRACK, "writeKey": KEY}).encode()
    sent = served.send("/v1/t", body, {**PAGE, "Content-Type": "text/plain"})
    assert (sent.status, sent.headers["Access-Control-Allow-Origin"]) == (200, "https://shop.example")
    assert sent.headers["Vary"] == "Origin"
    told = served.send("/v1/t", b"{}", {**basic(KEY), **PAGE})
    assert (told.status, told.headers["Access-Control-Allow-Origin"]) == (400, "https://shop.example")


def test_origin_of_one_source_opens_no_other(served: Served) -> None:
    served.assembly.connections.save(
        "segment", "site", {"write_key": "wk_site", "allowed_origins": "https://shop.example"}
    )
    answer = served.send("/v1/batch", headers={**basic(KEY), **PAGE})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
