"""Which processes are known to live, and who may come in."""

from __future__ import annotations

import time

import pytest
from sqlmodel import select

from automations.engine.presence import DEAD_S, FORGOTTEN, Me, Presence, Present, live
from automations.errors import SettingsError
from automations.model.process import Process
from automations.model.states import ProcessRole
from tests.engine.conftest import ToyHouse


def present(house: ToyHouse, place: str, role: ProcessRole = ProcessRole.WORKER, *keys: str) -> Presence:
    made = Presence(house.assembly.database, house.clock, Me(role, place, keys))
    made.enter()
    return made


def places(house: ToyHouse) -> list[str]:
    return [row.place for row in live(house.assembly.database, house.clock)]


def test_who_lives_is_known_with_its_machine_and_version(house: ToyHouse) -> None:
    present(house, "a/web/1", ProcessRole.WEB)
    present(house, "a/1/")
    (worker, web) = live(house.assembly.database, house.clock)
    assert (worker.role, web.role) == (ProcessRole.WORKER, ProcessRole.WEB)
    assert worker.pid == web.pid > 0
    assert worker.host
    assert worker.version == "0.1.0"


def test_who_beats_stays_and_who_does_not_is_not_shown(house: ToyHouse) -> None:
    beating, _ = present(house, "a/1/"), present(house, "a/2/")
    house.clock.advance(seconds=DEAD_S - 1)
    assert beating.beat()
    house.clock.advance(seconds=2)
    assert places(house) == ["a/1/"]


def test_who_comes_to_a_place_takes_it_over(house: ToyHouse) -> None:
    dead = present(house, "a/1/")
    present(house, "a/1/")
    assert places(house) == ["a/1/"]
    assert not dead.beat()


def test_who_leaves_is_gone_at_once(house: ToyHouse) -> None:
    present(house, "a/1/").leave()
    assert places(house) == []


def test_web_processes_that_died_long_ago_are_forgotten(house: ToyHouse) -> None:
    present(house, "old/web/1", ProcessRole.WEB)
    house.clock.advance(seconds=FORGOTTEN.total_seconds() + 1)
    present(house, "new/web/1", ProcessRole.WEB)
    with house.assembly.database.read() as session:
        assert list(session.exec(select(Process.place))) == ["new/web/1"]


def test_a_machine_with_other_keys_is_refused_while_the_others_live(house: ToyHouse) -> None:
    present(house, "a/1/", ProcessRole.WORKER, "key-1")
    with pytest.raises(SettingsError, match="other secret keys than the worker"):
        present(house, "b/1/", ProcessRole.WORKER, "key-2")
    house.clock.advance(seconds=DEAD_S + 1)
    present(house, "b/1/", ProcessRole.WORKER, "key-2")


def test_a_machine_that_knows_one_key_of_the_others_may_come(house: ToyHouse) -> None:
    present(house, "a/1/", ProcessRole.WORKER, "key-1")
    present(house, "b/1/", ProcessRole.WORKER, "key-2", "key-1")
    assert len(places(house)) == 2


def test_keys_may_be_replaced_in_a_folder_whose_processes_died_a_moment_ago(house: ToyHouse) -> None:
    present(house, "a/1/", ProcessRole.WORKER, "key-1")
    present(house, "a/web/1", ProcessRole.WEB, "key-2")
    assert len(places(house)) == 2


def test_a_web_process_keeps_its_row_by_a_thread_and_takes_it_along(house: ToyHouse) -> None:
    presence = Presence(house.assembly.database, house.clock, Me(ProcessRole.WEB, "a/web/1"))
    thread = Present(presence)
    thread.start()
    assert places(house) == ["a/web/1"]
    begun_s = time.monotonic()
    thread.stop()
    assert places(house) == []
    assert time.monotonic() - begun_s < 3
