"""The limit of an account over all workers: never above it, quickly used to the full."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.clock import Clock
from automations.engine.presence import DEAD_S, Me, Presence
from automations.engine.workforce import FENCE_S, Workforce, share
from automations.model.database import Database
from automations.model.states import ProcessRole
from tests.engine.conftest import HandClock, ToyHouse

TOYS = 7


class Worker:
    """A worker that only counts: `begin` starts as many calls as it may, `end` brings some home."""

    def __init__(self, database: Database, clock: Clock, place: str) -> None:
        presence = Presence(database, clock, Me(ProcessRole.WORKER, place))
        self.workforce = Workforce(database, clock, presence)
        self.calls: dict[int, int] = {}

    def turn(self, limit: int, connections: tuple[int, ...] = (TOYS,)) -> None:
        self.workforce.keep_up({c: (calls, limit) for c, calls in self.calls.items() if calls})
        for connection_id in connections:
            allowed = self.workforce.share(connection_id, limit)
            self.calls[connection_id] = max(self.calls.get(connection_id, 0), allowed)

    def end(self, connection_id: int = TOYS, left: int = 0) -> None:
        self.calls[connection_id] = left


class StillClock(HandClock):
    """Moves only when told, so that a test decides what was when."""

    def monotonic_s(self) -> float:
        return self._passed_s


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


Join = Callable[[str], Worker]


@pytest.fixture
def join(house: ToyHouse, clock: StillClock) -> Join:
    """Make workers by their place; there is no more to a machine of its own here."""
    return lambda place: Worker(house.assembly.database, clock, place)


def settle(clock: StillClock, workers: list[Worker], limit: int, rounds: int = 3) -> None:
    for _ in range(rounds):
        clock.advance(seconds=1)
        for worker in workers:
            worker.turn(limit)


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 12))
def test_the_parts_make_the_whole_and_none_grows_by_company(
    limit: int, connection_id: int, count: int
) -> None:
    workers = list(range(1, count + 1))
    parts = {worker: share(limit, connection_id, worker, workers) for worker in workers}
    assert sum(parts.values()) == limit
    assert max(parts.values()) - min(parts.values()) <= 1
    for worker in workers:
        assert share(limit, connection_id, worker, [*workers, 99]) <= parts[worker]


def test_accounts_that_allow_one_call_are_spread_over_the_workers() -> None:
    holders = [next(w for w in (1, 2, 3, 4) if share(1, c, w, (1, 2, 3, 4))) for c in range(1, 101)]
    assert all(holders.count(worker) >= 10 for worker in (1, 2, 3, 4))


def test_a_worker_alone_has_it_all_at_once(join: Join) -> None:
    worker = join("a/1/")
    worker.turn(8)
    assert worker.calls[TOYS] == 8


def test_four_workers_share_within_seconds_and_a_leaver_gives_back(join: Join, clock: StillClock) -> None:
    workers = [join(f"{name}/1/") for name in "abcd"]
    for worker in workers:
        worker.turn(10)
    for worker in workers:
        worker.end()
    settle(clock, workers, 10)
    assert sorted(worker.calls[TOYS] for worker in workers) == [2, 2, 3, 3]
    gone = workers.pop()
    gone.end()
    gone.workforce.leave()
    settle(clock, workers, 10, rounds=1)
    assert sum(worker.calls[TOYS] for worker in workers) == 10


def test_a_newcomer_waits_until_calls_have_come_home(join: Join, clock: StillClock) -> None:
    old, new = join("a/1/"), join("b/1/")
    old.turn(8)
    settle(clock, [new, old], 8)
    assert (old.calls[TOYS], new.calls[TOYS]) == (8, 0)
    old.end(left=4)
    settle(clock, [old, new], 8, rounds=2)
    assert (old.calls[TOYS], new.calls[TOYS]) == (4, 4)


def test_a_connection_whose_calls_hang_holds_a_newcomer_back_there_alone(
    join: Join, clock: StillClock
) -> None:
    old, new = join("a/1/"), join("b/1/")
    hanging, quick = 1, 2
    old.turn(8, (hanging, quick))
    old.end(quick)
    for _ in range(3):
        clock.advance(seconds=1)
        for worker in (new, old):
            worker.turn(8, (hanging, quick))
    assert (new.calls[hanging], new.calls[quick]) == (0, 4)
    old.end(hanging, left=4)
    for _ in range(2):
        clock.advance(seconds=1)
        for worker in (old, new):
            worker.turn(8, (hanging, quick))
    assert new.calls[hanging] == 4


def test_a_dead_worker_loses_its_share_when_its_beats_stand_still(join: Join, clock: StillClock) -> None:
    dead, heir = join("a/1/"), join("b/1/")
    for _ in range(3):
        clock.advance(seconds=1)
        for worker in (dead, heir):
            worker.turn(8)
            worker.end()
    settle(clock, [heir], 8, rounds=int(DEAD_S) - 3)
    assert heir.calls[TOYS] == 4
    settle(clock, [heir], 8, rounds=4)
    assert heir.calls[TOYS] == 8


def test_a_worker_that_stood_still_calls_nobody_and_comes_back_as_a_newcomer(
    join: Join, clock: StillClock
) -> None:
    sleeper, heir = join("a/1/"), join("b/1/")
    settle(clock, [sleeper, heir], 8)
    sleeper.end()
    heir.end()
    settle(clock, [heir], 8, rounds=int(FENCE_S) + 1)
    assert sleeper.workforce.share(TOYS, 8) == 0
    settle(clock, [heir], 8, rounds=int(DEAD_S))
    assert heir.calls[TOYS] == 8
    sleeper.turn(8)
    assert sleeper.calls[TOYS] == 0
    heir.end()
    settle(clock, [sleeper, heir], 8)
    assert (sleeper.calls[TOYS], heir.calls[TOYS]) == (4, 4)


def test_a_worker_started_anew_at_the_same_place_waits_for_nobody_dead(join: Join, clock: StillClock) -> None:
    join("a/1/").turn(8)
    again = join("a/1/")
    again.turn(8)
    assert again.calls[TOYS] == 8


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_never_exceeds_the_limit_whoever_comes_goes_and_stalls(
    join: Join, clock: StillClock, seed: int
) -> None:
    chance = random.Random(seed)
    limit = chance.choice([1, 3, 5, 8, 10])
    workers = [join("m0/1/")]
    made = 1
    full = 0
    for _ in range(250):
        clock.advance(seconds=chance.choice([0.05, 0.3, 1.0]))
        what = chance.random()
        if what < 0.04 and len(workers) < 6:
            workers.append(join(f"m{made}/1/"))
            made += 1
        elif what < 0.06 and len(workers) > 1:
            gone = workers.pop(chance.randrange(len(workers)))
            gone.end()
            gone.workforce.leave()
        elif what < 0.07 and len(workers) > 1:
            # Killed: its calls end with it, its row stays.
            workers.pop(chance.randrange(len(workers)))
        for worker in chance.sample(workers, chance.randint(1, len(workers))):
            worker.turn(limit)
            calls = sum(one.calls.get(TOYS, 0) for one in workers)
            assert calls <= limit
            full += calls == limit
        for worker in workers:
            if worker.calls.get(TOYS) and chance.random() < 0.4:
                worker.end(left=chance.randrange(worker.calls[TOYS]))
    assert full > 0
