"""One worker decides at a time, and none is waited for long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.engine import deciding_turn, looking
from automations.engine.decider import FEW
from automations.engine.deciding_turn import DecidingTurn
from automations.model.database import Database
from tests.engine.conftest import ToyHouse


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'automations.db'}" if on_sqlite else request.getfixturevalue("postgres_url")
    both = Database(url), Database(url)
    yield both
    for one in both:
        one.close()


def test_it_is_one_workers_turn_until_its_block_ends(databases: tuple[Database, Database]) -> None:
    first, second = (DecidingTurn(database) for database in databases)
    with first.taken() as first_may:
        with second.taken() as second_may:
            assert (first_may, second_may) == (True, False)
        assert second.is_anothers
        assert not first.is_anothers
    with second.taken() as second_may:
        assert second_may
    assert not second.is_anothers
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
    house.recipe()
    for n in range(events):
        house.thing(n)
    with DecidingTurn(house.assembly.database).taken():
        assert house.runner._decider.decide_pending(500, house.runner._loader.remember) == decided
    house.runner._decider.decide_pending(500, house.runner._loader.remember)
    assert house.statuses() == ["queued"] * events


def test_a_file_that_cannot_be_locked_keeps_nobody_from_deciding(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'automations.db'}")
    (tmp_path / "automations.db-deciding").mkdir()
    with DecidingTurn(database).taken() as first_may, DecidingTurn(database).taken() as second_may:
        assert first_may
        assert second_may
    database.close()


def test_who_is_refused_looks_again_in_a_moment_and_nudges_do_not_hurry_it(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    for n in range(FEW):
        house.thing(n)
    other = DecidingTurn(house.assembly.database)
    monkeypatch.setattr(looking, "AGAIN_S", 600.0)
    with other.taken():
        house.runner.turn()
        assert house.runner._decider.is_anothers_turn
        house.runner.nudge()
        house.runner._absorb()
        assert not house.runner._looking.is_time(is_nudged=True, in_flight=0)
    assert house.statuses() == []
    assert not house.runner.turn()
    house.runner._looking._looked_s -= 600.0
    house.work()
    assert house.statuses() == ["succeeded"] * FEW
    assert not house.runner._decider.is_anothers_turn
