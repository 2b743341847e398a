"""A database that is full, locked or away for a while costs time, never work."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from automations.engine import decider
from automations.errors import CredentialsError, StorageUnavailableError, UnavailableError
from automations.model import database as database_module
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def failing_once(action: Callable[..., Any], at: int = 1, *, after: bool = False) -> Callable[..., Any]:
    """Return the action, failing at its `at`-th call: before it did anything, or `after` it did everything."""
    calls = 0

    def act(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at and not after:
            raise StorageUnavailableError
        found = action(*arguments, **options)
        if calls == at:
            raise StorageUnavailableError
        return found

    return act


def work_on(house: ToyHouse, *, until: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Turn as `run_forever` does, over failures of the database, until something is so."""
    deadline_s = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < deadline_s, house.statuses()
        try:
            if not house.runner.turn():
                time.sleep(0.01)
        except StorageUnavailableError:
            continue


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_what_could_not_be_written_is_written_later(house: ToyHouse, at: int) -> None:
    house.recipe(steps=[house.step("a", name="a"), house.step("b", name="b")])
    house.thing(1)
    house.runner.ledger.apply = failing_once(house.runner.ledger.apply, at)  # type: ignore[method-assign]
    work_on(house, until=lambda: house.statuses() == ["succeeded"])
    assert house.target.texts() == ["a", "b"]
    attempts = [d.attempts for d in house.assembly.history.run(1).deliveries]
    assert [len(found) for found in attempts] == [1, 1]


