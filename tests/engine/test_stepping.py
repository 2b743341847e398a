"""Waits, items, look-ups: what a run does next, also after it was put away and taken up again."""

from __future__ import annotations

import time

import pytest

from automations.errors import RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def test_a_run_with_two_waits_waits_for_each_of_them_once(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("one", name="one", wait="10m"),
            house.step("two", name="two", wait="10m"),
        ]
    )
    house.thing()
    for _ in range(4):
        house.work()
        house.clock.advance(minutes=11)
    assert house.target.texts() == ["one", "two"]
    assert house.statuses() == ["succeeded"]


def test_a_wait_is_not_repeated_by_a_retry_of_its_step(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("late", wait="2h")])
    house.target.errors_for["late"] = [UnavailableError("down")]
    house.thing()
    house.work()
    house.clock.advance(hours=2, seconds=1)
    house.work()
    assert house.target.texts() == []
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["late"]


def test_a_retry_in_the_middle_of_the_items_goes_on_with_the_same_item(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ item }}", for_each="{{ thing.tags }}")])
    house.target.errors_for["b"] = [UnavailableError("down")]
    house.thing(1, tags=["a", "b", "c"])
    house.work()
    house.crash()
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["a", "b", "c"]


def test_one_bad_item_parks_the_run_and_a_second_try_goes_on_from_it(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ item }}", for_each="{{ thing.tags }}")])
    house.target.errors_for["b"] = [RejectedError("not this one")]
    house.thing(1, tags=["a", "b", "c"])
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == ["a", "b", "c"]


@pytest.mark.timeout(300)
def test_ten_thousand_items_are_gone_through_once_each(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("{{ item }}", for_each="{{ thing.tags }}", only_if="{{ item % 1000 == 0 }}"),
        ]
    )
    house.thing(1, tags=list(range(10_000)))
    house.runner.work_until_idle(timeout_s=120)
    assert house.target.texts() == [str(n) for n in range(0, 10_000, 1000)]
    assert house.statuses() == ["succeeded"]


def test_more_items_than_allowed_park_the_run_with_the_number(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ item }}", for_each="{{ thing.tags }}")])
    house.thing(1, tags=list(range(10_001)))
    house.work()
    (line,) = house.assembly.history.runs(status="parked")
    for word in ("'write'", "for_each", "10,000"):
        assert word in line.run.reason


def test_no_items_are_no_error_and_the_next_step_can_tell(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("{{ item }}", name="each", for_each="{{ thing.tags }}"),
            house.step("{{ steps.each.status }}", name="then"),
        ]
    )
    house.send(arrival(1, tags=[]), arrival(2))
    house.work()
    assert house.target.texts() == ["skipped", "skipped"]


def test_a_condition_on_looked_up_records_is_judged_after_a_crash_too(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.owner.name == 'Owner of 1' }}")
    house.send(arrival(1), arrival(2))
    house.runner.turn()
    house.crash()
    house.runner.ledger.recover("test/1/")
    house.work()
    assert house.target.texts() == ["1/0"]
    assert sorted(house.statuses()) == ["filtered", "succeeded"]


def test_ten_thousand_items_of_one_run_hold_up_no_other(house: ToyHouse) -> None:
    house.recipe("many", steps=[house.step("item {{ item }}", for_each="{{ thing.tags }}")])
    house.thing(1, tags=list(range(10_000)))
    house.runner.turn()
    for other in range(2, 22):
        house.thing(other, tags=["only"])
    deadline_s = time.monotonic() + 60
    while house.target.texts().count("item only") < 20:
        house.runner.turn()
        assert time.monotonic() < deadline_s
    assert len(house.target.texts()) < 2_000
