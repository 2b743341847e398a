"""One worker decides at a time, and none is waited for long."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from automations.engine import deciding_turn
from automations.engine.decider import FEW
from automations.engine.deciding_turn import DecidingTurn
from automations.model.database import Database
from tests.engine.conftest import ToyHouse

pytestmark = pytest.mark.postgres


@pytest.fixture
def databases(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    both = Database(postgres_url), Database(postgres_url)
    yield both
    for one in both:
        one.close()


def test_it_is_one_workers_turn_until_its_block_ends(databases: tuple[Database, Database]) -> None:
    first, second = (DecidingTurn(database) for database in databases)
    with first.taken() as first_may:
        with second.taken() as second_may:
            assert (first_may, second_may) == (True, False)
        assert second.again_in_s < 1
        assert first.again_in_s == math.inf
    with second.taken() as second_may:
        assert second_may
    assert second.again_in_s == math.inf
    with first.taken() as first_may:
        assert first_may


def test_a_worker_that_stands_still_in_its_turn_is_not_waited_for_long(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (DecidingTurn(database) for database in databases)
    with first.taken(), second.taken() as second_may:
        assert not second_may
        monkeypatch.setattr(deciding_turn, "PATIENCE_S", 0.0)
        with second.taken() as second_may:
            assert second_may
    with DecidingTurn(databases[1]).taken() as third_may:
        assert third_may


def test_a_turn_that_failed_is_given_up(databases: tuple[Database, Database]) -> None:
    def fail() -> None:
        with DecidingTurn(databases[0]).taken():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with DecidingTurn(databases[1]).taken() as may:
        assert may


@pytest.mark.parametrize(("events", "decided"), [(FEW - 1, FEW - 1), (FEW, 0)])
def test_only_a_few_are_decided_while_it_is_anothers_turn(house: ToyHouse, events: int, decided: int) -> None:
    if house.assembly.database.on_sqlite:
        pytest.skip("workers wait for each other on SQLite anyway")
    house.recipe()
    for n in range(events):
        house.thing(n)
    with DecidingTurn(house.assembly.database).taken():
        assert house.runner._decider.decide_pending(500, house.runner._loader.remember) == decided
    house.runner._decider.decide_pending(500, house.runner._loader.remember)
    assert house.statuses() == ["queued"] * events
