"""The fuse: what goes round and round for one record is held back, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine.fuse import RUNS_MAX
from automations.engine.stops import FUSE, Stops
from automations.errors import InputError, NotFoundError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse, target_name
from tests.engine.toy import arrival


def stops(house: ToyHouse) -> Stops:
    return Stops(house.assembly.database, house.clock)


def storm(
    house: ToyHouse, count: int, *, first: int = 0, by: str = "api", thing: int = 1, apart_s: float = 0
) -> None:
    """Let a program change one thing so many times, each decided before the next comes."""
    for n in range(first, first + count):
        house.send(arrival(thing, n, by=by, size=n, previous={"size": n - 1}))
        house.work()
        house.clock.advance(seconds=apart_s)


def test_the_run_after_the_twentieth_is_held_back_with_its_reason(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 3)
    assert len(house.target.texts()) == RUNS_MAX
    (stop,) = stops(house).open()
    assert (stop.recipe, stop.kind, stop.record_key, stop.waiting) == ("busy", "fuse", "thing:1", 3)
    assert stop.reason == "it ran more than 20 times within 10 minutes for thing:1"
    held = [line.run for line in house.assembly.history.runs(status="queued")]
    assert {run.reason for run in held} == {
        "its recipe is held back by its fuse, until a person lets it go on"
    }


def test_many_events_decided_in_one_turn_trip_it_too(house: ToyHouse) -> None:
    house.recipe("busy")
    house.thing(1, 900, by="api", previous={})
    house.work()
    house.send(*(arrival(1, n, by="api", size=n, previous={"size": -1}) for n in range(40)))
    house.work()
    assert len(house.target.texts()) == RUNS_MAX


def test_what_people_do_never_trips_it(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 5, by="person")
    assert len(house.target.texts()) == RUNS_MAX + 5


def test_one_run_a_minute_never_trips_it(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 5, apart_s=60)
    assert len(house.target.texts()) == RUNS_MAX + 5


def test_many_records_are_no_circle(house: ToyHouse) -> None:
    house.recipe("busy")
    house.send(*(arrival(n, 0, by="api", size=1, previous={"size": 0}) for n in range(60)))
    house.work()
    assert len(house.target.texts()) == 60


def test_other_recipes_go_on_while_one_is_held_back(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 1)
    house.recipe("calm", trigger={"fields": {"color": "red"}})
    house.thing(2, 0, color="red")
    house.work()
    assert house.target.texts()[-1] == "2/0"
    assert len(house.target.texts()) == RUNS_MAX + 1


def test_a_person_lets_it_go_on_and_everything_that_waited_runs_in_order(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 10)
    assert stops(house).end("busy", by="ana") == 10
    house.work()
    assert house.target.texts() == [f"1/{n}" for n in range(RUNS_MAX + 10)]
    assert stops(house).open() == []


def test_after_that_it_counts_from_the_beginning(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 1)
    house.clock.advance(seconds=1)
    stops(house).end("busy")
    house.clock.advance(seconds=1)
    storm(house, RUNS_MAX, first=100)
    assert stops(house).open() == []
    storm(house, 1, first=200)
    assert len(stops(house).open()) == 1


def test_a_person_may_drop_what_waited(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 4)
    assert stops(house).end("busy", drop=True) == 4
    house.work()
    assert len(house.target.texts()) == RUNS_MAX
    assert house.statuses().count("cancelled") == 4
    house.clock.advance(minutes=11)
    storm(house, 1, first=500)
    assert house.target.texts()[-1] == "1/500"


def test_it_stays_held_back_over_a_restart(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 1)
    house.crash()
    storm(house, 2, first=300)
    assert len(house.target.texts()) == RUNS_MAX
    assert stops(house).open()[0].waiting == 3


def test_ending_what_is_not_held_back_is_refused(house: ToyHouse) -> None:
    house.recipe("calm")
    with pytest.raises(InputError, match="nothing to end"):
        stops(house).end("calm")
    with pytest.raises(NotFoundError):
        stops(house).end("nobody")


def test_what_was_decided_while_a_person_let_it_go_on_is_not_left_behind(house: ToyHouse) -> None:
    house.recipe("busy")
    storm(house, RUNS_MAX + 1)
    ledger = house.runner.ledger
    decide = ledger.decide

    def late(decided: Any, room: Any) -> None:
        ledger.decide = decide  # type: ignore[method-assign]
        house.clock.advance(seconds=1)
        stops(house).end("busy")
        house.clock.advance(seconds=1)
        decide(decided, room)

    ledger.decide = late  # type: ignore[method-assign]
    storm(house, 1, first=100)
    storm(house, 1, first=101)
    assert stops(house).open() == []
    assert house.target.texts()[-3:] == [f"1/{RUNS_MAX}", "1/100", "1/101"]


def test_dropping_held_runs_lets_nobody_pass_one_that_is_under_way(house: ToyHouse) -> None:
    recipe_id = house.recipe()
    house.target.next_errors.append(RejectedError("no"))
    house.thing(1, 0)
    house.work()
    house.target.errors_for["1/1"] = [UnavailableError("down", retry_after_s=600)]
    house.thing(1, 1)
    house.work()
    house.assembly.stops.tell(recipe_id, FUSE, "thing:1", "too many")
    house.thing(1, 2)
    house.work()
    house.assembly.manual.try_now(1)
    house.assembly.stops.end("note", drop=True)
    house.work()
    # The first stands behind the second, which is to be tried again in ten minutes.
    assert house.target.texts() == []
    assert house.statuses() == ["queued", "waiting", "cancelled"]
    house.clock.advance(minutes=11)
    house.work()
    house.work()
    assert sorted(house.target.texts()) == ["1/0", "1/1"]


def test_a_connection_that_held_runs_talk_to_stays(house: ToyHouse) -> None:
    settings = {"target": target_name(house.target), "token": "s3cret-token-2"}
    house.assembly.connections.save("toy", "other", settings)
    recipe_id = house.recipe(steps=[house.step(connection="other")])
    house.assembly.stops.tell(recipe_id, FUSE, "thing:1", "too many")
    house.thing(1, 0)
    house.work()
    house.recipe()
    with pytest.raises(InputError, match="has events in the history"):
        house.assembly.connections.remove("other")
    house.assembly.stops.end("note")
    house.work()
    assert house.statuses() == ["succeeded"]