def test_a_claim_whose_events_could_not_be_read_is_not_forgotten(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.runner._loader.load = failing_once(house.runner._loader.load)  # type: ignore[method-assign]
    work_on(house, until=lambda: house.statuses() == ["succeeded"])
    assert house.target.texts() == ["1/0"]


@pytest.mark.parametrize("with_its_verdict", [True, False])
def test_a_claim_whose_answer_was_lost_goes_on_when_its_lease_is_over(
    house: ToyHouse, with_its_verdict: bool
) -> None:
    house.recipe()
    house.send(arrival(1), arrival(2))
    ledger = house.runner.ledger
    if with_its_verdict:
        ledger.decide = failing_once(ledger.decide, after=True)  # type: ignore[method-assign]
    else:
        other = house.assembly.runner("w/2/other")
        other._decider.decide_pending(10, lambda *_: None)
        other.abandon()
        ledger.claim = failing_once(ledger.claim, after=True)  # type: ignore[method-assign]
    # The worker itself lives on and renews what it knows to be in its hands.
    for _ in range(12):
        try:
            house.runner.turn()
        except StorageUnavailableError:
            house.thing(3)
        ledger.recover()
        house.clock.advance(seconds=14)
    work_on(house, until=lambda: house.statuses() == ["succeeded"] * 3)
    assert sorted(house.target.texts()) == ["1/0", "2/0", "3/0"]


def test_a_pause_that_could_not_be_noted_keeps_the_work(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [CredentialsError("401")]
    connections = house.assembly.connections
    connections.pause = failing_once(connections.pause)  # type: ignore[method-assign]
    house.send(arrival(1), arrival(2))
    work_on(house, until=lambda: house.statuses() == ["succeeded"] * 2)
    assert sorted(house.target.texts()) == ["1/0", "2/0"]


def test_a_hold_that_could_not_be_noted_keeps_the_work(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("429", retry_after_s=1, whole_connection=True)]
    connections = house.assembly.connections
    connections.hold = failing_once(connections.hold)  # type: ignore[method-assign]
    house.send(arrival(1), arrival(2))
    work_on(house, until=lambda: house.statuses() == ["waiting", "succeeded"])
    house.clock.advance(seconds=2)
    work_on(house, until=lambda: house.statuses() == ["succeeded"] * 2)


def test_a_database_that_hiccups_while_deciding_parks_nothing(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.thing(1)
    monkeypatch.setattr(decider, "decide", failing_once(decider.decide))
    work_on(house, until=lambda: house.statuses() == ["succeeded"])


def test_a_database_that_hiccups_inside_a_call_costs_a_retry(house: ToyHouse) -> None:
    house.recipe()
    house.target.next_errors.append(StorageUnavailableError())  # type: ignore[arg-type]
    house.thing(1)
    house.work()
    assert house.statuses() == ["waiting"]
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["1/0"]


def test_a_worker_that_stops_while_the_database_is_away_writes_when_it_is_back(house: ToyHouse) -> None:
    house.recipe()
    house.target.gate = threading.Event()
    house.thing(1)
    house.runner.turn()
    house.runner.turn()
    house.runner.ledger.apply = failing_once(house.runner.ledger.apply)  # type: ignore[method-assign]
    house.target.gate.set()
    house.runner.drain(10.0)
    assert house.statuses() == ["succeeded"]
    assert house.target.texts() == ["1/0"]


def test_a_stopping_worker_starts_no_next_step_and_hands_the_run_back(house: ToyHouse) -> None:
    house.recipe(steps=[house.step(f"{n}", name=f"s{n}") for n in range(5)])
    house.target.gate = threading.Event()
    house.thing(1)
    house.runner.turn()
    house.runner.turn()
    house.target.gate.set()
    house.runner.drain(10.0)
    assert house.target.texts() == ["0"]
    assert house.statuses() == ["waiting"]
    house.crash()
    house.work()
    assert house.target.texts() == ["0", "1", "2", "3", "4"]


@pytest.fixture
def sqlite_house(house: ToyHouse) -> ToyHouse:
    if not house.assembly.database.on_sqlite:
        pytest.skip("a full disk and a lock are made with SQLite's own means")
    return house


def test_a_full_disk_refuses_what_it_cannot_keep_and_nothing_else_is_lost(sqlite_house: ToyHouse) -> None:
    house = sqlite_house
    engine = house.assembly.database.engine
    house.recipe()
    limit = {"pages": 0}

    @event.listens_for(engine, "checkout")
    def _limit(dbapi: Any, *_: Any) -> None:
        if limit["pages"]:
            dbapi.execute(f"PRAGMA max_page_count={limit['pages']}")

    with engine.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    limit["pages"] = used + 40
    accepted = 0
    with contextlib.suppress(StorageUnavailableError):
        while accepted < 100:
            house.send(arrival(accepted, 0, filler="x" * 8_000))
            accepted += 1
    assert 3 < accepted < 100
    # The worker meets the full disk too; it goes on where it stopped when there is room again.
    for _ in range(20):
        try:
            house.runner.turn()
        except StorageUnavailableError:
            continue
    limit["pages"] = 1_000_000
    work_on(house, until=lambda: len(house.target.done) >= accepted)
    house.work()
    assert sorted(house.target.texts()) == sorted(f"{n}/0" for n in range(accepted))
    assert house.statuses() == ["succeeded"] * accepted


def test_another_process_that_locks_the_database_only_delays(sqlite_house: ToyHouse) -> None:
    house = sqlite_house
    house.recipe()
    path = house.assembly.settings.resolved_database_url.removeprefix("sqlite:///")
    locked, let_go = threading.Event(), threading.Event()

    def lock() -> None:
        # The same library as ours: two of them in one process would not see each other's locks.
        other = database_module.sqlite_driver().connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        locked.set()
        let_go.wait(10)
        other.execute("COMMIT")
        other.close()

    thread = threading.Thread(target=lock)
    thread.start()
    assert locked.wait(5)
    threading.Timer(2.0, let_go.set).start()
    house.thing(1)
    assert let_go.is_set()
    house.work()
    thread.join()
    assert house.target.texts() == ["1/0"]


def test_a_lock_that_lasts_too_long_is_told_to_the_sender(
    sqlite_house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = sqlite_house
    house.recipe()
    short = tuple(
        ("busy_timeout", "50", 50) if p[0] == "busy_timeout" else p for p in database_module._PRAGMAS
    )
    monkeypatch.setattr(database_module, "_PRAGMAS", short)
    house.assembly.database.engine.dispose()
    path = house.assembly.settings.resolved_database_url.removeprefix("sqlite:///")
    other = database_module.sqlite_driver().connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageUnavailableError):
        house.thing(1)
    other.execute("COMMIT")
    other.close()
    # The refused one was not kept, so the sender's next try is the first.
    assert not house.thing(1).duplicate
    house.work()
    assert house.target.texts() == ["1/0"]
