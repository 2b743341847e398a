"""What every answer carries, and what a request must pass before a view sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from automations.assembly import Assembly
from automations.settings import Settings
from automations.web.app import create_app
from automations.web.security import POLICY
from tests.web.builder_pages import PASSWORD, Browser


def test_policy_allows_no_inline_script_or_style() -> None:
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "script-src 'self'" in POLICY


@pytest.mark.parametrize(
    "path", ["/sign-in", "/", "/runs", "/nothing/here", "/runs/999999", "/static/app.css"]
)
def test_every_answer_carries_the_headers(browser: Browser, path: str) -> None:
    with browser.client.get(path) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_pages_of_signed_in_people_are_not_kept(browser: Browser) -> None:
    assert browser.client.get("/runs").headers["Cache-Control"] == "no-store"
    with browser.client.get("/static/app.css") as style:
        assert "no-store" not in style.headers["Cache-Control"]


def test_form_without_its_token_is_refused(browser: Browser) -> None:
    answer = browser.client.post("/settings/theme", data={"theme": "dark"})
    assert answer.status_code == 400
    assert "open too long" in answer.text


def test_form_with_a_token_of_another_session_is_refused(assembly: Assembly) -> None:
    token = Browser.signed_in(assembly).token
    other = Browser.signed_in(assembly)
    assert (
        other.client.post("/settings/theme", data={"theme": "dark", "csrf_token": token}).status_code == 400
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_request_from_another_site_is_refused_even_with_a_token(
    browser: Browser, headers: dict[str, str]
) -> None:
    data = {"theme": "dark", "csrf_token": browser.token}
    assert browser.client.post("/settings/theme", data=data, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}])
def test_request_from_our_own_page_passes(browser: Browser, headers: dict[str, str]) -> None:
    data = {"theme": "dark", "csrf_token": browser.token}
    assert browser.client.post("/settings/theme", data=data, headers=headers).status_code == 302


def test_unknown_host_is_refused_in_words(browser: Browser) -> None:
    answer = browser.client.get("/runs", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "AUTOMATIONS_PUBLIC_URL" in answer.text
    assert answer.headers["Content-Security-Policy"] == POLICY


def test_form_over_its_limit_is_refused(browser: Browser) -> None:
    data = {"theme": "x" * (2**20 + 1), "csrf_token": browser.token}
    assert browser.client.post("/settings/theme", data=data).status_code == 413


def cookie_of(app: Flask) -> str:
    answer = app.test_client().get("/sign-in", base_url="https://automations.example.com")
    return answer.headers["Set-Cookie"]


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(assembly: Assembly) -> None:
    cookie = create_app(assembly).test_client().get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("automations=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_behind_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    settings = Settings(instance=tmp_path, public_url="https://automations.example.com")
    assembly = Assembly.make(settings)
    try:
        app = create_app(assembly)
        cookie = cookie_of(app)
        answer = app.test_client().get("/sign-in", base_url="https://automations.example.com")
    finally:
        assembly.close()
    assert cookie.startswith("__Host-automations=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_session_cookie_holds_no_password(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly)
    cookie = browser.client.get_cookie("automations")
    assert cookie is not None
    assert PASSWORD not in cookie.value
    assert not re.search("admin@example", cookie.value)
