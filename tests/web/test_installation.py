"""The settings page."""

from __future__ import annotations

import re

import pytest

from automations.assembly import Assembly
from automations.engine.retention import BATCH
from automations.engine.usage import UsageBook
from automations.model.states import Role
from bench.many_runs import multiply
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival
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


def test_storage_page_says_what_each_recipe_takes(toys: ToyHouse) -> None:
    toys.recipe(name="Busy")
    toys.send(*(arrival(i) for i in range(1, 6)))
    toys.work()
    page = Browser.signed_in(toys.assembly, Role.VIEWER).get("/settings/storage")
    assert "Busy" in page
    assert "Tidy now</button>" not in page


def removed(page: str) -> int:
    """Return how much the page of a job says was removed."""
    found = re.search(r"<dt>Removed</dt><dd>([\d,]+)</dd>", page)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_ten_thousand_old_runs_are_tidied_from_the_page_with_progress(toys: ToyHouse) -> None:
    toys.recipe()
    toys.send(*(arrival(i) for i in range(1, 51)))
    toys.work()
    multiply(toys.assembly.database, 200, 10_000_000)
    toys.clock.advance(days=40)
    browser = Browser.signed_in(toys.assembly)
    answer = browser.post("/settings/storage/tidy", {})
    again = browser.post("/settings/storage/tidy", {})
    assert answer.headers["Location"] == again.headers["Location"]
    (job,) = toys.assembly.jobs.open()
    for _ in range(10):
        assert toys.assembly.jobs.work_due("test/1/a")
    assert toys.assembly.jobs.get(job.id or 0).made == 10 * BATCH
    shown = browser.get(answer.headers["Location"])
    assert "removing old runs" in shown
    seen = [removed(shown)]
    while toys.assembly.jobs.work_due("test/1/a"):
        seen.append(removed(browser.get(answer.headers["Location"])))
    assert seen[0] == 2_000
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert seen[-1] == 20_000
    done = toys.assembly.jobs.get(job.id or 0)
    assert (done.state, done.made) == ("done", 20_000)
    assert toys.assembly.history.runs() == []


def test_home_says_that_history_takes_too_much(toys: ToyHouse) -> None:
    book = UsageBook(toys.assembly.database, toys.clock, toys.assembly.disk, budget_bytes=1)
    book.look()
    assert "more than the 1 B it may" in Browser.signed_in(toys.assembly).get("/")


def test_only_an_admin_tidies(toys: ToyHouse) -> None:
    browser = Browser.signed_in(toys.assembly, Role.PUBLISHER)
    assert browser.post("/settings/storage/tidy", {}).status_code == 403
