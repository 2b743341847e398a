"""Leases on a clock that jumps, lanes by the thousand, and claims of several workers."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from automations.engine.changes import Changes, DecidedEvent, NewRun, RunUpdate
from automations.errors import UnavailableError
from automations.model.states import RunStatus
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def hold_in_hand(house: ToyHouse) -> None:
    """Let the worker have one call in flight."""
    house.target.gate = threading.Event()
    house.runner.turn()
    house.runner.turn()


@pytest.mark.parametrize("hours", [1, -1, 26, -26])
def test_a_clock_that_jumps_takes_no_run_out_of_a_living_workers_hands(house: ToyHouse, hours: int) -> None:
    house.recipe()
    house.thing(1)
    hold_in_hand(house)
    other = house.assembly.runner("w/2/other")
    house.clock.jump(hours=hours)
    for _ in range(8):
        assert other.ledger.recover() == 0
        house.clock.advance(seconds=16)
        house.runner.turn()
    assert house.target.gate is not None
    house.target.gate.set()
    house.work()
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]
    other.abandon()


@pytest.mark.parametrize("hours", [0, 1, -1, -26])
def test_a_clock_that_jumps_keeps_no_dead_workers_run(house: ToyHouse, hours: int) -> None:
    house.recipe()
    house.thing(1)
    house.runner.turn()
    house.runner.ledger.claim(house.connection.id or 0, 10)
    house.crash()
    house.clock.jump(hours=hours)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    other.work_until_idle()
    assert house.target.texts() == ["1/0"]
    other.abandon()


def test_a_clock_that_went_back_freezes_no_queued_run(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.runner._decider.decide_pending(10, house.runner._loader.remember)
    house.clock.jump(hours=-1)
    house.crash()
    house.work()
    assert house.target.texts() == ["1/0"]


def test_a_clock_that_goes_back_while_a_worker_runs_freezes_no_queued_run(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1, 0), arrival(1, 1))
    house.runner._decider.decide_pending(10, house.runner._loader.remember)
    house.clock.jump(hours=-1)
    house.work()
    assert house.target.texts() == ["1/0", "1/1"]


def test_thousands_of_lanes_fit_in_one_transaction(house: ToyHouse) -> None:
    recipe_id = house.recipe()
    house.send(*(arrival(n) for n in range(500)))
    version_id = house.assembly.recipes.get("note").published.id  # type: ignore[union-attr]

    def run(event_id: int, part: int) -> NewRun:
        key = f"thing:{event_id}-{part}"
        return NewRun(
            # Only one run an event and recipe can be kept; the rest still wants its lane locked.
            recipe_id, version_id or 0, event_id, key, "", f"{recipe_id}:{key}", RunStatus.QUEUED
        )  # fmt: skip

    ledger = house.runner.ledger
    decided = [DecidedEvent(n, "", [], [run(n, part) for part in range(40)]) for n in range(1, 501)]
    ledger.decide(decided)
    assert house.assembly.history.undecided() == 0


def test_two_recipes_on_one_event_go_their_own_ways(house: ToyHouse) -> None:
    house.recipe("first", steps=[house.step("a {{ thing.n }}")])
    house.recipe("second", steps=[house.step("b {{ thing.n }}")])
    house.send(*(arrival(1, n) for n in range(4)))
    house.work()
    for letter in "ab":
        assert [t for t in house.target.texts() if t[0] == letter] == [f"{letter} {n}" for n in range(4)]
    assert len(house.assembly.history.why(1)) == 2


def test_an_event_decided_twice_at_once_has_one_run(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(50)))
    runners = [house.assembly.runner(f"w/{k}/x") for k in range(4)]
    barrier = threading.Barrier(4)

    def decide(k: int) -> None:
        barrier.wait(10)
        runners[k]._decider.decide_pending(100, lambda *_: None)

    threads = [threading.Thread(target=decide, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with house.assembly.database.connect_for_read() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM run")).scalar() == 50
    house.work()
    assert len(house.target.done) == 50
    for runner in runners:
        runner.abandon()


def test_two_workers_never_claim_one_run(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(200)))
    house.runner._decider.decide_pending(500, lambda *_: None)
    ledgers = [house.assembly.runner(f"w/{k}/x").ledger for k in range(4)]
    claimed: list[int] = []

    def claim(k: int) -> None:
        while found := ledgers[k].claim(house.connection.id or 0, 7):
            claimed.extend(one.run_id for one in found)

    threads = [threading.Thread(target=claim, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(1, 201))


def test_a_retry_is_not_put_off_by_a_clock_that_goes_back(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("retried", name="a")])
    house.recipe("waits", steps=[house.step("waited", name="b", wait="10m")])
    house.target.errors_for["retried"] = [UnavailableError("down")]
    house.thing(1)
    house.work()
    house.clock.jump(hours=-1)
    house.work()
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["retried"]
    house.clock.advance(hours=1, minutes=10)
    house.work()
    assert house.target.texts() == ["retried", "waited"]


def test_what_was_begun_under_an_old_claim_is_not_written_under_the_new_one(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.runner._decider.decide_pending(10, house.runner._loader.remember)
    ledger, connection_id = house.runner.ledger, house.connection.id or 0
    (old,) = ledger.claim(connection_id, 1)
    other = house.assembly.runner("w/2/other")
    other.ledger.recover()
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    (new,) = ledger.claim(connection_id, 1)
    for claim, loses in ((old, True), (new, False)):
        update = RunUpdate(claim, RunStatus.SUCCEEDED)
        lost, *_ = ledger.apply(Changes(updates=[update], held={claim.run_id: claim}))
        assert bool(lost) is loses
    assert house.statuses() == ["succeeded"]
    other.abandon()
