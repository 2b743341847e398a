"""History is removed when it is old, and what is owed never is."""

from __future__ import annotations

from automations.engine.retention import Retention
from automations.errors import RejectedError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def retention(house: ToyHouse, keep_days: int) -> Retention:
    return Retention(house.assembly.database, house.clock, keep_days)


def test_old_runs_and_events_go_and_parked_ones_stay(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["2/0"] = [RejectedError("no")]
    house.send(arrival(1), arrival(2))
    house.work()
    house.clock.advance(days=31)
    house.send(arrival(3))
    house.work()
    removed = retention(house, 30).run()
    assert (removed.runs, removed.events) == (1, 1)
    assert house.statuses() == ["parked", "succeeded"]
    assert retention(house, 30).run().runs == 0


def test_work_that_waits_is_never_removed(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1))
    house.clock.advance(days=400)
    assert retention(house, 1).run().runs == 0
    house.work()
    assert house.target.texts() == ["1/0"]


def test_a_second_copy_is_known_for_a_week_however_short_history_is(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1))
    house.work()
    house.clock.advance(days=5)
    removed = retention(house, 1).run()
    assert (removed.runs, removed.events) == (1, 0)
    assert house.thing(1).duplicate
    house.clock.advance(days=3)
    assert retention(house, 1).run().events == 1


def test_more_than_a_batch_goes(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(i) for i in range(1100)))
    house.work()
    house.clock.advance(days=31)
    removed = retention(house, 30).run()
    assert (removed.runs, removed.events) == (1100, 1100)
