"""Where a replay begins, which steps and items are the same as before, which conditions are judged anew."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from automations.engine.replay_choice import ReplayChoice, ReplayFrom, ReplayVersion
from automations.errors import InputError, RejectedError
from tests.engine.conftest import ToyHouse
from tests.engine.replaying import FAILED, LATEST, REPEAT, replay, steps_of, two_steps
from tests.engine.toy import arrival


def test_conditions_are_judged_anew_from_the_start(house: ToyHouse) -> None:
    recipe_id = house.recipe(only_if="{{ thing.amount > 5 }}")
    house.thing(1, amount=3)
    house.work()
    assert house.statuses() == ["filtered"]
    assert house.assembly.history.run(replay(house, 1)).run.status == "filtered"
    assert house.recipe(only_if="{{ thing.amount > 2 }}") == recipe_id
    assert house.assembly.history.run(replay(house, 1)).run.status == "filtered"
    assert house.assembly.history.run(replay(house, 1, LATEST)).run.status == "succeeded"
    assert house.target.texts() == ["1/0"]


def test_conditions_on_looked_up_records_are_judged_after_the_look_up(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.owner.name == 'Owner of 2' }}")
    house.send(arrival(1), arrival(2))
    house.work()
    assert house.statuses() == ["filtered", "succeeded"]
    replay(house, 1)
    replay(house, 2, REPEAT)
    assert house.statuses() == ["filtered", "succeeded", "filtered", "succeeded"]


def test_from_the_failed_step_what_came_before_keeps_its_result(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("first", name="one", only_if="{{ thing.owner.name == 'nobody' }}"),
            house.step("second {{ steps.one.status }} {{ thing.owner.name }}", name="two", wait="1h"),
        ]
    )
    house.target.errors_for["second skipped Owner of 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.clock.advance(hours=2)
    house.work()
    assert house.statuses() == ["parked"]
    new_id = replay(house, 1, FAILED)
    # No second wait, no second look-up.
    assert house.target.texts() == ["second skipped Owner of 1"]
    assert house.target.related_calls == [1]
    one, two = steps_of(house, new_id)
    assert one[:2] == ("one", "skipped")
    assert two == ("two", "succeeded", "wrote second skipped Owner of 1")


def test_a_run_without_a_failed_step_cannot_begin_at_it(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.n == 0 }}")
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    for run_id, why in ((1, "every step ended well"), (2, "its conditions said no")):
        with pytest.raises(InputError, match=why):
            house.assembly.replays.replay(run_id, FAILED)


def test_a_step_that_was_allowed_to_fail_is_where_the_replay_begins(house: ToyHouse) -> None:
    steps = two_steps(house)
    steps[0]["on_error"] = "continue"
    house.recipe(steps=steps)
    house.target.errors_for["first 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    assert house.statuses() == ["succeeded"]
    new_id = replay(house, 1, FAILED)
    assert house.target.texts() == ["second 1", "first 1"]
    assert [s[2] for s in steps_of(house, new_id)] == ["wrote first 1", "done already in run 1"]


def test_items_that_were_delivered_are_known_again_in_another_order(house: ToyHouse) -> None:
    steps = [house.step("{{ item.name }}", for_each="{{ thing.tags }}")]
    house.recipe(steps=steps)
    house.target.errors_for["b"] = [RejectedError("no")]
    tags = [{"id": n, "name": name} for n, name in enumerate("abc")]
    house.thing(1, tags=tags)
    house.work()
    assert house.target.texts() == ["a"]
    edited = orjson.dumps({"id": 1, "n": 0, "tags": [{"id": 3, "name": "d"}, *reversed(tags)]})
    new_id = replay(house, 1, payload=edited)
    assert house.target.texts() == ["a", "d", "c", "b"]
    assert [reason for *_, reason in steps_of(house, new_id)] == [
        "wrote d",
        "wrote c",
        "wrote b",
        "done already in run 1",
    ]


def through(house: ToyHouse, tag: str, items: str) -> list[dict[str, Any]]:
    return [
        house.step(tag + " {{ item.id }}", name="one", for_each="{{ thing." + items + " }}"),
        house.step("second", name="two"),
    ]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("begin", [ReplayFrom.START, ReplayFrom.FAILED])
def test_an_id_of_another_list_is_another_item(house: ToyHouse, named: bool, begin: ReplayFrom) -> None:
    house.recipe(steps=through(house, "p", "products"))
    house.target.errors_for["second"] = [RejectedError("no")]
    products = [{"id": 5, "name": "Chair"} if named else {"id": 5}]
    people = [{"id": n, "name": f"Person {n}"} if named else {"id": n} for n in (5, 6)]
    house.thing(1, products=products, people=people)
    house.work()
    assert house.target.texts() == ["p 5"]
    house.recipe(steps=through(house, "q", "people"))
    replay(house, 1, ReplayChoice(begin, ReplayVersion.LATEST))
    assert house.target.texts() == ["p 5", "q 5", "q 6", "second"]


def test_the_same_item_of_another_list_is_known_by_its_whole_value_and_stays_known(house: ToyHouse) -> None:
    house.recipe(steps=through(house, "a", "won"))
    house.target.errors_for["second"] = [RejectedError("no"), RejectedError("no")]
    deal = {"id": 5, "title": "Big"}
    house.thing(1, won=[deal], all=[{"id": 4, "title": "Small"}, deal])
    house.work()
    house.recipe(steps=through(house, "a", "all"))
    second = replay(house, 1, LATEST)
    replay(house, second, LATEST)
    assert house.target.texts() == ["a 5", "a 4", "second"]


def test_of_items_alike_each_counts_once(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ item }} {{ loop.index }}", for_each="{{ thing.tags }}")])
    house.target.errors_for["x 2"] = [RejectedError("no")]
    house.thing(1, tags=["x", "x", "x"])
    house.work()
    replay(house, 1)
    assert house.target.texts() == ["x 1", "x 2", "x 3"]


def test_from_the_failed_step_the_latest_version_begins_at_the_first_that_is_not_done(
    house: ToyHouse,
) -> None:
    house.recipe(steps=two_steps(house))
    house.target.errors_for["second 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.recipe(steps=[two_steps(house)[0], house.step("between", name="new"), two_steps(house)[1]])
    both = ReplayChoice(ReplayFrom.FAILED, ReplayVersion.LATEST)
    new_id = replay(house, 1, both)
    assert house.target.texts() == ["first 1", "between", "second 1"]
    assert steps_of(house, new_id)[0] == ("one", "succeeded", "done already in run 1")


def test_a_version_that_waits_for_something_else_is_refused(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    other = house.assembly.connections.save("toy", "others", {"target": "x", "token": "t"})
    assert other.id
    house.recipe(trigger={"connection": "others"})
    with pytest.raises(InputError, match="from others"):
        house.assembly.replays.replay(1, LATEST)
