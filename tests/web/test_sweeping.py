"""What did not arrive, on the pages of the connection and at home."""

from __future__ import annotations

import pytest

from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs
from tests.engine.test_sweep import at, old, watched
from tests.web.builder_pages import Browser


@pytest.fixture
def page(toys: ToyHouse) -> Browser:
    old(toys, 1)
    watched(toys)
    toys.target.keep(1, at(toys, minutes=1), name="new")
    return Browser.signed_in(toys.assembly)


def test_looking_now_shows_its_progress_and_then_its_result(toys: ToyHouse, page: Browser) -> None:
    number = toys.connection.id
    assert "expected 0, received 0, recovered 0" in page.get(f"/connections/{number}")
    answer = page.post(f"/connections/{number}/sweep")
    assert answer.headers["Location"] == "/jobs/1"
    assert "What did not arrive from &#39;toys&#39;: things." in page.get("/jobs/1")
    page.post(f"/connections/{number}/sweep")
    assert "under way" in page.get(f"/connections/{number}")
    do_jobs(toys)
    toys.work()
    assert "expected 1, received 0, recovered 1" in page.get(f"/connections/{number}")
    assert "toys: expected 1, received 0, recovered 1" in page.get("/")


def test_an_event_that_was_told_before_says_so(toys: ToyHouse, page: Browser) -> None:
    page.post(f"/connections/{toys.connection.id}/sweep")
    do_jobs(toys)
    toys.work()
    toys.thing(1, 9, at=toys.target.records[1]["at"], name="new")
    toys.work()
    text = page.get("/events/2")
    assert "No recipe saw it" in text
    assert "event 1 had told the same already" in text
