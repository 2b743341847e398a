"""Deciding beside the coordinating thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from automations.engine import deciding
from automations.engine.catalog import Catalog, new_generation
from automations.engine.decider import FEW
from automations.engine.deciding_turn import DecidingTurn
from automations.engine.runner import Runner
from automations.engine.stops import FUSE, Stops
from automations.errors import StorageUnavailableError
from automations.model.statements import PlainConnection, Rows
from tests.engine.conftest import ToyHouse
from tests.engine.test_lost_leases import until
from tests.engine.test_taken_with_verdicts import delivered_once
from tests.engine.toy import arrival

MANY = 5 * FEW


@contextmanager
def running(runner: Runner) -> Iterator[threading.Event]:
    """Let a worker live; it drains when the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        runner.nudge()
        thread.join(30)
    assert not thread.is_alive()


def in_four_parts(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a row wait of which so much is decided at once that it takes four times."""
    monkeypatch.setattr(deciding, "DECIDE_MAX", FEW)
    house.recipe()
    house.send(*(arrival(n) for n in range(4 * FEW)))


def beside(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the threads that decided, from now on."""
    threads: set[str] = set()
    real = house.runner._decider._decide

    def noted(*of: Any) -> int:
        threads.add(threading.current_thread().name)
        return real(*of)

    monkeypatch.setattr(house.runner._decider, "_decide", noted)
    return threads


def held_up(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let the other thread stop at its first verdict; return what tells of that, and what lets it go on."""
    reached, go_on = threading.Event(), threading.Event()
    real = house.runner._decider._verdict

    def slow(*of: Any) -> Any:
        if threading.current_thread().name.startswith("decide"):
            reached.set()
            assert go_on.wait(20)
        return real(*of)

    monkeypatch.setattr(house.runner._decider, "_verdict", slow)
    return reached, go_on


def all_over(house: ToyHouse, count: int) -> Callable[[], bool]:
    return lambda: len(house.target.done) >= count and house.statuses() == ["succeeded"] * count


def test_a_long_row_is_decided_beside_other_work(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "DECIDE_MAX", MANY)
    house.recipe()
    house.send(*(arrival(n // 2, n % 2) for n in range(8 * MANY)))
    threads = beside(house, monkeypatch)
    with running(house.runner):
        until(all_over(house, 8 * MANY))
    assert any(name.startswith("decide") for name in threads)
    by_record: dict[str, list[str]] = {}
    for text in house.target.texts():
        record, _, place = text.partition("/")
        by_record.setdefault(record, []).append(place)
    assert by_record == {str(n): ["0", "1"] for n in range(4 * MANY)}


def test_few_are_decided_by_the_thread_that_goes_on_with_them(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    threads = beside(house, monkeypatch)
    with running(house.runner):
        for n in range(3):
            house.thing(n)
            house.runner.nudge()
            until(all_over(house, n + 1))
    assert threads
    assert not any(name.startswith("decide") for name in threads)


def test_who_stops_while_it_decides_gives_back_what_that_took(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_four_parts(house, monkeypatch)
    reached, go_on = held_up(house, monkeypatch)
    with running(house.runner) as stop:
        assert reached.wait(20)
        stop.set()
        house.runner.nudge()
        go_on.set()
    assert house.runner._taking.run_ids == []
    assert "running" not in house.statuses()
    house.crash()
    house.work()
    delivered_once(house, 4 * FEW)


def test_a_database_that_is_away_for_the_other_thread_is_asked_again(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_four_parts(house, monkeypatch)
    real, failures = house.runner.ledger.decide, []

    def away_once(*of: Any) -> None:
        if not failures and threading.current_thread().name.startswith("decide"):
            failures.append(of)
            raise StorageUnavailableError("away")
        real(*of)

    monkeypatch.setattr(house.runner.ledger, "decide", away_once)
    with running(house.runner):
        until(all_over(house, 4 * FEW))
    assert failures
    delivered_once(house, 4 * FEW)


def test_who_is_refused_the_turn_decides_when_it_is_free(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    with running(house.runner):
        with DecidingTurn(house.assembly.database).taken():
            house.send(*(arrival(n) for n in range(MANY)))
            house.runner.nudge()
            until(lambda: house.runner._deciding.is_anothers)
            assert house.target.done == []
            # It would not look before its rest is over, so a wake-up is better heard by another.
            assert not house.runner.is_free()
        until(all_over(house, MANY))
        until(house.runner.is_free)
    delivered_once(house, MANY)


def begun_beside(house: ToyHouse, count: int) -> Runner:
    """Return a worker whose other thread has decided and taken so many, which nobody has taken over yet."""
    house.recipe()
    runner = house.runner
    runner.turn()
    runner._deciding.go_beside()
    runner._decider.finds_few = False
    house.send(*(arrival(n) for n in range(count)))
    runner._deciding.look(lambda: None)
    under_way = runner._deciding._under_way
    assert under_way is not None
    under_way.result(20)
    assert len(runner._deciding.run_ids) == count
    return runner


def look(runner: Runner) -> None:
    runner._homecoming.is_nudged = True
    runner.turn()


def test_what_the_other_thread_took_is_renewed_in_a_long_turn(house: ToyHouse) -> None:
    runner = begun_beside(house, 20)
    other = house.assembly.runner("w/2/other")
    taken_back = other.ledger.recover()
    for _ in range(130):
        house.clock.advance(seconds=0.6)
        runner._stay_alive()
        taken_back += other.ledger.recover()
    assert taken_back == 0
    house.work()
    delivered_once(house, 20)
    other.abandon()


@pytest.mark.parametrize("has_told", [True, False])
def test_nothing_leaves_for_longer_than_the_lease_that_the_other_thread_took(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, has_told: bool
) -> None:
    """Taken at 0 s, renewed at 40 s, opened at 41 s, and its worker stands still before its call until 62 s."""
    runner = begun_beside(house, 1)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=40)
    with monkeypatch.context() as patched:
        if not has_told:
            patched.setattr(type(runner._deciding), "run_ids", property(lambda _: []))
        runner._stay_alive()
    house.clock.advance(seconds=1)
    reached, go_on = threading.Event(), threading.Event()
    real = runner._departures._call

    def held(*of: Any) -> None:
        reached.set()
        assert go_on.wait(20)
        real(*of)

    monkeypatch.setattr(runner._departures, "_call", held)
    look(runner)
    assert reached.wait(20)
    # Its lease was renewed at 40 or 41 s, so nobody may have it yet, and it may leave.
    house.clock.advance(seconds=21)
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    go_on.set()
    until(lambda: not runner._homecoming.inbox.empty())
    assert house.target.texts() == []
    other.work_until_idle()
    house.work()
    delivered_once(house, 1)
    other.abandon()


@pytest.mark.parametrize("notices", [True, False])
def test_what_the_other_thread_took_and_lost_replaces_no_newer_claim(house: ToyHouse, notices: bool) -> None:
    runner = begun_beside(house, 1)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    if notices:
        runner._stay_alive()
    else:
        runner._departures.renewed(house.clock.monotonic_s())
    # The same turn goes on and claims it anew.
    house.target.gate = threading.Event()
    for hands, changes in runner._taking.take():
        for hand in hands:
            runner.move(hand, changes)
        runner._write(changes)
    assert runner._departures.in_flight == 1
    look(runner)
    house.target.gate.set()
    until(lambda: not runner._homecoming.inbox.empty())
    house.work()
    delivered_once(house, 1)
    assert house.runner._in_hand.run_ids == []
    other.abandon()


def test_what_came_while_the_other_thread_looked_in_vain_is_seen_at_once(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.engine.looking.IDLE_S", 600.0)
    house.recipe()
    runner = house.runner
    real, came = runner._decider.decide_pending, []

    def pending(*of: Any, **more: Any) -> int:
        decided = real(*of, **more)
        if not came and not decided and threading.current_thread().name.startswith("decide"):
            came.append(house.thing(999))
            runner.nudge()
        elif decided > FEW:
            # So that it looks once more, and in the other thread after so many.
            runner.nudge()
        return decided

    monkeypatch.setattr(runner._decider, "decide_pending", pending)
    house.send(*(arrival(n, topic="nobody.wants") for n in range(2 * FEW)))
    with running(runner):
        until(lambda: house.target.texts() == ["999/0"])
    assert came


def test_a_bug_while_deciding_keeps_nothing_from_being_given_back(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = begun_beside(house, 3)
    failed: Future[Any] = Future()
    failed.set_exception(KeyError("a bug"))
    monkeypatch.setattr(runner._deciding, "_under_way", failed)
    runner.drain(1.0)
    assert house.statuses() == ["queued"] * 3


def test_who_is_not_waited_for_takes_nothing_any_more(house: ToyHouse) -> None:
    house.recipe()
    house.runner.turn()
    house.send(*(arrival(n) for n in range(3)))
    room = house.runner._taking.room()
    house.runner._deciding._room = room
    house.runner._deciding.close()
    house.runner._decider.decide_pending(500, lambda *_: None, room=room)
    assert room.claims == []
    assert house.statuses() == ["queued"] * 3


def test_what_is_compiled_while_everything_is_forgotten_is_forgotten_too(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    version_id = house.assembly.recipes.get("note").published.id  # type: ignore[union-attr]
    assert version_id is not None
    catalog = Catalog(house.assembly.database, house.assembly.registry)
    catalog.refresh()
    reached, go_on = threading.Event(), threading.Event()
    real = catalog._made

    def slow(*of: Any) -> Any:
        made = real(*of)
        reached.set()
        assert go_on.wait(20)
        return made

    monkeypatch.setattr(catalog, "_made", slow)
    compiling = threading.Thread(target=catalog.version, args=(version_id,))
    compiling.start()
    assert reached.wait(20)
    with house.assembly.database.write() as session:
        new_generation(session)
    refreshing = threading.Thread(target=catalog.refresh)
    refreshing.start()
    refreshing.join(0.2)
    assert refreshing.is_alive()
    go_on.set()
    for thread in (compiling, refreshing):
        thread.join(20)
    assert catalog._compiled == {}


def test_a_few_events_ask_for_made_ones_and_fuses_only_where_there_are_any(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe_id = house.recipe()
    asked: set[str] = set()
    real = PlainConnection.exec_driver_sql

    def noted(self: PlainConnection, statement: str, parameters: Any = None) -> Rows:
        asked.update(word for word in ("made_event m JOIN", "recipe_id FROM stop") if word in statement)
        return real(self, statement, parameters)

    monkeypatch.setattr(PlainConnection, "exec_driver_sql", noted)
    house.thing(1)
    house.work()
    assert house.statuses() == ["succeeded"]
    assert asked == set()
    Stops(house.assembly.database, house.clock).tell(recipe_id, FUSE, "thing:1", "it went round and round")
    house.thing(2)
    house.work()
    assert asked == {"recipe_id FROM stop"}
    assert house.statuses() == ["succeeded", "queued"]
