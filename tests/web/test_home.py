"""The first page."""

from __future__ import annotations

from pathlib import Path

from automations.errors import RejectedError
from tests.engine.conftest import ToyHouse
from tests.web.builder_pages import Browser


def test_beginner_sees_the_first_steps(browser: Browser) -> None:
    page = browser.get("/")
    assert "How to begin" in page
    assert page.count("done</span>") == 2
    assert "/recipes/gallery" in page


def test_calm_day_says_so(toys: ToyHouse) -> None:
    toys.recipe()
    toys.thing(1)
    toys.work()
    page = Browser.signed_in(toys.assembly).get("/")
    assert "Nothing wants you" in page
    assert "/runs?status=succeeded" in page
    assert "How to begin" not in page


def test_what_wants_a_person_comes_first(toys: ToyHouse, tmp_path: Path) -> None:
    toys.recipe()
    toys.target.errors_for["1/0"] = [RejectedError("no")]
    toys.thing(1)
    toys.work()
    toys.assembly.connections.hook_refused(toys.connection.id or 0)
    page = Browser.signed_in(toys.assembly).get("/")
    assert "1 run is parked." in page
    assert "toys refused 1 call with wrong credentials." in page
    toys.clock.advance(days=2)
    later = Browser.signed_in(toys.assembly).get("/")
    assert "1 run is parked." in later
    assert "refused" not in later


def test_undecided_events_are_counted(toys: ToyHouse) -> None:
    toys.recipe()
    toys.thing(1)
    toys.work()
    toys.thing(2)
    assert "not decided yet" in Browser.signed_in(toys.assembly).get("/")
