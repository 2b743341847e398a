"""One purse for all workers: what a rolling and a daily budget let through."""

from __future__ import annotations

import threading

import pytest

from automations.engine.account_memory import SparingMemory, StoredMemory
from automations.engine.budget import Budget, take
from automations.engine.contracts import Pool
from tests.engine.conftest import ToyHouse

BURST = Pool("burst", "Burst", 2.0)
SEARCH = Pool("search", "Searches", 2.0, limit=10)
DAILY = Pool("daily", "Daily budget", 86_400.0, rolling=False)
SECOND_US = 1_000_000


def budget(house: ToyHouse) -> Budget:
    """A budget of its own, as another process has."""
    assert house.connection.id is not None
    return Budget(house.assembly.database, house.clock, house.connection.id)


def test_nothing_is_held_back_while_no_limit_is_known(house: ToyHouse) -> None:
    one = budget(house)
    assert [one.spend(BURST, 1) for _ in range(500)] == [0.0] * 500
    assert one.left(BURST) is None


def test_two_processes_spend_from_one_purse(house: ToyHouse) -> None:
    one, other = budget(house), budget(house)
    assert [b.spend(SEARCH, 1) for b in (one, other) * 5] == [0.0] * 10
    assert 0 < one.spend(SEARCH, 1) <= 2.2
    assert other.spend(SEARCH, 1) > 0
    house.clock.advance(seconds=2.2)
    assert other.spend(SEARCH, 1) == 0.0


def test_no_stretch_of_a_rolling_window_ever_holds_more_than_the_limit() -> None:
    spent: list[list[int]] = []
    taken: list[int] = []
    for now_us in range(0, 20 * SECOND_US, 37_003):
        after, wait_s = take(spent, SEARCH, 10, 1, now_us)
        if not wait_s:
            spent = after
            taken.append(now_us)
    assert all(len([t for t in taken if start <= t <= start + 2 * SECOND_US]) <= 10 for start in taken)
    # The price of counting in tenths: no more than a tenth of the throughput.
    assert len(taken) >= 0.88 * 20 / 2 * 10


def test_the_wait_is_as_long_as_it_must_be_and_no_longer() -> None:
    spent: list[list[int]] = []
    for _ in range(10):
        spent, _ = take(spent, SEARCH, 10, 1, 0)
    _, wait_s = take(spent, SEARCH, 10, 1, SECOND_US)
    assert wait_s == pytest.approx(1.2)
    assert take(spent, SEARCH, 10, 1, SECOND_US + round(wait_s * SECOND_US))[1] == 0.0
    assert take(spent, SEARCH, 10, 1, SECOND_US + round(wait_s * SECOND_US) - 1000)[1] > 0.0


def test_an_empty_day_waits_for_midnight_utc(house: ToyHouse) -> None:
    one = budget(house)
    one.observe(DAILY, 100, left=40)
    assert one.spend(DAILY, 40) == 0.0
    assert one.spend(DAILY, 1) == pytest.approx(12 * 3600)
    house.clock.advance(hours=12)
    assert one.spend(DAILY, 1) == 0.0
    left = one.left(DAILY)
    assert left is not None
    assert (left.left, left.most) == (99, 100)


def test_what_the_other_side_says_counts_what_others_spent(house: ToyHouse) -> None:
    one, other = budget(house), budget(house)
    one.observe(DAILY, 1_000, left=900)
    other.observe(DAILY, 1_000, left=30)
    assert one.spend(DAILY, 31) > 0
    # An answer that was overtaken says more is left than there is.
    other.observe(DAILY, 1_000, left=35)
    assert one.left(DAILY).left == 30  # type: ignore[union-attr]


def test_a_day_that_begins_elsewhere_at_another_hour_is_believed(house: ToyHouse) -> None:
    one = budget(house)
    one.observe(DAILY, 1_000, left=10)
    house.clock.advance(seconds=10)
    one.observe(DAILY, 1_000, left=990)
    assert one.left(DAILY).left == 990  # type: ignore[union-attr]


def test_a_large_day_is_taken_in_blocks_and_never_overspent(house: ToyHouse) -> None:
    one, other = budget(house), budget(house)
    one.observe(DAILY, 20_000, left=200)
    taken = 0
    while one.spend(DAILY, 5) == 0.0:
        taken += 5
        if other.spend(DAILY, 5) == 0.0:
            taken += 5
    assert 160 <= taken <= 200


def test_many_threads_never_take_more_than_there_is(house: ToyHouse) -> None:
    taken: list[float] = []

    def work() -> None:
        mine = budget(house)
        taken.extend(mine.spend(SEARCH, 1) for _ in range(8))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0.0) == 10


def test_a_backfill_leaves_its_share_to_what_just_happened(house: ToyHouse) -> None:
    assert house.connection.id is not None
    live = StoredMemory(house.assembly.database, house.clock, house.connection.id)
    backfill = SparingMemory(live)
    live.observe(DAILY, 100, left=100)
    assert [backfill.spend(DAILY, 20) for _ in range(4)] == [0.0] * 4
    assert backfill.spend(DAILY, 1) > 0
    assert live.spend(DAILY, 20) == 0.0


def test_a_removed_connection_takes_its_budget_along(house: ToyHouse) -> None:
    budget(house).observe(DAILY, 100, left=1)
    house.assembly.connections.remove("toys")
    assert budget(house).left(DAILY) is None
