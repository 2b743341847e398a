"""A worker that lost its leases, or nearly did: what it forgets, what it keeps, and whose time counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from automations.engine.stepping import Walk
from automations.errors import StorageUnavailableError
from automations.model import database as database_module
from tests.engine.conftest import ToyHouse, target_name
from tests.engine.toy import arrival


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert condition()


def look(house: ToyHouse) -> None:
    house.runner._looking.look_again()
    house.runner.turn()


def test_runs_that_were_lost_and_claimed_again_are_counted_once(house: ToyHouse) -> None:
    house.recipe()
    house.target.gate = threading.Event()
    house.send(*(arrival(n) for n in range(20)))
    look(house)
    look(house)
    runner, connection_id = house.runner, house.connection.id or 0
    assert runner._in_hand.count(connection_id) == 20
    assert runner.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert runner.ledger.recover() == 20
    look(house)
    look(house)
    assert runner._in_hand.count(connection_id) == len(runner._in_hand.run_ids) <= 20
    house.target.gate.set()
    for _ in range(5):
        house.work()
        house.clock.advance(minutes=5)
        runner.ledger.recover()
    assert (runner._in_hand.count(connection_id), runner._in_hand.run_ids, runner._in_hand.bytes) == (
        0,
        [],
        0,
    )
    assert runner._departures.in_flight == 0
    assert set(house.target.texts()) == {f"{n}/0" for n in range(20)}
    assert set(house.statuses()) == {"succeeded"}


def test_a_time_in_which_nobody_can_write_costs_nobody_a_lease(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not house.assembly.database.on_sqlite:
        pytest.skip("SQLite alone has one lock for all who write")
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 30)
    house.recipe(steps=[house.step(action="toy.shout")])
    house.thing(1)
    house.target.gate = threading.Event()
    house.runner.turn()
    house.runner.turn()
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    with house.assembly.database.bare() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        house.target.gate.set()
        until(lambda: len(house.target.done) == 1)
        for _ in range(5):
            house.clock.advance(seconds=15)
            with pytest.raises(StorageUnavailableError):
                other.ledger.recover()
        cursor.execute("ROLLBACK")
    # Whoever comes first: the worker has heard its answer, and had no way to say so.
    assert other.ledger.recover() == 0
    house.work()
    assert house.statuses() == ["succeeded"]
    assert house.target.texts() == ["1/0"]
    other.abandon()


def test_a_recipe_that_is_slow_to_render_costs_its_neighbours_no_lease(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    settings = {"target": target_name(house.target), "token": "s3cret-token-2"}
    neighbour = house.assembly.connections.save("toy", "neighbour", settings)
    step = {
        "name": "s",
        "action": "toy.shout",
        "connection": "neighbour",
        "fields": {"text": "shout {{ thing.id }}"},
    }
    trigger = {"key": "toy.thing_happened", "connection": "neighbour"}
    house.recipe("shouts", steps=[step], trigger=trigger)
    house.target.gate = threading.Event()
    house.assembly.intake.accept(neighbour.id or 0, [arrival(1)])
    look(house)
    look(house)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.send(*(arrival(n) for n in range(200)))
    taken_back: list[int] = []
    real = house.runner._next_move

    def slow(walk: Walk) -> Any:
        if walk.recipe.name != "shouts":
            house.clock.advance(seconds=0.6)
            if walk.run_id % 25 == 0:
                taken_back.append(other.ledger.recover())
        return real(walk)

    monkeypatch.setattr(house.runner, "_next_move", slow)
    look(house)
    assert len(taken_back) >= 4
    assert sum(taken_back) == 0
    house.target.gate.set()
    monkeypatch.undo()
    house.work()
    assert set(house.statuses()) == {"succeeded"}
    assert len(house.target.texts()) == len(set(house.target.texts())) == 201
    other.abandon()


def test_deciding_that_takes_long_costs_no_lease_either(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.target.gate = threading.Event()
    house.thing(0)
    look(house)
    look(house)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.send(*(arrival(n) for n in range(1, 201)))
    decider = house.runner._decider
    real = decider._verdict
    taken_back: list[int] = []

    def slow(*of: Any) -> Any:
        house.clock.advance(seconds=0.6)
        taken_back.append(other.ledger.recover() if len(taken_back) % 25 == 0 else 0)
        return real(*of)

    monkeypatch.setattr(decider, "_verdict", slow)
    look(house)
    assert len(taken_back) == 200
    assert sum(taken_back) == 0
    house.target.gate.set()
    monkeypatch.undo()
    house.work()
    assert len(house.target.texts()) == len(set(house.target.texts())) == 201
    other.abandon()
