"""Ended jobs are forgotten after a while; those that wait for a person are not."""

from __future__ import annotations

from automations.engine.old_jobs import forget_old_jobs
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs, started
from tests.engine.test_sweep import watched


def test_ended_jobs_are_forgotten_sweeps_sooner_and_failed_ones_never(house: ToyHouse) -> None:
    recipe_id = watched(house)
    jobs = house.assembly.jobs
    house.assembly.sweeps.start("toys")
    started(house, recipe_id)
    do_jobs(house)
    started(house, recipe_id)
    house.assembly.recipes.switch("note", enabled=False)
    do_jobs(house)
    kinds = [(job.kind, job.state) for job in jobs.list()]
    assert kinds == [("backfill", "failed"), ("backfill", "done"), ("sweep", "done")]
    assert forget_old_jobs(house.assembly.database, house.clock) == 0
    house.clock.advance(days=4)
    assert forget_old_jobs(house.assembly.database, house.clock) == 1
    house.clock.advance(days=90)
    assert forget_old_jobs(house.assembly.database, house.clock) == 1
    assert [job.state for job in jobs.list()] == ["failed"]
