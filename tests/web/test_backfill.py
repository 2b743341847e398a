"""Existing records through a recipe, from its page and from the publish sheet."""

from __future__ import annotations

import pytest

from automations.engine.definition import parse_definition
from automations.model.states import Role
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import AT, do_jobs
from tests.web.builder_pages import Browser
from tests.web.following import followed, rises


@pytest.fixture
def recipe_id(toys: ToyHouse) -> int:
    for number in range(1, 13):
        toys.target.keep(number, AT, name=f"Ball {number}", color="red" if number > 2 else "blue")
    return toys.recipe(trigger={"fields": {"color": "red"}}, steps=[toys.step("{{ thing.id }}")])


def test_it_is_counted_and_tried_before_it_begins(toys: ToyHouse, recipe_id: int) -> None:
    page = Browser.signed_in(toys.assembly)
    assert f'href="/recipes/{recipe_id}/backfill"' in page.get("/recipes")
    page.get(f"/recipes/{recipe_id}/backfill")
    text = page.post(f"/recipes/{recipe_id}/backfill", {"do": "look"}).text
    assert "10 of 12 records" in text
    assert "color is blue, wanted red" in text
    assert text.count("would run") == 10
    assert toys.assembly.jobs.list() == []
    answer = page.post(f"/recipes/{recipe_id}/backfill", {"do": "start", "limit": "3", "rate": "6000"})
    assert answer.headers["Location"] == "/jobs/1"
    toys.target.done.clear()
    do_jobs(toys)
    toys.work()
    assert toys.target.texts() == ["3", "4", "5"]
    assert "3 sent through" in page.get(f"/recipes/{recipe_id}/backfill")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"limit": "many"}, "is no number of records"),
        ({"since": "soon"}, "is no day"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "earlier"),
        ({"limit": "0"}, "leaves nothing to do"),
    ],
)
def test_what_cannot_be_meant_is_said_and_what_was_typed_stays(
    toys: ToyHouse, recipe_id: int, form: dict[str, str], said: str
) -> None:
    page = Browser.signed_in(toys.assembly)
    page.get(f"/recipes/{recipe_id}/backfill")
    answer = page.post(f"/recipes/{recipe_id}/backfill", {"do": "start", **form})
    assert answer.status_code == 422
    assert said in answer.text
    for value in form.values():
        assert f'value="{value}"' in answer.text


def test_a_recipe_that_is_off_says_why_not(toys: ToyHouse, recipe_id: int) -> None:
    toys.assembly.recipes.switch("note", enabled=False)
    page = Browser.signed_in(toys.assembly)
    text = page.get(f"/recipes/{recipe_id}/backfill")
    assert "Switch it on first" in text
    assert "Send them through" not in text
    assert "/backfill" not in page.get("/recipes")


def test_a_viewer_cannot_ask_for_it(toys: ToyHouse, recipe_id: int) -> None:
    page = Browser.signed_in(toys.assembly, Role.VIEWER)
    page.get(f"/recipes/{recipe_id}/backfill", 403)


def test_import_then_keep_in_step_is_one_choice_when_it_is_published(toys: ToyHouse, recipe_id: int) -> None:
    view = toys.assembly.recipes.get_by_id(recipe_id)
    assert view.published is not None
    tree = {**view.published.definition, "name": "note", "description": "changed"}
    toys.assembly.recipes.save_draft(parse_definition(tree), recipe_id=recipe_id)
    page = Browser.signed_in(toys.assembly)
    assert "Send what exists already through it first" in page.get(f"/recipes/{recipe_id}/publish")
    page.post(f"/recipes/{recipe_id}/publish", {"enabled": "1", "import": "1"})
    assert "What exists already goes through it, too" in page.get("/recipes")
    do_jobs(toys)
    toys.work()
    assert len(toys.target.texts()) == 10
    toys.thing(1, 5, color="red")
    toys.work()
    assert len(toys.target.texts()) == 11


@pytest.mark.timeout(180)
def test_ten_thousand_are_sent_through_from_the_page_with_progress(toys: ToyHouse) -> None:
    recipe_id, count = toys.recipe(steps=[toys.step("{{ thing.id }}", action="toy.post")]), 10_000
    for number in range(1, count + 1):
        toys.target.keep(number, AT)
    page = Browser.signed_in(toys.assembly)
    page.get(f"/recipes/{recipe_id}/backfill")
    answer = page.post(f"/recipes/{recipe_id}/backfill", {"do": "start"})
    assert answer.headers["Location"] == "/jobs/1"
    assert rises(followed(toys, page, 1))
    text = page.get("/jobs/1")
    assert "<dt>There are</dt><dd>10,000 records</dd>" in text
    assert "<dt>Listed</dt><dd>10,000</dd><dt>Sent through</dt><dd>10,000</dd>" in text.replace("\n    ", "")
    assert "Left out" not in text
    assert sorted(map(int, toys.target.texts())) == list(range(1, count + 1))
    assert toys.assembly.history.counts() == {recipe_id: {"succeeded": count}}
