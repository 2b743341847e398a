"""Existing records through one recipe: counted, paced, resumed, never twice, never an old state after a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from automations.engine import backfill
from automations.engine.backfill import Wish
from automations.engine.jobs import Jobs
from automations.errors import InputError, UnavailableError
from automations.model.job import Job
from tests.engine.conftest import ToyHouse

AT = "2026-11-01T10:00:00+00:00"
LATER = "2026-11-20T10:00:00+00:00"


def do_jobs(house: ToyHouse, *, owner: str = "test/1/a") -> None:
    """Do every job to its end, letting runs go on between the slices."""
    for _ in range(10_000):
        if not house.assembly.jobs.work_due(owner):
            if not any(job.state in ("queued", "running") for job in house.assembly.jobs.open()):
                return
            house.work()
            house.clock.advance(seconds=5)
    raise AssertionError("the jobs do not end")


def die_before_telling(jobs: Jobs) -> None:
    """Let a worker do a slice and die before it can write what came of it; another may go on at once."""

    class Killed(BaseException):
        pass

    kept, jobs._close = jobs._close, lambda *_, **__: (_ for _ in ()).throw(Killed())  # type: ignore[method-assign]
    with pytest.raises(Killed):
        jobs.work_due("w/1/a")
    jobs._close = kept  # type: ignore[method-assign]
    jobs.recover("w/1/")


def started(house: ToyHouse, recipe_id: int, wish: Wish | None = None, **more: Any) -> int:
    job = house.assembly.backfills.start(recipe_id, wish or Wish(), **more)
    assert job.id is not None
    return job.id


def over(house: ToyHouse, job_id: int) -> Job:
    return house.assembly.jobs.get(job_id)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and backlogs of a few records."""
    monkeypatch.setattr(backfill, "PAGE", 3)
    monkeypatch.setattr(backfill, "BACKLOG", 4)
    monkeypatch.setattr("automations.engine.jobs.ROOM", 2)


@pytest.mark.usefixtures("small")
def test_every_existing_record_goes_through_the_recipe_once(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }} {{ event.is_backfill }}")])
    for number in range(1, 8):
        house.target.keep(number, AT)
    job_id = started(house, recipe_id, by="ana@example.com")
    do_jobs(house)
    house.work()
    job = over(house, job_id)
    assert (job.state, job.expected, job.done, job.made, job.skipped) == ("done", 7, 7, 7, 0)
    assert sorted(house.target.texts()) == [f"{number} true" for number in range(1, 8)]
    again = started(house, recipe_id)
    do_jobs(house)
    assert (over(house, again).made, over(house, again).skipped) == (0, 7), "their state was seen"
    house.target.keep(3, LATER)
    changed = started(house, recipe_id)
    do_jobs(house)
    assert over(house, changed).made == 1


def test_a_backfill_is_for_its_recipe_alone(house: ToyHouse) -> None:
    recipe_id = house.recipe("one", steps=[house.step("one {{ thing.id }}")])
    house.recipe("other", steps=[house.step("other {{ thing.id }}")])
    house.target.keep(1, AT)
    started(house, recipe_id)
    do_jobs(house)
    house.work()
    assert house.target.texts() == ["one 1"]


def test_it_is_narrowed_as_its_trigger_is_and_by_its_window_and_limit(house: ToyHouse) -> None:
    recipe_id = house.recipe(trigger={"fields": {"color": "red"}}, steps=[house.step("{{ thing.id }}")])
    for number in range(1, 11):
        house.target.keep(number, LATER if number > 4 else AT, color="red" if number % 2 else "blue")
    wish = Wish(since=datetime(2026, 11, 10, tzinfo=UTC), limit=2)
    preview = house.assembly.backfill_previews.preview(recipe_id, wish)
    assert (preview.listed, preview.wanted, preview.complete) == (3, 2, True)
    assert preview.left_out == {"color is blue, wanted red": 1}
    # The toy has no door that would hold a test's writes back.
    house.target.done.clear()
    job_id = started(house, recipe_id, wish)
    do_jobs(house)
    house.work()
    assert over(house, job_id).made == 2
    assert house.target.texts() == ["5", "7"]


def test_a_dry_run_counts_and_tries_some_and_stores_nothing(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}", only_if="{{ thing.id != 2 }}")])
    for number in range(1, 31):
        house.target.keep(number, AT)
    told: list[int] = []
    preview = house.assembly.backfill_previews.preview(
        recipe_id, Wish(), tell=lambda found: told.append(found.listed)
    )
    assert (preview.listed, preview.wanted, preview.complete, told) == (30, 30, True, [30])
    assert [one["record_key"] for one in preview.samples] == [f"thing:{n}" for n in range(1, 11)]
    assert preview.samples[0]["steps"][0]["fields"]["text"] == "1"
    assert preview.samples[1]["steps"][0]["status"] == "skipped"
    house.work()
    assert house.statuses() == []
    assert house.assembly.jobs.list() == []


@pytest.mark.usefixtures("small")
def test_no_more_than_the_backlog_waits_at_a_time(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}")])
    for number in range(1, 21):
        house.target.keep(number, AT)
    job_id = started(house, recipe_id)
    for _ in range(30):
        house.assembly.jobs.work_due("test/1/a")
        house.clock.advance(seconds=1)
    held = over(house, job_id)
    assert held.made == 4
    assert "fewer than 4 runs" in held.reason
    do_jobs(house)
    assert over(house, job_id).made == 20


