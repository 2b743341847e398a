"""Periodic work is done by one at a time."""

from __future__ import annotations

from datetime import timedelta

from automations.engine.chores import Chore, Chores
from automations.errors import UnavailableError
from tests.engine.conftest import ToyHouse


def test_a_chore_is_done_once_however_many_are_reminded(house: ToyHouse) -> None:
    done: list[str] = []
    chores = [Chore("sweep", timedelta(minutes=15), lambda: done.append("sweep"))]
    workers = [Chores(house.assembly.database, house.clock, chores) for _ in range(3)]
    assert [worker.run_due() for worker in workers] == [["sweep"], [], []]
    house.clock.advance(minutes=14)
    assert workers[1].run_due() == []
    house.clock.advance(minutes=2)
    assert workers[2].run_due() == ["sweep"]
    assert done == ["sweep", "sweep"]


def test_a_chore_that_fails_stops_no_other(house: ToyHouse) -> None:
    done: list[str] = []

    def fails() -> None:
        raise UnavailableError("down")

    def breaks() -> None:
        raise KeyError("bug")

    every = timedelta(minutes=1)
    chores = [
        Chore("a", every, fails),
        Chore("b", every, breaks),
        Chore("c", every, lambda: done.append("c")),
    ]
    assert Chores(house.assembly.database, house.clock, chores).run_due() == ["c"]
    assert done == ["c"]
