"""What the guards did, on the pages: said where it happened, and how it goes on."""

from __future__ import annotations

from automations.errors import UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.test_fuse import storm
from tests.engine.test_loop_guard import circle, settle
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser


def held(toys: ToyHouse) -> int:
    number = toys.recipe("busy")
    storm(toys, 23)
    return number


def silent(toys: ToyHouse) -> None:
    toys.recipe(order="none")
    toys.target.next_errors.extend(UnavailableError("nobody there") for _ in range(1_000))
    toys.send(*(arrival(number) for number in range(12)))
    toys.work()


def said(browser: Browser, number: int, **form: str) -> str:
    """Let a recipe go on and return the page that says so."""
    assert browser.post(f"/recipes/{number}/go-on", form).status_code == 302
    return browser.get("/recipes")


def test_a_held_recipe_is_told_on_the_first_page_and_in_the_list(toys: ToyHouse) -> None:
    held(toys)
    browser = Browser.signed_in(toys.assembly)
    assert (
        "busy is held back: it ran more than 20 times within 10 minutes for thing:1. 3 runs wait."
        in browser.get("/")
    )
    page = browser.get("/recipes")
    assert "Held back since" in page
    assert "Let it go on" in page
    assert "wants you" in page


def test_a_person_lets_it_go_on(toys: ToyHouse) -> None:
    number = held(toys)
    browser = Browser.signed_in(toys.assembly)
    assert "busy goes on; 3 runs that waited are on the way." in said(browser, number)
    toys.work()
    assert len(toys.target.texts()) == 23
    assert "Held back" not in browser.get("/recipes")
    assert "nothing to end" in said(browser, number)


def test_a_person_drops_what_waited(toys: ToyHouse) -> None:
    number = held(toys)
    page = said(Browser.signed_in(toys.assembly), number, drop="1")
    assert "3 runs that waited are cancelled." in page
    assert toys.statuses().count("cancelled") == 3


def test_a_held_run_says_what_it_waits_for(toys: ToyHouse) -> None:
    held(toys)
    newest = toys.assembly.history.runs(limit=1)[0].run.id
    page = Browser.signed_in(toys.assembly).get(f"/runs/{newest}")
    assert "It waits: its recipe is held back by its fuse, until a person lets it go on." in page


def test_a_circle_is_shown_with_its_chain(toys: ToyHouse) -> None:
    circle(toys)
    toys.thing(1, color="blue")
    settle(toys)
    browser = Browser.signed_in(toys.assembly)
    assert "stopped a circle: ping → pong" in browser.get("/")
    assert "A circle was cut" in browser.get("/recipes")
    page = browser.get("/runs/4")
    assert "Its chain" in page
    assert 'href="/runs/1"' in page
    assert "run 5, started by this one" in page
    assert "Noted. ping goes on as before." in said(browser, 1)


def test_a_run_that_stands_alone_has_no_chain(toys: ToyHouse) -> None:
    toys.recipe()
    toys.thing(1)
    toys.work()
    assert "Its chain" not in Browser.signed_in(toys.assembly).get("/runs/1")


def test_a_silent_connection_is_told_everywhere(toys: ToyHouse) -> None:
    silent(toys)
    browser = Browser.signed_in(toys.assembly)
    assert "toys does not answer: nobody there" in browser.get("/")
    assert "does not answer" in browser.get("/connections")
    page = browser.get(f"/connections/{toys.connection.id}")
    assert "It does not answer" in page
    assert "uses up no tries" in page
    metrics = browser.get("/metrics")
    assert f'automations_connection_silent{{connection="{toys.connection.id}"}} 1' in metrics


def test_metrics_count_held_recipes(toys: ToyHouse) -> None:
    held(toys)
    assert "automations_recipes_held 1" in Browser.signed_in(toys.assembly).get("/metrics")
