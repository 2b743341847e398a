"""What people and programs read when something went wrong."""

from __future__ import annotations

import pytest

from automations.errors import StorageUnavailableError
from tests.web.builder_pages import Browser


def test_unknown_page_says_what_to_do(browser: Browser) -> None:
    page = browser.get("/nothing/here", 404)
    assert "There is nothing here" in page
    assert 'href="/"' in page


def test_program_gets_json(browser: Browser) -> None:
    answer = browser.client.get("/runs/4711", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json == {"error": "http_404", "message": "There is no run 4711; it may have been pruned."}


def test_htmx_gets_a_fragment(browser: Browser) -> None:
    answer = browser.client.get("/runs/4711", headers={"HX-Request": "true"})
    assert answer.text.startswith('<p class="problem bad" role="alert">')


def test_wrong_method_names_the_right_one(browser: Browser) -> None:
    answer = browser.client.get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_database_that_is_away_is_told_without_a_traceback(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise StorageUnavailableError

    monkeypatch.setattr(browser.assembly.history, "runs", away)
    monkeypatch.setattr(browser.assembly.history, "parked", away)
    answer = browser.client.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "database" in answer.text


def test_a_fault_of_ours_shows_a_reference_and_nothing_else(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(browser.assembly.history, "runs", broken)
    answer = browser.client.get("/runs")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert "The log says more under" in answer.text
