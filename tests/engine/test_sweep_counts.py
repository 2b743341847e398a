"""How far a sweep is and what it found, told right also when it is long, and when its worker dies."""

from __future__ import annotations

import pytest

from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import die_before_telling, do_jobs
from tests.engine.test_sweep import at, hook, old, watched
from tests.engine.toy import arrival


def test_a_kill_between_the_events_and_the_cursor_counts_what_was_recovered(house: ToyHouse) -> None:
    old(house, *range(1, 5))
    watched(house)
    for number in range(1, 5):
        house.target.keep(number, at(house, minutes=5), name="new")
    hook(house, 1, at(house, minutes=5), "new")
    house.assembly.sweeps.start("toys")
    jobs = house.assembly.jobs
    die_before_telling(jobs)
    do_jobs(house, owner="w/2/b")
    house.work()
    result = house.assembly.sweeps.result(house.connection.id or 0)
    assert result is not None
    assert result.sentence == "expected 4, received 1, recovered 3"
    (job,) = jobs.list()
    assert (job.expected, job.done, job.made, job.skipped) == (4, 4, 3, 1)
    assert sorted(house.target.texts()) == [f"{number} new" for number in range(1, 5)]


@pytest.mark.parametrize("many", [True, False])
def test_a_long_sweep_is_counted_first_and_a_short_one_lists_each_page_once(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr("automations.engine.sweep.PAGE", 3)
    numbers = range(1, 9 if many else 3)
    old(house, *numbers)
    watched(house)
    for number in numbers:
        house.target.keep(number, at(house, minutes=5), name="new")
    house.target.listed.clear()
    job = house.assembly.sweeps.start("toys")
    shares: list[tuple[int, int | None]] = []
    while house.assembly.jobs.work_due("w/1/a"):
        looked = house.assembly.jobs.get(job.id or 0)
        shares.append((looked.done, looked.expected))
    assert len(house.target.listed) == (5 if many else 1)
    assert shares == ([(3, None), (3, None), (3, 8), (6, 8), (8, 8)] if many else [(2, 2)])


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_ten_thousand_changes_are_compared_with_what_arrived(house: ToyHouse) -> None:
    post = {"name": "post", "action": "toy.post", "connection": "toys", "fields": {"text": "{{ thing.id }}"}}
    old(house, *range(1, 10_001))
    watched(house, steps=[post])
    when = at(house, minutes=5)
    for number in range(1, 10_001):
        house.target.keep(number, when, name="new")
    came = [arrival(number, at=when, name="new") for number in range(1, 10_001) if number % 100]
    for some in range(0, len(came), 500):
        house.send(*came[some : some + 500])
    house.work()
    assert len(house.target.texts()) == 9_900
    job = house.assembly.sweeps.start("toys")
    seen: list[int] = []
    while house.assembly.jobs.work_due("w/1/a"):
        looked = house.assembly.jobs.get(job.id or 0)
        seen += [looked.done] if looked.expected else []
    assert looked.expected == 10_000
    assert seen == [500 * page for page in range(1, 21)]
    house.work()
    result = house.assembly.sweeps.result(house.connection.id or 0)
    assert result is not None
    assert result.sentence == "expected 10,000, received 9,900, recovered 100"
    assert len(house.target.texts()) == len(set(house.target.texts())) == 10_000
