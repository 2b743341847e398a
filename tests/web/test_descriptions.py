"""Services by description: the list, one's own, trying it without sending, and connecting an account."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from automations.assembly import Assembly
from automations.connectors.targets.library import shipped
from automations.model.states import Role
from tests.web.builder_pages import Browser, make_assembly
from tests.web.html_rules import Page

LIST = "/connections/descriptions"
ANSWERS = {
    "title": "Acme events",
    "name": "acme_events",
    "address": "https://events.acme.example",
    "auth": "bearer",
    "profile_path": "/profiles",
    "event_path": "/events",
    "records": "100",
    "list_key": "batch",
    "time": "epoch_s",
    "nested": "flatten",
}
TEXT = (
    shipped()["segment"].replace("target: segment", "target: acme").replace("title: Segment", "title: Acme")
)


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    found = make_assembly(tmp_path)
    yield found
    found.close()


def test_every_service_is_listed_with_a_way_to_connect_it(assembly: Assembly) -> None:
    page = Browser.signed_in(assembly).get(LIST)
    assert Page(page).faults == []
    for name in shipped():
        assert f"{LIST}/{name}" in page
        assert f"/connections/add/target?target={name}" in page
    answer = Browser.signed_in(assembly).client.get("/connections/add/target")
    assert answer.headers["Location"] == LIST


def test_a_form_asks_what_the_description_says(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    page = browser.get("/connections/add/target?target=mixpanel")
    assert Page(page).faults == []
    assert "Connect Mixpanel" in page
    assert all(word in page for word in ("Project token", "Project ID", "Data residency", 'value="mixpanel"'))
    given = {
        "target": "mixpanel",
        "name": "acme-mixpanel",
        "project_id": "7",
        "token": "t-4f0c77aa1c5e",
        "region": "eu",
    }
    assert browser.post("/connections/add/target", given).status_code == 302
    row = assembly.connections.get("acme-mixpanel")
    shown = browser.get(f"/connections/{row.id}")
    assert "t-4f0c77aa1c5e" not in shown
    assert "•••1c5e" in shown
    edit = browser.get(f"/connections/{row.id}/edit")
    assert "t-4f0c77aa1c5e" not in edit
    changed = {"target": "mixpanel", "project_id": "8", "region": "eu"}
    assert browser.post(f"/connections/{row.id}/edit", changed).status_code == 302
    kept = assembly.connections.reveal("acme-mixpanel")
    assert (kept["project_id"], kept["token"]) == ("8", "t-4f0c77aa1c5e")


def test_a_missing_setting_is_told_at_its_field(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    browser.get("/connections/add/target?target=mixpanel")
    answer = browser.post(
        "/connections/add/target", {"target": "mixpanel", "name": "acme-mixpanel", "project_id": "7"}
    )
    assert answer.status_code == 422
    assert "Project token: is required" in answer.text


def test_the_short_form_makes_a_text_that_is_tried_and_kept(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser.signed_in(assembly)
    assert Page(browser.get(f"{LIST}/new")).faults == []
    made = browser.post(f"{LIST}/new", ANSWERS)
    assert made.status_code == 200
    assert Page(made.text).faults == []
    assert "target: acme_events" in made.text
    text = assembly.own_descriptions.kind("target").draft(ANSWERS)
    sample = {"action": "profile", "identity": "u-1", "properties": {"a": {"b": 1}}}

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a socket was opened")

    with monkeypatch.context() as patched:
        patched.setattr(socket.socket, "connect", refuse)
        tried = browser.post(
            f"{LIST}/try", {"text": text, "which": "profile", "sample-profile": json.dumps(sample)}, htmx=True
        )
    assert "https://events.acme.example/profiles" in tried.text
    assert "a.b" in tried.text
    assert browser.post(f"{LIST}/keep", {"text": text}).status_code == 302
    assert "Acme events" in browser.get(LIST)
    assert "Keep it" in browser.get(f"{LIST}/acme_events")


@pytest.mark.parametrize(
    ("text", "sample", "said"),
    [
        (TEXT, "{", "not JSON"),
        (TEXT, "[]", "an object"),
        (TEXT, '{"action": "event"}', "Map one of them"),
        (TEXT, '{"identity": "u", "properties": 3}', "names and values"),
        (TEXT, '{"identity": "u", "timestamp": "soon"}', "is no time"),
        (TEXT.replace("settings.write_key", "settings.x"), "{}", "There is no setting"),
        ("target: [", "{}", "This is not YAML"),
    ],
)
def test_what_cannot_be_tried_says_why(assembly: Assembly, text: str, sample: str, said: str) -> None:
    browser = Browser.signed_in(assembly)
    browser.get(LIST)
    answer = browser.post(
        f"{LIST}/try", {"text": text, "which": "profile", "sample-profile": sample}, htmx=True
    )
    assert answer.status_code == 200
    assert said in answer.text


def test_a_wrong_answer_or_text_is_shown_again_with_what_is_wrong(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    browser.get(f"{LIST}/new")
    answer = browser.post(f"{LIST}/new", {**ANSWERS, "address": "acme"})
    assert answer.status_code == 422
    assert "Give an address" in answer.text
    wrong = browser.post(f"{LIST}/keep", {"text": TEXT.replace("title:", "titel:", 1)})
    assert wrong.status_code == 422
    assert "Did you mean" in wrong.text
    taken = browser.post(f"{LIST}/keep", {"text": shipped()["segment"]})
    assert "comes with the app" in taken.text


def test_a_used_description_stays_and_an_unused_one_goes(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    browser.get(LIST)
    browser.post(f"{LIST}/keep", {"text": TEXT})
    assembly.connections.save("target", "my-acme", {"target": "acme", "write_key": "w-4f0c77aa1c5e"})
    browser.post(f"{LIST}/acme/remove")
    assert f"{LIST}/acme" in browser.get(LIST)
    assembly.connections.remove("my-acme")
    browser.post(f"{LIST}/acme/remove")
    assert f'"{LIST}/acme"' not in browser.get(LIST)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.PUBLISHER])
def test_only_admins_change_descriptions(assembly: Assembly, role: Role) -> None:
    browser = Browser.signed_in(assembly, role)
    page = browser.get(LIST)
    assert "Describe a service" not in page
    assert Page(browser.get(f"{LIST}/mixpanel")).faults == []
    assert browser.post(f"{LIST}/keep", {"text": TEXT}).status_code == 403
    assert browser.post(f"{LIST}/new", ANSWERS).status_code == 403
    assert browser.post(f"{LIST}/acme/remove").status_code == 403
    assert (browser.post(f"{LIST}/try", {}, htmx=True).status_code == 403) == (role == Role.VIEWER)
