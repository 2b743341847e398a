"""Several workers on one database: order within a record, nothing twice, slow targets alone."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from automations.engine.changes import Changes, DecidedEvent, NewRun, RunUpdate
from automations.engine.ledger import Ledger
from automations.errors import StorageUnavailableError, UnavailableError
from automations.model.states import RunStatus
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def run_all(house: ToyHouse, owners: list[str], until: int, timeout_s: float = 60.0) -> None:
    """Run one worker an owner, in threads, until the target has `until` texts; the clock runs fast."""
    stop = threading.Event()
    runners = [house.assembly.runner(owner) for owner in owners]
    threads = [threading.Thread(target=runner.run_forever, args=(stop,)) for runner in runners]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + timeout_s
    while len(set(house.target.texts())) < until and time.monotonic() < deadline_s:
        house.clock.advance(seconds=2)  # slow enough that a turn on a busy machine is no lost lease
        for runner in runners:
            runner.nudge()
        time.sleep(0.02)
    stop.set()
    for runner, thread in zip(runners, threads, strict=True):
        runner.nudge()
        thread.join(timeout=20)


def test_order_holds_with_three_workers_and_random_failures(house: ToyHouse) -> None:
    house.recipe()
    chance = random.Random(7)
    records, changes = 20, 12
    for i in range(records):
        for n in range(changes):
            if chance.random() < 0.15:
                house.target.errors_for[f"{i}/{n}"] = [UnavailableError("down")] * chance.randint(1, 2)
    for n in range(changes):
        house.send(*(arrival(i, n) for i in range(records)))
    run_all(house, ["w/1/a", "w/2/b", "w/3/c"], records * changes)
    texts = house.target.texts()
    assert len(texts) == len(set(texts)) == records * changes
    for i in range(records):
        assert [t for t in texts if t.startswith(f"{i}/")] == [f"{i}/{n}" for n in range(changes)]


def test_events_decided_while_others_run_keep_their_order(house: ToyHouse) -> None:
    house.recipe()
    stop = threading.Event()
    runners = [house.assembly.runner(f"w/{k}/x") for k in range(2)]
    threads = [threading.Thread(target=runner.run_forever, args=(stop,)) for runner in runners]
    for thread in threads:
        thread.start()
    for n in range(40):
        house.send(*(arrival(i, n) for i in range(4)))
        for runner in runners:
            runner.nudge()
    deadline_s = time.monotonic() + 40
    while len(house.target.done) < 160 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    stop.set()
    for runner, thread in zip(runners, threads, strict=True):
        runner.nudge()
        thread.join(timeout=20)
    texts = house.target.texts()
    assert len(texts) == 160
    for i in range(4):
        assert [t for t in texts if t.startswith(f"{i}/")] == [f"{i}/{n}" for n in range(40)]


def test_a_worker_that_lost_its_lease_writes_nothing(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    sleeper = house.assembly.runner("w/1/sleeper")
    house.target.gate = threading.Event()
    sleeper.turn()
    sleeper.turn()
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    house.target.gate.set()
    # The sleeper's call did get through; its successor finds that out and does not repeat it.
    deadline_s = time.monotonic() + 10
    while not house.target.done and time.monotonic() < deadline_s:
        time.sleep(0.01)
    other.work_until_idle()
    sleeper.work_until_idle()
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]
    detail = house.assembly.history.run(1)
    assert len(detail.deliveries[0].attempts) == 1
    sleeper.abandon()
    other.abandon()


def test_a_worker_that_slept_sends_nothing_that_had_not_left(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    sleeper = house.assembly.runner("w/1/sleeper")
    # Stopped between the opening of the delivery and the call: the calling thread comes to it an hour later.
    late: list[tuple[Any, ...]] = []
    sleeper._departures._calls.submit = lambda *call: late.append(call)  # type: ignore[assignment, misc]
    sleeper.turn()
    sleeper.turn()
    assert len(late) == 1
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    other.work_until_idle()
    assert house.target.texts() == ["1/0"]
    (call, *arguments), *_ = late
    call(*arguments)
    sleeper.turn()
    # Awake for a while, it has renewed what it still has; the one it lost stays lost.
    call(*arguments)
    sleeper.turn()
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]
    sleeper.abandon()
    other.abandon()


def test_two_workers_that_decide_the_same_never_wait_for_each_other(house: ToyHouse) -> None:
    """One comes upon a held run and asks for more between its statements, the other writes all at once."""
    recipe_id, parts = house.recipe(), 25
    house.send(*(arrival(n, 0) for n in range(parts * 6)))
    with house.assembly.database.read_plain() as connection:
        events = connection.exec_driver_sql("SELECT id, record_key FROM event ORDER BY id").all()
        version_id = connection.exec_driver_sql("SELECT id FROM recipe_version").scalar()
    both, failed = threading.Barrier(2), []

    def decided(event_id: int, record: str, *, held: bool) -> DecidedEvent:
        kind, place = ("held" if held else ""), house.connection.id or 0
        lane = f"{recipe_id}:{record}"
        run = NewRun(recipe_id, version_id, event_id, record, "", lane, RunStatus.QUEUED, "", kind, place)
        return DecidedEvent(event_id, "", [], [run])

    def decide(ledger: Ledger, count: int) -> None:
        for start in range(0, len(events), 6):
            part = events[start : start + count]
            both.wait(timeout=30)
            try:
                ledger.decide([decided(*event, held=place == 5) for place, event in enumerate(part)])
            except StorageUnavailableError as error:
                failed.append(error)

    ledgers = [Ledger(house.assembly.database, house.clock, owner) for owner in "ab"]
    threads = [
        threading.Thread(target=decide, args=(ledger, count))
        for ledger, count in zip(ledgers, (6, 5), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failed
    assert house.assembly.history.undecided() == 0
    assert len(house.statuses()) == parts * 6


@pytest.mark.postgres
@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_renewing_never_waits_for_what_settles_and_is_waited_for(house: ToyHouse) -> None:
    """The rows lie in another order than their ids, and somebody holds the second of three."""
    recipe_id, place = house.recipe(), house.connection.id or 0
    house.send(*(arrival(n) for n in range(3)))
    database, ledger = house.assembly.database, Ledger(house.assembly.database, house.clock, "a")
    with database.read_plain() as connection:
        events = connection.exec_driver_sql("SELECT id, record_key FROM event ORDER BY id").all()
        version_id = connection.exec_driver_sql("SELECT id FROM recipe_version").scalar()
    runs = [
        NewRun(
            recipe_id,
            version_id,
            event_id,
            record,
            "",
            f"{recipe_id}:{record}",
            RunStatus.QUEUED,
            "",
            "",
            place,
        )
        for event_id, record in events
    ]
    ledger.decide([DecidedEvent(run.event_id, "", [], [run]) for run in runs])
    claims = ledger.claim(place, 3)
    first, second, third = (claim.run_id for claim in claims)
    for run_id in (third, second, first):
        with database.connect_for_write() as connection:
            connection.exec_driver_sql("UPDATE run SET record_key='other' WHERE id=%s", (run_id,))
    settled = Changes()
    for claim in (claims[0], claims[2]):
        settled.held[claim.run_id] = claim
        settled.updates.append(RunUpdate(claim, RunStatus.SUCCEEDED))
    with ThreadPoolExecutor() as pool:
        with database.connect_for_write() as connection:
            connection.exec_driver_sql("SELECT 1 FROM run WHERE id=%s FOR UPDATE", (second,))
            renewing = pool.submit(ledger.renew, [first, second, third])
            wait_until_blocked(house, 1)
            settling = pool.submit(ledger.apply, settled)
            wait_until_blocked(house, 2)
        assert renewing.result(timeout=30) == set()
        assert settling.result(timeout=30).lost == set()


def wait_until_blocked(house: ToyHouse, sessions: int) -> None:
    """Wait until so many sessions of this database wait for a lock of another."""
    ends_s, waiting = time.monotonic() + 10, 0
    while waiting < sessions:
        assert time.monotonic() < ends_s
        with house.assembly.database.read_plain() as connection:
            waiting = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname=current_database() AND cardinality(pg_blocking_pids(pid))>0"
            ).scalar()
