"""What `automations doctor` says of processes."""

from __future__ import annotations

from automations.cli.process_findings import processes
from automations.engine.presence import Me, Presence
from automations.model.process import Process
from automations.model.states import ProcessRole
from tests.engine.conftest import ToyHouse, house

__all__ = ["house"]


def enter(house: ToyHouse, role: ProcessRole, place: str, *keys: str) -> None:
    Presence(house.assembly.database, house.clock, Me(role, place, keys)).enter()


def facts(house: ToyHouse) -> list[tuple[str, str]]:
    return [(finding.state, finding.fact) for finding in processes(house.assembly)]


def test_an_app_that_is_not_running_is_no_trouble_until_something_waits(house: ToyHouse) -> None:
    house.recipe()
    assert facts(house) == [("ok", "none runs just now")]
    house.thing(1)
    assert facts(house) == [("failed", "no worker runs, and 1 events wait")]


def test_who_runs_is_counted_over_all_machines(house: ToyHouse) -> None:
    keys = house.assembly.sealer.fingerprints
    enter(house, ProcessRole.WORKER, "a/1/", *keys)
    enter(house, ProcessRole.WORKER, "b/1/", *keys)
    enter(house, ProcessRole.WEB, "a/web/1", *keys)
    with house.assembly.database.write() as session:
        row = session.get_one(Process, 2)
        row.host = "another"
        session.add(row)
    assert facts(house) == [("ok", "2 workers and 1 web processes run on 2 machines")]


def test_another_version_and_other_keys_are_told(house: ToyHouse) -> None:
    enter(house, ProcessRole.WORKER, "a/1/", *house.assembly.sealer.fingerprints)
    enter(house, ProcessRole.WORKER, "a/2/", "0123456789ab")
    with house.assembly.database.write() as session:
        row = session.get_one(Process, 2)
        row.version = "0.0.9"
        session.add(row)
    told = facts(house)
    assert ("warning", "they are of different versions: 1 of 0.0.9, 1 of 0.1.0") in told
    assert any(
        state == "failed" and "has other secret keys than this machine" in fact for state, fact in told
    )
