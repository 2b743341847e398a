"""History is removed when it is old or too much, packed when it is not, and what is owed never goes."""

from __future__ import annotations

import pytest

from automations.engine.contracts import Arrival
from automations.engine.packer import Packer, stretches
from automations.engine.retention import Retention
from automations.engine.tidying import Tidied, Tidying
from automations.errors import RejectedError, StorageUnavailableError
from automations.model import packing
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def tidy(house: ToyHouse, keep_days: int = 30, budget_bytes: int = 10**12) -> Tidied:
    given = house.assembly
    retention = Retention(
        given.database, house.clock, given.disk, keep_days=keep_days, budget_bytes=budget_bytes
    )
    return Tidying(house.clock, retention, Packer(given.database, house.clock), given.disk, given.usage).run()


def test_old_runs_and_events_go_and_parked_ones_stay(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["2/0"] = [RejectedError("no")]
    house.send(arrival(1), arrival(2))
    house.work()
    house.clock.advance(days=31)
    house.send(arrival(3))
    house.work()
    done = tidy(house)
    assert (done.runs, done.events) == (1, 1)
    assert house.statuses() == ["parked", "succeeded"]
    assert tidy(house).runs == 0


def test_work_that_waits_is_never_removed(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1))
    house.clock.advance(days=400)
    assert tidy(house, keep_days=1, budget_bytes=1).runs == 0
    house.work()
    assert house.target.texts() == ["1/0"]


def test_a_second_copy_is_known_for_a_week_however_short_history_is(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1))
    house.work()
    house.clock.advance(days=5)
    done = tidy(house, keep_days=1)
    assert (done.runs, done.events) == (1, 0)
    assert house.thing(1).duplicate
    house.clock.advance(days=3)
    assert tidy(house, keep_days=1).events == 1


def test_more_than_a_batch_goes(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(i) for i in range(1100)))
    house.work()
    house.clock.advance(days=31)
    done = tidy(house)
    assert (done.runs, done.events) == (1100, 1100)


def test_over_the_budget_the_oldest_go_first_and_parked_ones_and_copies_stay_known(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.send(*(arrival(i) for i in range(1, 8)))
    house.work()
    house.clock.advance(minutes=5)
    done = tidy(house, budget_bytes=1)
    assert (done.runs, done.events, done.emptied) == (6, 0, 6)
    assert house.statuses() == ["parked"]
    assert house.thing(5).duplicate
    event, _ = house.assembly.history.event(5)
    assert event.payload == b""


def test_within_the_budget_nothing_goes(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1))
    house.work()
    house.clock.advance(minutes=5)
    done = tidy(house)
    assert (done.runs, done.events, done.emptied) == (0, 0, 0)


def test_packed_rows_read_as_before(house: ToyHouse) -> None:
    house.recipe()
    house.send(
        *(
            arrival(i, note="a note that many things have", stage="Offer made", said=f"by {i}")
            for i in range(1, 61)
        )
    )
    house.work()
    before = [house.assembly.history.run(i) for i in (1, 30, 60)]
    house.clock.advance(hours=2)
    assert tidy(house).packed >= 60
    after = [house.assembly.history.run(i) for i in (1, 30, 60)]
    for old, new in zip(before, after, strict=True):
        assert new.event.payload == old.event.payload
        assert new.run == old.run
        assert [d.delivery for d in new.deliveries] == [d.delivery for d in old.deliveries]
        assert [d.attempts for d in new.deliveries] == [d.attempts for d in old.deliveries]
    with house.assembly.database.connect_for_read() as connection:
        stored = connection.exec_driver_sql("SELECT payload FROM event WHERE id=30").scalar()
    assert packing.is_packed(bytes(stored or b""))
    assert tidy(house).packed == 0


def test_a_parked_run_with_a_packed_event_can_be_sent_again(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["7/0"] = [RejectedError("no")]
    house.send(*(arrival(i) for i in range(1, 41)))
    house.work()
    house.clock.advance(hours=2)
    tidy(house)
    house.assembly.manual.try_now(7)
    house.work()
    assert "7/0" in house.target.texts()


def test_bytes_from_outside_that_look_packed_come_through(house: ToyHouse) -> None:
    body = packing.MARK + b"anything"
    taken = Arrival(topic="thing.happened", record_key="thing:1", dedupe_key="looks-packed", payload=body)
    (accepted,) = house.assembly.intake.accept(house.connection.id or 0, [taken])
    event, _ = house.assembly.history.event(accepted.event_id or 0)
    assert event.payload == body


def test_below_the_reserve_nothing_is_accepted_and_what_is_there_goes_on(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.send(arrival(1))
    monkeypatch.setattr(house.assembly.disk, "has_room", lambda: False)
    house.assembly.intake._has_room = house.assembly.disk.has_room
    with pytest.raises(StorageUnavailableError, match="nearly full"):
        house.send(arrival(2))
    house.work()
    assert house.target.texts() == ["1/0"]


def test_usage_names_each_recipe_with_what_it_takes(house: ToyHouse) -> None:
    house.recipe(name="Busy")
    house.recipe(name="Idle", enabled=False)
    house.send(*(arrival(i) for i in range(1, 11)))
    house.work()
    found = house.assembly.usage.look()
    assert [(one.recipe, one.runs) for one in found.recipes] == [("Busy", 10)]
    assert found.recipes[0].bytes_about > 10 * 900
    assert house.assembly.usage.last() == found


def test_what_lies_far_between_is_left_alone() -> None:
    assert stretches([5, 1, 2, 900, 903]) == [(1, 5), (900, 903)]
    assert stretches([]) == []
