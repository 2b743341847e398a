"""Signing in and out, sessions, and who may do what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.model.states import Role
from automations.settings import Settings
from automations.web.app import create_app
from automations.web.auth import is_local_path
from tests.engine.conftest import HandClock, ToyHouse
from tests.web.builder_pages import PASSWORD, Browser


def stranger(assembly: Assembly) -> Browser:
    return Browser(assembly, create_app(assembly).test_client())


def test_page_leads_a_stranger_to_sign_in_and_back(assembly: Assembly) -> None:
    browser = stranger(assembly)
    answer = browser.client.get("/runs?status=parked")
    assert answer.headers["Location"] == "/sign-in?next=%2Fruns%3Fstatus%3Dparked"
    page = browser.get(answer.headers["Location"])
    assert 'value="/runs?status=parked"' in page
    given = {"email": "viewer@example.com", "password": PASSWORD, "next": "/runs?status=parked"}
    assert browser.post("/sign-in", given).headers["Location"] == "/runs?status=parked"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/evil", "runs", ""]
)
def test_only_local_paths_are_followed(path: str, assembly: Assembly) -> None:
    assert not is_local_path(path)
    browser = stranger(assembly)
    browser.get("/sign-in")
    given = {"email": "viewer@example.com", "password": PASSWORD, "next": path}
    assert browser.post("/sign-in", given).headers["Location"] == "/"


def test_wrong_password_and_unknown_person_read_the_same(assembly: Assembly) -> None:
    browser = stranger(assembly)
    browser.get("/sign-in")
    answers = [
        browser.post("/sign-in", {"email": email, "password": "wrong"})
        for email in ("viewer@example.com", "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert len({answer.text.replace("viewer", "nobody").split("csrf_token")[0] for answer in answers}) == 1
    assert "wrong" not in answers[0].text.split("<form")[1]


def test_ten_wrong_passwords_lock_for_a_while(assembly: Assembly) -> None:
    browser = stranger(assembly)
    browser.get("/sign-in")
    for _ in range(10):
        browser.post("/sign-in", {"email": "viewer@example.com", "password": "wrong"})
    answer = browser.post("/sign-in", {"email": "viewer@example.com", "password": PASSWORD})
    assert answer.status_code == 429
    assert "fifteen minutes" in answer.text


def test_empty_installation_says_how_to_begin(tmp_path: Path) -> None:
    assembly = Assembly.make(Settings(instance=tmp_path))
    try:
        page = stranger(assembly).get("/sign-in")
    finally:
        assembly.close()
    assert "automations user add" in page
    assert "--role admin" in page


def test_sign_out_makes_a_copied_cookie_worthless(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    cookie = browser.client.get_cookie("automations")
    assert cookie is not None
    assert browser.post("/sign-out").status_code == 302
    thief = create_app(assembly).test_client()
    thief.set_cookie("automations", cookie.value)
    assert thief.get("/runs").status_code == 302


def test_new_password_ends_every_session(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    assembly.people.add("admin@example.com", "another long password", Role.ADMIN)
    assert browser.client.get("/runs").status_code == 302


def test_forged_cookie_is_nobody(assembly: Assembly) -> None:
    client = create_app(assembly).test_client()
    client.set_cookie("automations", "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/runs").status_code == 302


def test_session_ends_after_seven_days_even_in_use(toys: ToyHouse) -> None:
    browser = Browser.signed_in(toys.assembly)
    assert isinstance(toys.clock, HandClock)
    toys.clock.advance(days=6)
    assert browser.client.get("/runs").status_code == 200
    toys.clock.advance(days=1, minutes=1)
    assert browser.client.get("/runs").status_code == 302


def test_session_that_nobody_uses_ends_after_eight_hours(assembly: Assembly) -> None:
    assert create_app(assembly).permanent_session_lifetime == timedelta(hours=8)


def test_htmx_is_sent_to_sign_in_and_gets_no_page(assembly: Assembly) -> None:
    answer = stranger(assembly).client.get("/runs", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"
    assert answer.text == ""


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(Role.VIEWER, False), (Role.EDITOR, False), (Role.PUBLISHER, False), (Role.ADMIN, True)],
)
def test_only_an_admin_adds_connections(assembly: Assembly, role: Role, allowed: bool) -> None:
    browser = Browser.signed_in(assembly, role)
    assert browser.client.get("/connections/add/webhook").status_code == (200 if allowed else 403)
    answer = browser.post("/connections/add/webhook", {"name": "forms"})
    assert answer.status_code == (302 if allowed else 403)
    assert ("Add a connection" in browser.get("/connections")) is allowed


def test_signed_in_person_is_led_past_sign_in(browser: Browser) -> None:
    assert browser.client.get("/sign-in").headers["Location"] == "/"
