"""The page of a source: who sees what, what arrives, a test event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import InboundRequest
from automations.model.states import Role
from automations.web.sources import PLACEHOLDER
from tests.web.builder_pages import Browser, make_assembly

KEY = "wk_4f0c77aa1c5e"


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    found = make_assembly(tmp_path)
    found.connections.save("segment", "shop", {"write_key": KEY})
    yield found
    found.close()


def path_of(assembly: Assembly, name: str = "shop") -> str:
    return f"/connections/{assembly.connections.get(name).id}/source"


def test_page_shows_how_to_send_without_the_key(assembly: Assembly) -> None:
    page = Browser.signed_in(assembly).get(path_of(assembly))
    assert "Nothing yet" in page
    assert KEY not in page
    for words in (
        "segment-analytics-python",
        "rudder-sdk-node",
        PLACEHOLDER,
        "http://127.0.0.1:8000/v1/track",
    ):
        assert words in page
    assert path_of(assembly) in Browser.signed_in(assembly).get(path_of(assembly).removesuffix("/source"))


def test_admin_sees_the_key_on_demand_and_nobody_else_does(assembly: Assembly) -> None:
    path = f"{path_of(assembly)}/key"
    admin = Browser.signed_in(assembly)
    admin.get(path_of(assembly))
    answer = admin.post(path, htmx=True)
    assert answer.status_code == 200
    assert answer.text.count(KEY) >= 7
    assert answer.headers["Cache-Control"] == "no-store"
    for role in (Role.PUBLISHER, Role.EDITOR, Role.VIEWER):
        other = Browser.signed_in(assembly, role)
        assert "An admin sees it" in other.get(path_of(assembly))
        assert other.post(path).status_code == 403


def test_test_event_arrives_and_shows(assembly: Assembly) -> None:
    editor = Browser.signed_in(assembly, Role.EDITOR)
    editor.get(path_of(assembly))
    for _ in range(2):
        assert editor.post(f"{path_of(assembly)}/test").status_code == 302
    assembly.runner("test/1/a").work_until_idle()
    page = editor.get(path_of(assembly))
    assert page.count("segment.track") == 2
    assert "Demo Requested" in page


def test_viewer_cannot_send_a_test_event(assembly: Assembly) -> None:
    viewer = Browser.signed_in(assembly, Role.VIEWER)
    assert "Send a test event" not in viewer.get(path_of(assembly))
    assert viewer.post(f"{path_of(assembly)}/test").status_code == 403


def test_arrivals_answer_nothing_while_nothing_changed(assembly: Assembly) -> None:
    editor = Browser.signed_in(assembly, Role.EDITOR)
    page = editor.get(path_of(assembly))
    seen = page.partition('{"seen": "')[2].partition('"')[0]
    assert len(seen) == 16
    editor.get(f"{path_of(assembly)}/arrivals?seen={seen}", 204)
    editor.post(f"{path_of(assembly)}/test")
    assert "segment.track" in editor.get(f"{path_of(assembly)}/arrivals?seen={seen}")


def test_what_strangers_send_stays_text(assembly: Assembly) -> None:
    row = assembly.connections.get("shop")
    kind = assembly.registry.kinds["segment"]
    body = b'{"type": "track", "userId": "<b>u</b>", "event": "<script>alert(1)</script>", "messageId": "m"}'
    assembly.intake.accept(row.id or 0, kind.receive(InboundRequest(body, "", {})))
    assembly.runner("test/1/a").work_until_idle()
    page = Browser.signed_in(assembly).get(path_of(assembly))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_connection_without_a_write_key_has_no_such_page(assembly: Assembly) -> None:
    Browser.signed_in(assembly).get(path_of(assembly, "acme"), 404)
