"""Drafts, versions, switches: nobody's edits vanish, and what is published is what was checked."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from automations.engine.definition import Definition, parse_definition, read_definition
from automations.errors import InputError, NotFoundError, RecipeProblems
from automations.model.recipe import RecipeVersion
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def definition(house: ToyHouse, text: str = "hello", name: str = "note", **more: Any) -> Definition:
    trigger = {"key": "toy.thing_happened", "connection": "toys"}
    return parse_definition({"name": name, "trigger": trigger, "steps": [house.step(text)], **more})


def test_events_go_through_what_is_published_and_not_through_the_draft(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    recipes.apply([("", definition(house, "one"))])
    recipes.save_draft(definition(house, "two"), recipe_id=1)
    house.thing(1)
    house.work()
    assert house.target.texts() == ["one"]
    recipes.publish(1)
    house.thing(2)
    house.work()
    assert house.target.texts() == ["one", "two"]
    assert [v.number for v in recipes.versions(1)] == [2, 1]
    assert recipes.get("note").draft is None


def test_a_run_under_way_finishes_with_its_own_version(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    first = [house.step("a1", name="a"), house.step("b1", name="b", wait="10m")]
    recipes.apply([("", definition(house, steps=first))])
    house.thing(1)
    house.work()
    recipes.apply([("", definition(house, "other"))])
    house.crash()
    house.clock.advance(minutes=11)
    house.thing(2)
    house.work()
    assert sorted(house.target.texts()) == ["a1", "b1", "other"]


def test_publishing_while_events_are_decided_loses_none(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    recipes.apply([("", definition(house, "{{ thing.n }}"))])
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            recipes.apply([("", definition(house, "{{ thing.n }}"))])

    thread = threading.Thread(target=publish)
    thread.start()
    for n in range(30):
        house.send(arrival(1, n))
        house.work()
    stop.set()
    thread.join()
    assert house.target.texts() == [str(n) for n in range(30)]


def test_switching_off_lets_finish_what_was_decided(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.runner._decider.decide_pending(10, house.runner._loader.remember)
    house.assembly.recipes.switch("note", enabled=False)
    house.thing(2)
    house.work()
    assert house.target.texts() == ["1/0"]


def test_another_workers_publish_is_seen_at_the_next_event(house: ToyHouse) -> None:
    other = house.assembly.runner("w/2/other")
    house.recipe(steps=[house.step("one")])
    house.thing(1)
    other.work_until_idle()
    for text in ("two", "three"):
        house.recipe(steps=[house.step(text)])
        house.thing(1, len(house.target.done))
        other.work_until_idle()
    assert house.target.texts() == ["one", "two", "three"]
    other.abandon()


def test_two_people_publishing_at_once_leave_one_published_version(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    recipes.apply([("", definition(house))])
    barrier = threading.Barrier(4)

    def apply(k: int) -> None:
        barrier.wait(10)
        recipes.apply([("", definition(house, f"by {k}"))])

    threads = [threading.Thread(target=apply, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [str(version.state) for version in recipes.versions(1)]
    assert sorted(states) == ["published"] + ["retired"] * 4


def test_a_draft_that_was_changed_while_it_was_checked_is_not_published(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = house.assembly.recipes
    recipes.apply([("", definition(house))])
    recipes.save_draft(definition(house, "good"), recipe_id=1)
    check = recipes.compile

    def edited_meanwhile(checked: Definition, *, file: str = "") -> Any:
        found = check(checked, file=file)
        broken = definition(house, "{{ nobody.knows }}")
        recipes.save_draft(broken, recipe_id=1)
        return found

    monkeypatch.setattr(recipes, "compile", edited_meanwhile)
    with pytest.raises(InputError, match="changed"):
        recipes.publish(1)
    published = recipes.get("note").published
    assert published is not None
    assert published.number == 1


def test_going_back_to_a_version_keeps_the_draft(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    recipes.apply([("", definition(house, "one"))])
    recipes.apply([("", definition(house, "two"))])
    recipes.save_draft(definition(house, "unfinished"), recipe_id=1)
    view = recipes.rollback("note", 1)
    assert view.published is not None
    assert view.published.definition["steps"][0]["fields"] == {"text": "one"}
    assert view.draft is not None
    assert view.draft.definition["steps"][0]["fields"] == {"text": "unfinished"}
    house.thing(1)
    house.work()
    assert house.target.texts() == ["one"]
    recipes.publish(1)
    house.thing(2)
    house.work()
    assert house.target.texts() == ["one", "unfinished"]


def test_all_files_are_applied_or_none(house: ToyHouse) -> None:
    good = definition(house, name="good")
    bad = definition(house, "{{ deel.id }}", name="bad")
    with pytest.raises(RecipeProblems) as caught:
        house.assembly.recipes.apply([("good.yaml", good), ("bad.yaml", bad)])
    (problem,) = caught.value.problems
    assert (problem.file, problem.path) == ("bad.yaml", "steps[0].fields.text")
    assert house.assembly.recipes.all() == []


def test_what_is_exported_applies_to_the_same(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.n > 1 }}", order="none", description="Says it.")
    text = house.assembly.recipes.export("note")
    house.assembly.recipes.apply([("", read_definition(text))])
    assert house.assembly.recipes.export("note") == text


def test_a_recipe_that_is_not_there_is_said_so_with_the_nearest_name(house: ToyHouse) -> None:
    house.recipe("Welcome")
    recipes = house.assembly.recipes
    with pytest.raises(NotFoundError, match="Did you mean 'Welcome'"):
        recipes.get("Welcom")
    for gone in (
        lambda: recipes.discard_draft(99),
        lambda: recipes.publish(99),
        lambda: recipes.get_by_id(99),
    ):
        with pytest.raises(NotFoundError):
            gone()


def test_a_discarded_draft_leaves_what_is_published(house: ToyHouse) -> None:
    recipes = house.assembly.recipes
    house.recipe()
    recipes.save_draft(definition(house, "other"), recipe_id=1)
    assert "other" in recipes.diff("note")
    recipes.discard_draft(1)
    assert recipes.diff("note") == ""
    recipes.save_draft(definition(house, name="never published"))
    recipes.discard_draft(2)
    assert [view.recipe.name for view in recipes.all()] == ["note"]


def test_a_version_that_cannot_be_used_any_more_parks_its_events_with_the_reason(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.runner._decider.decide_pending(10, house.runner._loader.remember)
    with house.assembly.database.write() as session:
        version = session.get_one(RecipeVersion, 1)
        version.definition = {**version.definition, "steps": [{"name": "x", "action": "toy.forgotten"}]}
        session.add(version)
    house.crash()
    house.thing(2)
    house.work()
    assert house.statuses() == ["parked", "parked"]
    assert "toy.forgotten" in house.assembly.history.runs()[0].run.reason


def test_names_that_are_taken_are_refused(house: ToyHouse) -> None:
    house.recipe("one")
    house.recipe("two")
    with pytest.raises(InputError, match="already"):
        house.assembly.recipes.save_draft(definition(house, name="two"), recipe_id=1)
    with pytest.raises(InputError, match="already"):
        house.assembly.recipes.save_draft(definition(house, name="two"))
