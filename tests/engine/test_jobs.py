"""Long work in slices: resumed, fenced, paced, one worker at a time, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from automations.engine.job_kinds import JobKind, JobView, Slice
from automations.engine.jobs import ROOM, Jobs, room_of
from automations.errors import (
    CredentialsError,
    InputError,
    NotFoundError,
    RejectedError,
    StorageUnavailableError,
    UnavailableError,
)
from tests.engine.conftest import ToyHouse


class Counting(JobKind):
    """Counts up to `upto`; `made` is a set, so a slice that comes twice is seen but makes nothing twice."""

    name = "counting"
    title = "Counting"

    def __init__(self) -> None:
        self.made: set[int] = set()
        self.slices: list[tuple[int, int]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def sentence(self, job: JobView) -> str:
        return f"count up to {job.params['upto']}"

    def slice(self, job: JobView, room: int) -> Slice:
        self.before()
        start = (job.cursor or {}).get("next", 0)
        end = min(start + room, job.params["upto"])
        fresh = set(range(start, end)) - self.made
        self.made |= fresh
        self.slices.append((start, end))
        self.after()
        return Slice(
            {"next": end}, expected=job.params["upto"], done=end - start, made=len(fresh),
            skipped=end - start - len(fresh), finished=end == job.params["upto"],
        )  # fmt: skip


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after this line is done."""


def make(house: ToyHouse) -> tuple[Jobs, Counting]:
    kind = Counting()
    rings: list[int] = []
    return Jobs(house.assembly.database, house.clock, {"counting": kind}, lambda: rings.append(1)), kind


def test_a_job_is_done_in_slices_and_counts_what_it_did(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 2 * ROOM + 5}, by="ana@example.com")
    assert job.state == "queued"
    assert jobs.sentence(job) == "count up to 405"
    assert jobs.work_due("w/1/a")
    half = jobs.get(job.id or 0)
    assert (half.state, half.expected, half.done, half.made) == ("running", 405, ROOM, ROOM)
    while jobs.work_due("w/1/a"):
        pass
    over = jobs.get(job.id or 0)
    assert (over.state, over.done, over.made, over.skipped) == ("done", 405, 405, 0)
    assert over.finished_at is not None
    assert over.lease_owner is None
    assert over.created_by == "ana@example.com"
    assert kind.slices == [(0, 200), (200, 400), (400, 405)]


def test_two_jobs_take_turns(house: ToyHouse) -> None:
    jobs, _ = make(house)
    first, second = (jobs.start("counting", {"upto": 1_000}) for _ in range(2))
    for _ in range(4):
        jobs.work_due("w/1/a")
        house.clock.advance(seconds=1)
    assert [jobs.get(job.id or 0).done for job in (first, second)] == [400, 400]


def test_a_worker_killed_between_the_slice_and_its_cursor_makes_nothing_twice(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 300})

    def die() -> None:
        raise Killed

    kind.after = die
    with pytest.raises(Killed):
        jobs.work_due("w/1/a")
    kind.after = lambda: None
    assert not jobs.work_due("w/2/b"), "it is still in the hands of the dead"
    assert jobs.recover("w/1/") == 1
    while jobs.work_due("w/2/b"):
        pass
    over = jobs.get(job.id or 0)
    assert kind.slices == [(0, 200), (0, 200), (200, 300)]
    assert (over.state, over.done, over.made, over.skipped) == ("done", 300, 100, 200)
    assert len(kind.made) == 300


def test_what_a_lost_lease_brings_back_counts_for_nothing(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 150})
    other = Jobs(house.assembly.database, house.clock, {"counting": kind}, lambda: None)
    assert other.recover() == 0

    def overtaken() -> None:
        kind.after = lambda: None
        assert other.recover() == 0
        house.clock.advance(seconds=61)
        assert other.recover() == 1
        assert other.work_due("w/2/b")

    kind.after = overtaken
    assert jobs.work_due("w/1/a")
    over = jobs.get(job.id or 0)
    assert (over.state, over.done) == ("done", 150), "the sleeper's slice was not added a second time"
    assert kind.slices == [(0, 150), (0, 150)]


