"""What did not arrive, on the pages of the connection and at home."""

from __future__ import annotations

import pytest

from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs
from tests.engine.test_sweep import at, old, watched
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser
from tests.web.following import followed, rises


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


@pytest.mark.timeout(180)
def test_what_is_missing_of_ten_thousand_comes_from_the_page_with_progress(toys: ToyHouse) -> None:
    numbers = range(1, 10_001)
    old(toys, *numbers)
    recipe_id = watched(toys, steps=[toys.step("{{ thing.id }} {{ thing.name }}", action="toy.post")])
    when = at(toys, minutes=5)
    for number in numbers:
        toys.target.keep(number, when, name="new")
    # Of every four changes the webhook of one arrived.
    toys.send(*(arrival(number, at=when, name="new") for number in numbers if number % 4 == 0))
    toys.work()
    assert len(toys.target.done) == 2_500
    connection, page = toys.connection.id, Browser.signed_in(toys.assembly)
    page.get(f"/connections/{connection}")
    assert page.post(f"/connections/{connection}/sweep").headers["Location"] == "/jobs/1"
    assert rises(followed(toys, page, 1))
    assert "<dt>There are</dt><dd>10,000 happenings</dd>" in page.get("/jobs/1")
    assert "expected 10,000, received 2,500, recovered 7,500" in page.get(f"/connections/{connection}")
    assert sorted(toys.target.texts()) == sorted(f"{number} new" for number in numbers)
    assert toys.assembly.history.counts() == {recipe_id: {"succeeded": 10_000}}