def test_what_arrives_meanwhile_is_not_overwritten_by_an_older_state(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.name }}")])
    for number in (1, 2):
        house.target.keep(number, AT, name=f"old {number}")
    house.thing(1, 1, at=LATER, name="new 1")
    house.work()
    job_id = started(house, recipe_id)
    do_jobs(house)
    house.thing(2, 1, at=LATER, name="new 2")
    house.work()
    assert house.target.texts() == ["new 1", "old 2", "new 2"]
    assert over(house, job_id).made == 2
    event = house.assembly.history.event(2)
    assert "the same state of the record, or a newer one" in str(event)


def test_again_sends_through_what_was_seen_but_nothing_older(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.name }}")])
    house.target.keep(1, AT, name="kept")
    for wish in (Wish(), Wish(again=True), Wish(again=True)):
        started(house, recipe_id, wish)
        do_jobs(house)
        house.work()
    assert house.target.texts() == ["kept"] * 3


def test_a_kill_between_the_events_and_the_cursor_makes_nothing_twice(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}")])
    for number in range(1, 301):
        house.target.keep(number, AT)
    job_id = started(house, recipe_id)
    jobs = house.assembly.jobs
    assert jobs.work_due("w/1/a")

    die_before_telling(jobs)
    do_jobs(house, owner="w/2/b")
    house.work()
    assert len(house.target.texts()) == len(set(house.target.texts())) == 300
    job = over(house, job_id)
    assert (job.state, job.done, job.made, job.skipped) == ("done", 300, 300, 0)


def test_an_account_that_is_away_only_delays_it(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}")])
    house.target.keep(1, AT)
    house.target.list_errors.append(UnavailableError("Toy rests.", retry_after_s=30))
    job_id = started(house, recipe_id)
    house.assembly.jobs.work_due("w/1/a")
    assert over(house, job_id).reason == "Toy rests."
    do_jobs(house)
    assert over(house, job_id).made == 1


def test_what_cannot_be_filled_says_why(house: ToyHouse) -> None:
    recipe_id = house.recipe(trigger={"fields": {"color": "none"}})
    with pytest.raises(InputError, match="Things of no color are not listed"):
        house.assembly.backfills.start(recipe_id, Wish())
    assert "no color" in house.assembly.backfills.why_not(recipe_id)
    house.recipe("note", trigger={"fields": {}})
    house.assembly.recipes.switch("note", enabled=False)
    with pytest.raises(InputError, match="is off"):
        house.assembly.backfills.start(recipe_id, Wish())
    with pytest.raises(InputError, match="gone"):
        house.assembly.backfills.start(999, Wish())


def test_only_one_backfill_of_a_recipe_is_open_and_odd_wishes_are_refused(house: ToyHouse) -> None:
    recipe_id = house.recipe()
    started(house, recipe_id)
    with pytest.raises(InputError, match="open already"):
        house.assembly.backfills.start(recipe_id, Wish())
    with pytest.raises(InputError, match="limit of 0"):
        house.assembly.backfills.start(recipe_id, Wish(limit=0))
    noon = datetime(2026, 11, 10, tzinfo=UTC)
    with pytest.raises(InputError, match="earlier"):
        house.assembly.backfills.start(recipe_id, Wish(since=noon, until=noon))


def test_a_recipe_switched_off_meanwhile_stops_it_and_resume_goes_on(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}")])
    house.target.keep(1, AT)
    job_id = started(house, recipe_id)
    house.assembly.recipes.switch("note", enabled=False)
    do_jobs(house)
    assert over(house, job_id).state == "failed"
    assert "is off" in over(house, job_id).reason
    house.assembly.recipes.switch("note", enabled=True)
    house.assembly.jobs.resume(job_id)
    do_jobs(house)
    assert over(house, job_id).made == 1


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_ten_thousand_records_go_through_with_progress(house: ToyHouse) -> None:
    post = {"name": "post", "action": "toy.post", "connection": "toys", "fields": {"text": "{{ thing.id }}"}}
    recipe_id = house.recipe(steps=[post])
    for number in range(1, 10_001):
        house.target.keep(number, AT)
    job_id = started(house, recipe_id)
    shares: list[float] = []
    while over(house, job_id).state in ("queued", "running"):
        if not house.assembly.jobs.work_due("w/1/a"):
            house.work()
            house.clock.advance(seconds=2)
        job = over(house, job_id)
        shares.append(job.done / (job.expected or 10_000))
    house.work()
    job = over(house, job_id)
    assert (job.state, job.expected, job.done, job.made) == ("done", 10_000, 10_000, 10_000)
    assert shares == sorted(shares)
    assert {round(share, 1) for share in shares} == {tenth / 10 for tenth in range(11)}
    assert len(set(house.target.texts())) == len(house.target.texts()) == 10_000


@pytest.mark.usefixtures("small")
def test_a_record_that_cannot_be_read_is_counted_as_failed_and_the_others_go_through(house: ToyHouse) -> None:
    recipe_id = house.recipe(steps=[house.step("{{ thing.id }}")])
    for number in range(1, 6):
        house.target.keep(number, AT, **({"poison": True} if number == 2 else {}))
    job_id = started(house, recipe_id)
    do_jobs(house)
    house.work()
    job = over(house, job_id)
    assert (job.state, job.done, job.made, job.skipped, job.failed) == ("done", 5, 4, 0, 1)
    assert job.reason == "thing:2 failed: it could not be read (KeyError)"
    assert sorted(house.target.texts()) == ["1", "3", "4", "5"]
