"""What did not arrive is fetched, what did is not, whichever comes first; nothing older follows what is newer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automations.engine.arrived import Here
from automations.engine.contracts import Arrival, Occurrence, RecordState
from automations.engine.made_events import Twin
from automations.errors import UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs
from tests.engine.toy import ThingHappened, arrival
from tests.engine.toy_records import ListsThings


class ThingMerged(ThingHappened):
    """Two things were merged."""

    key = "toy.thing_merged"
    topics = ("thing.merged",)


def at(house: ToyHouse, **ago: float) -> str:
    """Return a time before now, as the toy writes it."""
    return (house.clock.now() - timedelta(**ago)).isoformat()


def watched(house: ToyHouse, **more: Any) -> int:
    """Make a recipe and begin to look after what it waits for."""
    steps = more.pop("steps", [house.step("{{ thing.id }} {{ thing.name }}")])
    recipe_id = house.recipe(steps=steps, **more)
    house.assembly.sweeps.look()
    house.clock.advance(minutes=30)
    return recipe_id


def sweep(house: ToyHouse) -> str:
    """Sweep to the end and return the result in words."""
    house.assembly.sweeps.start("toys")
    do_jobs(house)
    house.work()
    result = house.assembly.sweeps.result(house.connection.id or 0)
    assert result is not None
    return result.sentence


def old(house: ToyHouse, *numbers: int) -> None:
    for number in numbers:
        house.target.keep(number, "2026-01-01T00:00:00+00:00", name="old")


def hook(house: ToyHouse, number: int, when: str, name: str, n: int = 0) -> None:
    """Let a change arrive by itself."""
    house.thing(number, n, at=when, made_at="2026-01-01T00:00:00+00:00", name=name)


def test_what_is_missing_is_fetched_and_what_arrived_is_not(house: ToyHouse) -> None:
    old(house, 1, 2, 3)
    watched(house)
    when = at(house, minutes=5)
    for number in (1, 2, 3):
        house.target.keep(number, when, name="new")
    hook(house, 1, when, "new")
    hook(house, 2, when, "new")
    assert sweep(house) == "expected 3, received 2, recovered 1"
    assert sorted(house.target.texts()) == ["1 new", "2 new", "3 new"]
    house.clock.advance(minutes=1)
    assert sweep(house) == "expected 3, received 3, recovered 0"
    assert len(house.target.texts()) == 3


def test_what_happened_before_anybody_waited_is_not_missed(house: ToyHouse) -> None:
    house.target.keep(1, at(house, minutes=30), name="early")
    house.target.keep(2, at(house, minutes=1), name="a minute before")
    watched(house)
    assert sweep(house) == "expected 0, received 0, recovered 0"


@pytest.mark.parametrize("decided_between", [True, False])
def test_a_webhook_that_comes_late_is_the_same_happening(house: ToyHouse, decided_between: bool) -> None:
    old(house, 1)
    watched(house)
    when = at(house, minutes=2)
    house.target.keep(1, when, name="new")
    house.assembly.sweeps.start("toys")
    house.assembly.jobs.work_due("w/1/a")
    if decided_between:
        house.work()
    hook(house, 1, when, "new")
    house.work()
    assert house.target.texts() == ["1 new"]
    events = [house.assembly.history.event(number) for number in (1, 2)]
    assert "told the same" in str(events)


def test_a_webhook_that_is_decided_first_takes_the_happening(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    when = at(house, minutes=2)
    house.target.keep(1, when, name="new")
    # It is stored while the sweep lists: after what arrived was looked at, before what is missing is stored.
    made = house.assembly._sweep._made
    store = made.store

    def late(*given: Any) -> int:
        hook(house, 1, when, "new")
        house.work()
        return store(*given)

    made.store = late  # type: ignore[method-assign, assignment]
    assert sweep(house) == "expected 1, received 0, recovered 1"
    assert house.target.texts() == ["1 new"]


def test_two_workers_that_decide_both_let_one_through(house: ToyHouse) -> None:
    old(house, *range(1, 21))
    watched(house)
    when = at(house, minutes=2)
    for number in range(1, 21):
        house.target.keep(number, when, name="new")
    house.assembly.sweeps.start("toys")
    house.assembly.jobs.work_due("w/1/a")
    for number in range(1, 21):
        hook(house, number, when, "new")
    from tests.engine.test_two_workers import run_all

    run_all(house, ["w/1/a", "w/2/b"], 20)
    house.work()
    assert sorted(house.target.texts()) == sorted(f"{number} new" for number in range(1, 21))


def test_an_older_state_never_follows_a_newer_one(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    house.target.keep(1, at(house, minutes=5), name="missed")
    house.assembly.sweeps.start("toys")
    made = house.assembly._sweep._made
    store = made.store

    def overtaken(*given: Any) -> int:
        hook(house, 1, at(house, minutes=1), "newest")
        return store(*given)

    made.store = overtaken  # type: ignore[method-assign, assignment]
    do_jobs(house)
    house.work()
    assert house.target.texts() == ["1 newest"]


def test_old_values_come_from_what_arrived_last(house: ToyHouse) -> None:
    old(house, 1, 2)
    watched(house, steps=[house.step("{{ thing.id }} was {{ previous.name }}")])
    hook(house, 1, at(house, minutes=20), "before", n=1)
    hook(house, 2, at(house, minutes=20), "same", n=1)
    house.work()
    house.target.done.clear()
    house.target.keep(1, at(house, minutes=5), name="after")
    house.target.keep(2, at(house, minutes=5), name="same")
    assert sweep(house) == "expected 2, received 1, recovered 1"
    assert house.target.texts() == ["1 was before"]


def test_an_account_that_is_away_is_looked_through_later(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    house.target.keep(1, at(house, minutes=1), name="new")
    house.target.list_errors.append(UnavailableError("Toy rests."))
    assert sweep(house) == "expected 1, received 0, recovered 1"


def test_what_was_given_up_for_room_counts_as_arrived(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    hook(house, 1, at(house, minutes=9), "first")
    house.work()
    with house.assembly.database.connect_for_write() as connection:
        connection.exec_driver_sql(house.assembly.database.sql("UPDATE event SET payload=?"), (b"",))
    house.target.keep(1, at(house, minutes=5), name="new")
    assert sweep(house) == "expected 1, received 1, recovered 0"


def test_what_was_given_up_for_room_long_ago_hides_nothing_that_is_missed_now(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    hook(house, 1, at(house, minutes=9), "first")
    house.work()
    with house.assembly.database.connect_for_write() as connection:
        connection.exec_driver_sql(house.assembly.database.sql("UPDATE event SET payload=?"), (b"",))
    sweep(house)
    house.clock.advance(hours=2)
    house.target.keep(1, at(house, minutes=5), name="new")
    sweep(house)
    house.clock.advance(hours=2)
    house.target.keep(1, at(house, minutes=5), name="newer")
    assert sweep(house) == "expected 1, received 0, recovered 1"


def test_a_second_change_within_the_same_second_is_not_lost_to_the_sweep(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    when = at(house, seconds=1)
    house.target.keep(1, when, name="first")
    sweep(house)
    hook(house, 1, when, "second")
    house.work()
    assert house.target.texts()[-1] == "1 second"


def test_an_account_that_rests_again_and_again_is_looked_through_at_last(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    old(house, *range(1, 7))
    watched(house)
    for number in range(1, 7):
        house.target.keep(number, at(house, minutes=5), name="new")
    with_previous = ListsThings.with_previous
    calls: list[str] = []

    def tiring(self: ListsThings, given: Arrival, *more: Any) -> Arrival | None:
        calls.append(given.record_key)
        if len(calls) % 3 == 0:
            raise UnavailableError("Toy rests.")
        return with_previous(self, given, *more)

    monkeypatch.setattr(ListsThings, "with_previous", tiring)
    assert sweep(house) == "expected 6, received 0, recovered 6"
    assert sorted(house.target.texts()) == [f"{number} new" for number in range(1, 7)]
    assert len(calls) == 8


@pytest.mark.parametrize("swept_first", [True, False])
def test_a_merge_that_a_sweep_saw_as_a_change_still_reaches_who_waits_for_merges(
    house: ToyHouse, swept_first: bool
) -> None:
    house.assembly.registry.triggers["toy.thing_merged"] = ThingMerged  # type: ignore[index]
    old(house, 1)
    watched(house)
    house.recipe("merges", [house.step("merged {{ thing.id }}")], trigger={"key": "toy.thing_merged"})
    when = at(house, minutes=2)
    house.target.keep(1, when, name="new")
    house.assembly.sweeps.start("toys")
    house.assembly.jobs.work_due("w/1/a")
    if swept_first:
        house.work()
    told = arrival(1, 5, at=when, made_at="2026-01-01T00:00:00+00:00", name="new")
    house.send(replace(told, topic="thing.merged"))
    house.work()
    assert sorted(house.target.texts()) == ["1 new", "merged 1"]


def test_a_record_that_is_deleted_a_second_time_is_told_again() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    first, later = RecordState("delete", noon), RecordState("delete", noon + timedelta(days=2))
    about = RecordState("delete", noon + timedelta(seconds=2))
    twin = Twin(7, "deal.delete", noon)
    assert [twin.tells(state) for state in (first, about, later)] == [True, True, False]
    here = Here(9)
    here.add("deal:1", first, Occurrence("deal.delete", "deal", {}))
    assert [here.has("deal:1", state) for state in (first, about, later)] == [True, True, False]


def test_a_record_that_cannot_be_read_does_not_stop_the_sweep(house: ToyHouse) -> None:
    old(house, 1, 2, 3)
    watched(house)
    for number in (1, 2, 3):
        house.target.keep(
            number, at(house, minutes=5), name="new", **({"poison": True} if number == 2 else {})
        )
    assert sweep(house) == "expected 3, received 0, recovered 2"
    (job,) = house.assembly.jobs.list()
    assert (job.state, job.made, job.failed) == ("done", 2, 1)
    assert job.reason == "thing:2 failed: it could not be read (KeyError)"
    assert sorted(house.target.texts()) == ["1 new", "3 new"]
