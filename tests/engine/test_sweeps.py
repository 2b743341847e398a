"""When an account is looked through for what did not arrive: every hour, after a gap, and when somebody asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from automations.errors import InputError, NotFoundError
from automations.model.states import ConnectionState
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs
from tests.engine.test_sweep import at, old, sweep, watched


def test_every_hour_the_timer_asks_for_a_look(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    house.assembly.sweeps.look()
    house.clock.advance(minutes=4)
    house.assembly.sweeps.look()
    assert [job.created_by for job in house.assembly.jobs.list()] == ["after a gap"]
    do_jobs(house)
    for _ in range(61):
        house.clock.advance(minutes=1)
        house.assembly.sweeps.look()
    assert [job.created_by for job in house.assembly.jobs.list()] == ["timer", "after a gap"]
    until = datetime.fromisoformat(house.assembly.jobs.list()[0].params["until"])
    assert until.tzinfo == UTC
    assert until <= house.clock.now() - timedelta(minutes=5)


def test_after_downtime_the_account_is_looked_through_at_once(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    house.clock.advance(hours=7)
    house.target.keep(1, at(house, hours=5), name="while we were down")
    house.assembly.sweeps.look()
    do_jobs(house)
    house.work()
    assert house.target.texts() == ["1 while we were down"]


def test_refused_callers_are_a_reason_to_look(house: ToyHouse) -> None:
    watched(house)
    for _ in range(3):
        house.assembly.sweeps.look()
        do_jobs(house)
    count = len(house.assembly.jobs.list())
    for minute in range(12):
        if minute == 1:
            house.assembly.connections.hook_refused(house.connection.id or 0)
        house.clock.advance(minutes=1)
        house.assembly.sweeps.look()
    assert len(house.assembly.jobs.list()) == count + 1


def test_a_recipe_that_is_off_is_not_made_up_for_later(house: ToyHouse) -> None:
    old(house, 1)
    watched(house)
    house.assembly.recipes.switch("note", enabled=False)
    house.assembly.sweeps.look()
    house.target.keep(1, at(house, minutes=1), name="while it was off")
    house.clock.advance(minutes=30)
    house.assembly.recipes.switch("note", enabled=True)
    house.assembly.sweeps.look()
    house.clock.advance(minutes=30)
    assert sweep(house) == "expected 0, received 0, recovered 0"
    assert house.target.texts() == []


def test_an_account_that_is_paused_is_left_alone(house: ToyHouse) -> None:
    watched(house)
    house.assembly.connections.pause(house.connection.id or 0, "refused")
    house.clock.advance(hours=2)
    house.assembly.sweeps.look()
    assert house.assembly.connections.get("toys").state == ConnectionState.PAUSED
    assert house.assembly.jobs.list() == []


def test_a_sweep_by_hand_says_when_it_cannot(house: ToyHouse) -> None:
    with pytest.raises(InputError, match="nothing to look through"):
        house.assembly.sweeps.start("toys")
    with pytest.raises(NotFoundError):
        house.assembly.sweeps.start("nobody")
    watched(house)
    house.assembly.sweeps.start("toys")
    with pytest.raises(InputError, match="under way"):
        house.assembly.sweeps.start("toys")


def test_a_sweep_by_hand_may_go_further_back(house: ToyHouse) -> None:
    house.target.keep(1, at(house, days=3), name="long ago")
    watched(house)
    house.assembly.sweeps.start("toys", since=house.clock.now() - timedelta(days=4))
    do_jobs(house)
    house.work()
    assert house.target.texts() == ["1 long ago"]
