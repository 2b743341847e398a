"""The settings page."""

from __future__ import annotations

import pytest

from automations.assembly import Assembly
from automations.model.states import Role
from tests.web.builder_pages import Browser


def test_admin_sees_people_and_what_it_takes(browser: Browser) -> None:
    page = browser.get("/settings")
    for role in Role:
        assert f"{role}@example.com" in page
    assert "Free on its disk" in page


def test_others_see_no_people(assembly: Assembly) -> None:
    assert "viewer@example.com</td>" not in Browser.signed_in(assembly, Role.EDITOR).get("/settings")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_look_is_kept_for_the_session(browser: Browser, theme: str) -> None:
    browser.post("/settings/theme", {"theme": theme})
    assert f'<html lang="en" data-theme="{theme}">' in browser.get("/runs")
    browser.post("/settings/theme", {"theme": ""})
    assert '<html lang="en">' in browser.get("/runs")


def test_unknown_look_is_refused(browser: Browser) -> None:
    assert browser.post("/settings/theme", {"theme": '"><script>'}).status_code == 400
