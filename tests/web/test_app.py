"""The application as a whole: every route has a policy, every page keeps the rules."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from automations.assembly import Assembly
from automations.engine.contracts import Arrival
from automations.errors import CredentialsError, RejectedError
from automations.model.states import Role
from automations.web.app import create_app
from automations.web.auth import policy_of
from automations.web.security import POLICY
from tests.engine.conftest import ToyHouse
from tests.web.builder_pages import Browser
from tests.web.html_rules import Page
from tests.web.senders import webhook

PUBLIC = {"static", "auth.sign_in", "auth.sign_in_now", "health.metrics"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202egpj.exe {{ 7*7 }}"


def rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield every route with its address for the first record of each table."""
    for rule in app.url_map.iter_rules():
        values = {
            name: 1 if type(converter).__name__ == "IntegerConverter" else "webhook"
            for name, converter in rule._converters.items()
        }
        if rule.endpoint != "static":
            yield rule, rule.build(values, append_unknown=False)[1]  # type: ignore[index]


def test_every_route_declares_who_may_use_it(assembly: Assembly) -> None:
    app = create_app(assembly)
    undeclared = [name for name, view in app.view_functions.items() if policy_of(view) is None]
    assert not undeclared
    public = {name for name, view in app.view_functions.items() if policy_of(view) == "public"}
    assert public == PUBLIC


def test_no_route_answers_a_stranger(assembly: Assembly) -> None:
    app = create_app(assembly)
    for rule, path in rules(app):
        if rule.endpoint in PUBLIC:
            continue
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            # A stranger has a token too: the sign-in page gives one.
            stranger = Browser(assembly, app.test_client())
            stranger.get("/sign-in")
            answer = stranger.client.open(path, method=method, data={"csrf_token": stranger.token})
            if path.startswith("/api/"):
                assert answer.status_code == 401, (rule, answer.status)
                continue
            assert answer.status_code == 302, (rule, answer.status)
            assert answer.headers["Location"].startswith("/sign-in"), rule


def test_no_changing_route_works_without_its_token(browser: Browser) -> None:
    for rule, path in rules(browser.client.application):
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            answer = browser.client.open(path, method=method)
            assert answer.status_code == 400, (rule, answer.status)


def test_nothing_changes_by_get(browser: Browser) -> None:
    for rule in browser.client.application.url_map.iter_rules():
        assert not {"GET", "POST"} <= rule.methods, rule


def test_viewer_changes_nothing_but_the_look(assembly: Assembly) -> None:
    viewer = Browser.signed_in(assembly, Role.VIEWER)
    for rule, path in rules(viewer.client.application):
        if "POST" in rule.methods and rule.endpoint not in PUBLIC | {
            "installation.choose_theme",
            "auth.sign_out",
        }:
            policy = policy_of(viewer.client.application.view_functions[rule.endpoint])
            answer = viewer.post(path)
            assert policy == Role.VIEWER or answer.status_code == 403, (rule, answer.status)


@pytest.fixture
def full_house(assembly: Assembly) -> Browser:
    """Give an installation with a hostile event, a recipe and a run of every kind of page."""
    body = webhook()
    body["data"]["title"] = HOSTILE
    row = assembly.connections.get("acme")
    assembly.intake.accept(
        row.id or 0, [Arrival("deal.create", "deal:5120", "one", json.dumps(body).encode())]
    )
    browser = Browser.signed_in(assembly)
    browser.saved()
    return browser


def test_every_page_keeps_the_rules(full_house: Browser) -> None:
    seen = 0
    for rule, path in rules(full_house.client.application):
        if "GET" not in rule.methods:
            continue
        answer = full_house.client.get(path)
        assert answer.status_code in (200, 302, 404), (rule, answer.status)
        if answer.mimetype != "text/html":
            continue
        seen += 1
        assert answer.headers["Content-Security-Policy"] == POLICY
        page = Page(answer.text)
        assert not page.faults, (path, page.faults)
        assert "<img src=x" not in answer.text, path
        assert "\u202e" not in answer.text, path
        if answer.status_code == 200 and "<html" in answer.text:
            assert page.landmarks.count("main") == 1, path
            assert page.headings <= 1, path
    assert seen > 10


def test_pages_of_runs_keep_the_rules_with_hostile_values(toys: ToyHouse) -> None:
    toys.recipe(steps=[toys.step(text="{{ thing.name }}")])
    toys.target.next_errors += [RejectedError(HOSTILE), CredentialsError(HOSTILE)]
    toys.thing(1, name=HOSTILE)
    toys.work()
    toys.thing(2, name=HOSTILE)
    toys.work()
    browser = Browser.signed_in(toys.assembly)
    for path in (
        "/",
        "/runs",
        "/runs/1",
        "/runs/2",
        "/events",
        "/events/1",
        "/connections",
        "/connections/1",
    ):
        text = browser.get(path)
        assert not Page(text).faults, (path, Page(text).faults)
        assert "<img src=x" not in text, path
        assert "\u202e" not in text, path
    assert "⟨U+202E⟩gpj.exe" in browser.get("/runs/1")