def test_two_workers_share_the_slices_of_one_job(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 20 * ROOM})
    guard = threading.Lock()
    together: list[bool] = []

    def alone() -> None:
        together.append(not guard.acquire(blocking=False))

    kind.before, kind.after = alone, guard.release

    def work(owner: str) -> None:
        while jobs.get(job.id or 0).state != "done":
            jobs.work_due(owner)

    threads = [threading.Thread(target=work, args=(f"w/{n}/x",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    over = jobs.get(job.id or 0)
    assert (over.state, over.done, over.made) == ("done", 20 * ROOM, 20 * ROOM)
    assert len(kind.slices) == 20
    assert not any(together)


def test_a_worker_goes_on_with_what_it_held_itself_when_storage_failed(house: ToyHouse) -> None:
    jobs, kind = make(house)
    jobs.start("counting", {"upto": 10})

    def full() -> None:
        kind.before = lambda: None
        raise StorageUnavailableError

    kind.before = full
    with pytest.raises(StorageUnavailableError):
        jobs.work_due("w/1/a")
    assert not jobs.work_due("w/2/b")
    assert jobs.work_due("w/1/a")
    assert len(kind.made) == 10


def test_the_rate_spreads_what_is_made(house: ToyHouse) -> None:
    jobs, kind = make(house)
    jobs.start("counting", {"upto": 60}, rate_per_minute=60)
    assert (room_of(60), room_of(1), room_of(100_000), room_of(None)) == (5, 1, ROOM, ROOM)
    for _ in range(30):
        jobs.work_due("w/1/a")
        house.clock.advance(seconds=1)
    assert len(kind.made) == 30


def test_a_pause_lets_the_slice_under_way_count_and_resume_goes_on_from_there(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 300})
    kind.after = lambda: (jobs.pause(job.id or 0), None)[1]
    jobs.work_due("w/1/a")
    kind.after = lambda: None
    paused = jobs.get(job.id or 0)
    assert (paused.state, paused.done) == ("paused", 200)
    assert not jobs.work_due("w/1/a")
    jobs.resume(job.id or 0)
    assert jobs.work_due("w/1/a")
    assert jobs.get(job.id or 0).state == "done"
    with pytest.raises(InputError, match="is done and cannot become paused"):
        jobs.pause(job.id or 0)


@pytest.mark.parametrize("resumed", [True, False])
def test_a_job_that_is_paused_during_its_last_slice_is_done_and_not_begun_again(
    house: ToyHouse, resumed: bool
) -> None:
    jobs, kind = make(house)
    number = jobs.start("counting", {"upto": 100}).id or 0

    def interrupt() -> None:
        jobs.pause(number)
        if resumed:
            jobs.resume(number)

    kind.after = interrupt
    assert jobs.work_due("w/1/a")
    over = jobs.get(number)
    assert (over.state, over.done, over.finished_at is not None) == ("done", 100, True)
    assert not jobs.work_due("w/1/a")
    assert kind.slices == [(0, 100)]


def test_a_cancelled_job_makes_no_more_and_says_so_when_asked_again(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 300})
    jobs.cancel(job.id or 0)
    assert jobs.cancel(job.id or 0).state == "cancelled"
    assert not jobs.work_due("w/1/a")
    assert kind.slices == []
    with pytest.raises(InputError, match="cancelled"):
        jobs.resume(job.id or 0)
    with pytest.raises(NotFoundError, match="no job 999"):
        jobs.cancel(999)


def test_an_account_that_is_away_is_asked_again_later_and_later(house: ToyHouse) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 5})

    def away() -> None:
        raise UnavailableError("Toy does not answer.")

    kind.before = away
    assert jobs.work_due("w/1/a")
    assert jobs.get(job.id or 0).reason == "Toy does not answer."
    assert not jobs.work_due("w/1/a")
    house.clock.advance(seconds=6)
    assert jobs.work_due("w/1/a")
    house.clock.advance(seconds=6)
    assert not jobs.work_due("w/1/a")
    kind.before = lambda: None
    house.clock.advance(seconds=10)
    assert jobs.work_due("w/1/a")
    over = jobs.get(job.id or 0)
    assert (over.state, over.reason, over.tries) == ("done", "", 0)


def test_a_clock_that_was_set_back_holds_no_job_up(house: ToyHouse) -> None:
    jobs, kind = make(house)
    jobs.start("counting", {"upto": 5})
    house.clock.jump(hours=-3)
    assert jobs.work_due("w/1/a")
    assert len(kind.made) == 5


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CredentialsError("The token was refused."), "paused"),
        (RejectedError("No such list."), "failed"),
        (KeyError("bug"), "failed"),
    ],
)
def test_what_needs_a_person_stops_the_job_and_resume_goes_on(
    house: ToyHouse, error: Exception, state: str
) -> None:
    jobs, kind = make(house)
    job = jobs.start("counting", {"upto": 5})

    def fail() -> None:
        raise error

    kind.before = fail
    assert jobs.work_due("w/1/a")
    stopped = jobs.get(job.id or 0)
    assert stopped.state == state
    assert stopped.reason
    assert not jobs.work_due("w/1/a")
    kind.before = lambda: None
    jobs.resume(job.id or 0)
    assert jobs.work_due("w/1/a")
    assert jobs.get(job.id or 0).state == "done"


def test_only_one_of_those_that_want_to_be_alone_is_open(house: ToyHouse) -> None:
    jobs, _ = make(house)
    first = jobs.start("counting", {"upto": 5}, alone="toys")
    with pytest.raises(InputError, match="open already"):
        jobs.start("counting", {"upto": 5}, alone="toys")
    jobs.pause(first.id or 0)
    with pytest.raises(InputError, match="open already"):
        jobs.start("counting", {"upto": 5}, alone="toys")
    jobs.resume(first.id or 0)
    jobs.work_due("w/1/a")
    assert jobs.start("counting", {"upto": 5}, alone="toys").id != first.id
    assert [job.state for job in jobs.list()] == ["queued", "done"]
    assert len(jobs.open()) == 1


def test_a_rate_that_never_ends_is_refused(house: ToyHouse) -> None:
    jobs, _ = make(house)
    with pytest.raises(InputError, match="give 1 or more"):
        jobs.start("counting", {"upto": 5}, rate_per_minute=0)


def test_a_job_whose_connector_is_gone_says_so(house: ToyHouse) -> None:
    jobs, _ = make(house)
    job = jobs.start("counting", {"upto": 5})
    bare = Jobs(house.assembly.database, house.clock, {}, lambda: None)
    assert bare.work_due("w/1/a")
    found = bare.get(job.id or 0)
    assert found.state == "failed"
    assert "not installed" in found.reason
    assert "not known here" in bare.sentence(found)
