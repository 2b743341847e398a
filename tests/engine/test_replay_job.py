"""Replays of many: counted first, resumable, paced, and stopped when they only fail again."""

from __future__ import annotations

import pytest

from automations.engine.replay_choice import ReplayChoice, ReplayFrom
from automations.engine.run_filter import RunFilter
from automations.errors import InputError, RejectedError, UnavailableError
from automations.model.job import Job
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival

PARKED = RunFilter(statuses=("parked",))
START = ReplayChoice()
OWNER = "test/1/jobs"


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after this line is done."""


def park(house: ToyHouse, count: int, *, first: int = 1) -> None:
    """Let so many things park, each its own record, with its first step delivered."""
    for number in range(first, first + count):
        house.target.errors_for[f"second {number}"] = [RejectedError("no")]
    house.send(*(arrival(number) for number in range(first, first + count)))
    house.runner.work_until_idle(timeout_s=60)


def recipe(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("first {{ thing.id }}", name="one", action="toy.post"),
            house.step("second {{ thing.id }}", name="two", action="toy.post"),
        ]
    )


def finish(house: ToyHouse, job: Job, turns: int = 200) -> Job:
    """Work on the job and on what it makes until it has ended or paused."""
    jobs = house.assembly.jobs
    for _ in range(turns):
        jobs.work_due(OWNER)
        house.runner.work_until_idle(timeout_s=60)
        house.clock.advance(seconds=2)
        found = jobs.get(job.id or 0)
        if found.state not in ("queued", "running"):
            return found
    return found


def test_many_are_replayed_once_each_and_counted(house: ToyHouse) -> None:
    recipe(house)
    park(house, 50)
    preview = house.assembly.replays.preview_many(PARKED, START)
    assert (preview.total, preview.to_replay, preview.closed, preview.in_doubt) == (50, 50, 50, 0)
    assert len(preview.sample) == 10
    assert preview.sample[0].steps[0].words == "done already in run 1, passed by"
    job = house.assembly.replays.start(PARKED, START, by="ana@example.com")
    assert house.assembly.jobs.sentence(job) == "replay parked runs from the start, as they were"
    over = finish(house, job)
    assert (over.state, over.expected, over.done, over.made, over.skipped) == ("done", 50, 50, 50, 0)
    assert sorted(house.target.texts()) == sorted(
        [f"{word} {n}" for word in ("first", "second") for n in range(1, 51)]
    )
    assert house.statuses().count("succeeded") == 50
    assert house.assembly.history.parked() == 0


def test_what_is_under_way_or_was_replayed_is_left_out_and_said_so(house: ToyHouse) -> None:
    recipe(house)
    park(house, 3)
    house.target.errors_for["first 9"] = [UnavailableError("down")]
    house.thing(9)
    house.work()
    house.assembly.replays.replay(1, START)
    house.work()
    everything = RunFilter(recipe="note")
    preview = house.assembly.replays.preview_many(everything, START)
    assert (preview.total, preview.to_replay) == (5, 3)
    assert preview.left_out == {"under way": 1, "replayed already": 1}
    over = finish(house, house.assembly.replays.start(everything, START))
    assert (over.done, over.made, over.skipped) == (5, 3, 2)
    assert over.reason == "left out: 1 replayed already, 1 under way"


def test_runs_without_a_failed_step_are_left_out_from_the_failed_step(house: ToyHouse) -> None:
    recipe(house)
    park(house, 2)
    house.thing(9)
    house.work()
    failed = ReplayChoice(ReplayFrom.FAILED)
    preview = house.assembly.replays.preview_many(RunFilter(recipe="note"), failed)
    assert (preview.total, preview.to_replay, preview.left_out) == (3, 2, {"no step failed": 1})
    over = finish(house, house.assembly.replays.start(RunFilter(recipe="note"), failed))
    assert (over.made, over.skipped) == (2, 1)


def test_all_of_history_is_never_meant(house: ToyHouse) -> None:
    for ask in (house.assembly.replays.preview_many, house.assembly.replays.start):
        with pytest.raises(InputError, match="Say which runs"):
            ask(RunFilter(), START)


def test_runs_that_come_later_are_not_replayed(house: ToyHouse) -> None:
    recipe(house)
    park(house, 2)
    job = house.assembly.replays.start(PARKED, START)
    park(house, 2, first=3)
    over = finish(house, job)
    assert (over.made, house.assembly.history.parked()) == (2, 2)


def test_it_stops_when_its_first_runs_in_a_row_park_again_and_can_be_resumed(house: ToyHouse) -> None:
    recipe(house)
    park(house, 30)
    for number in range(1, 31):
        house.target.errors_for[f"second {number}"] = [RejectedError("still no")]
    job = house.assembly.replays.start(PARKED, START, stop_after=5)
    stopped = finish(house, job)
    assert (stopped.state, stopped.made) == ("paused", 5)
    assert "last 5 runs it made are parked again" in stopped.reason
    for number in range(6, 31):
        house.target.errors_for[f"second {number}"].clear()
    house.assembly.jobs.resume(job.id or 0)
    over = finish(house, job)
    assert (over.state, over.made) == ("done", 30)
    assert house.assembly.history.parked() == 5


def test_it_waits_to_see_how_its_first_runs_fare(house: ToyHouse) -> None:
    recipe(house)
    park(house, 10)
    job = house.assembly.replays.start(PARKED, START, stop_after=3)
    for _ in range(5):
        house.assembly.jobs.work_due(OWNER)
        house.clock.advance(seconds=2)
    waiting = house.assembly.jobs.get(job.id or 0)
    assert (waiting.state, waiting.made) == ("running", 3)
    assert "how its first 3 fare" in waiting.reason
    assert finish(house, job).made == 10


def test_it_keeps_its_rate(house: ToyHouse) -> None:
    recipe(house)
    park(house, 10)
    job = house.assembly.replays.start(PARKED, START, rate_per_minute=6)
    made = []
    for _ in range(4):
        house.assembly.jobs.work_due(OWNER)
        house.work()
        made.append(house.assembly.jobs.get(job.id or 0).made)
        house.clock.advance(seconds=5)
    assert made == [1, 1, 2, 2]


def test_killed_between_its_runs_and_its_cursor_it_makes_nothing_twice(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe(house)
    park(house, 12)
    house.thing(99)
    house.work()
    jobs = house.assembly.jobs
    job = house.assembly.replays.start(RunFilter(recipe="note"), START)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_close", die)
        with pytest.raises(Killed):
            jobs.work_due(OWNER)
    house.work()
    jobs.recover("test/1")
    over = finish(house, job)
    assert (over.state, over.made, over.skipped) == ("done", 13, 0)
    with house.assembly.database.connect_for_read() as connection:
        replayed = connection.exec_driver_sql("SELECT replay_of FROM run WHERE replay_of IS NOT NULL").all()
    assert sorted(row[0] for row in replayed) == list(range(1, 14))
    assert len(house.target.texts()) == len(set(house.target.texts())) == 26
