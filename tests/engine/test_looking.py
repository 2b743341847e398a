"""When a worker asks the database for more: as often as needed, and not more often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from automations.engine import looking
from automations.engine.decider import FEW
from automations.engine.looking import Looking
from automations.errors import StorageUnavailableError
from tests.engine.conftest import ToyHouse, target_name
from tests.engine.test_deciding import held_up, running
from tests.engine.test_lost_leases import until
from tests.engine.toy import arrival


@pytest.fixture
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be found by a timer within a test."""
    for name in ("IDLE_S", "LOOK_EVERY_S", "AGAIN_S"):
        monkeypatch.setattr(looking, name, 600.0)


def after_a_vain_look() -> Looking:
    one = Looking()
    assert one.is_time(is_nudged=False, in_flight=0)
    one.looked(found=False, is_anothers=False, more_at_once=False, may_have_missed=False)
    return one


@pytest.mark.usefixtures("long_rests")
def test_nothing_is_asked_again_without_a_reason() -> None:
    one = after_a_vain_look()
    one.begin_turn()
    assert not one.is_time(is_nudged=False, in_flight=0)
    assert one.rest_s(0) > 500


@pytest.mark.usefixtures("long_rests")
def test_a_nudge_is_a_reason_and_so_is_what_may_be_due_once_calls_are_home() -> None:
    one = after_a_vain_look()
    assert one.is_time(is_nudged=True, in_flight=3)
    one.looked(found=True, is_anothers=False, more_at_once=False, may_have_missed=False)
    one.may_be_due = True
    assert not one.is_time(is_nudged=False, in_flight=1)
    assert one.is_time(is_nudged=False, in_flight=0)
    one.looked(found=False, is_anothers=False, more_at_once=False, may_have_missed=False)
    assert not one.is_time(is_nudged=False, in_flight=0)


@pytest.mark.usefixtures("long_rests")
def test_while_another_decides_a_nudge_hurries_nothing() -> None:
    one = after_a_vain_look()
    one.looked(found=False, is_anothers=True, more_at_once=False, may_have_missed=False)
    assert not one.is_time(is_nudged=True, in_flight=0)
    one.look_again()
    assert not one.is_time(is_nudged=True, in_flight=0)


@pytest.mark.usefixtures("long_rests")
def test_more_that_waits_is_taken_at_once() -> None:
    one = after_a_vain_look()
    one.looked(found=True, is_anothers=False, more_at_once=True, may_have_missed=False)
    assert one.rest_s(5) == 0
    assert one.is_time(is_nudged=False, in_flight=5)


def test_while_calls_are_in_flight_a_fruitful_look_is_repeated_soon_and_a_vain_one_when_they_come_home() -> (
    None
):
    one = after_a_vain_look()
    assert one.rest_s(5) == looking.IDLE_S
    one.looked(found=True, is_anothers=False, more_at_once=False, may_have_missed=False)
    assert one.rest_s(5) <= looking.LOOK_EVERY_S


def test_what_may_have_rung_in_vain_is_looked_for_soon() -> None:
    one = after_a_vain_look()
    one.looked(found=True, is_anothers=False, more_at_once=False, may_have_missed=True)
    assert one.rest_s(0) <= looking.LOOK_EVERY_S
    one.looked(found=False, is_anothers=False, more_at_once=False, may_have_missed=False)
    assert one.rest_s(0) == looking.IDLE_S


def test_what_comes_while_the_other_thread_decides_waits_for_no_timer(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "IDLE_S", 600.0)
    # Longer than a call takes, so that none in flight lets the worker look.
    monkeypatch.setattr(looking, "LOOK_EVERY_S", 0.5)
    reached, go_on = held_up(house, monkeypatch)
    house.recipe()
    house.send(*(arrival(n) for n in range(2 * FEW)))
    with running(house.runner):
        until(lambda: len(house.target.done) == 2 * FEW)
        house.send(*(arrival(n, 1) for n in range(2 * FEW)))
        house.runner.nudge()
        assert reached.wait(20)
        house.thing(1, 2)
        house.runner.nudge()
        until(lambda: not house.runner._homecoming.is_nudged and house.runner._homecoming.is_waiting)
        go_on.set()
        until(lambda: len(house.target.done) == 4 * FEW + 1)


@pytest.mark.usefixtures("long_rests")
def test_the_next_of_a_lane_goes_on_though_nobody_rings(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(1, n) for n in range(4)))
    house.send(*(arrival(2, n) for n in range(3)))
    with running(house.runner):
        until(lambda: len(house.target.done) == 7)
    assert [text for text in house.target.texts() if text[0] == "1"] == [f"1/{n}" for n in range(4)]


@pytest.mark.usefixtures("long_rests")
def test_what_found_no_room_is_taken_when_calls_come_home(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(400)))
    with running(house.runner):
        until(lambda: len(house.target.done) == 400)


@pytest.mark.usefixtures("long_rests")
def test_after_trouble_with_the_database_it_looks_at_once(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    real, failed = house.runner._deciding.look, threading.Event()

    def look(between: Callable[[], None]) -> int:
        if not failed.is_set():
            failed.set()
            raise StorageUnavailableError("away")
        return real(between)

    house.thing(1)
    monkeypatch.setattr(house.runner._deciding, "look", look)
    with running(house.runner):
        until(lambda: house.target.texts() == ["1/0"])
    assert failed.is_set()


@pytest.mark.usefixtures("long_rests")
def test_one_event_is_looked_for_twice_at_most(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.recipe()
    looks: list[float] = []
    real = house.runner._deciding.look

    def look(between: Callable[[], None]) -> int:
        looks.append(time.monotonic())
        return real(between)

    monkeypatch.setattr(house.runner._deciding, "look", look)
    with running(house.runner):
        until(lambda: bool(looks))
        time.sleep(0.2)
        looks.clear()
        house.thing(1)
        house.runner.nudge()
        until(lambda: house.statuses() == ["succeeded"])
        time.sleep(0.2)
    assert 1 <= len(looks) <= 2


class Part:
    """A workforce in which this worker has all the calls of some accounts, and others those of the rest."""

    def __init__(self, *mine: int) -> None:
        self._mine = mine

    def share(self, connection_id: int, limit: int) -> int:
        return limit if connection_id in self._mine else 0

    def keep_up(self, in_flight: Any) -> None:
        pass

    def leave(self) -> None:
        pass


@pytest.mark.usefixtures("long_rests")
def test_who_has_no_share_of_an_account_wakes_up_those_who_have(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    heir = house.runner
    without = house.assembly.runner("w/2/without", Part())  # type: ignore[arg-type]
    monkeypatch.setattr(without, "_ring", heir.nudge)
    monkeypatch.setattr("automations.engine.runner.HANDED_ON_S", 600.0)
    with running(heir), running(without):
        until(lambda: heir.is_free() and without.is_free())
        house.thing(1)
        without.nudge()
        until(lambda: house.target.texts() == ["1/0"])
        until(lambda: without._homecoming.is_waiting)
        # For a moment it leaves what is rung for to others, and then it takes part again.
        assert not without.is_free()
        monkeypatch.setattr("automations.engine.runner.HANDED_ON_S", 0.0)
        assert without.is_free()


@pytest.mark.usefixtures("long_rests")
def test_runs_that_go_from_one_workers_account_to_anothers_wait_for_no_timer(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"target": target_name(house.target), "token": "s3cret-token"}
    second = house.assembly.connections.save("toy", "toys-2", settings)
    house.recipe(
        steps=[house.step(), {**house.step("{{ thing.id }}"), "name": "then", "connection": "toys-2"}]
    )
    first = house.assembly.runner("m/1/a", Part(house.connection.id or 0))  # type: ignore[arg-type]
    other = house.assembly.runner("m/2/b", Part(second.id or 0))  # type: ignore[arg-type]
    rings: list[str] = []
    monkeypatch.setattr(first, "_ring", lambda: (rings.append("first"), other.nudge()))
    monkeypatch.setattr(other, "_ring", lambda: (rings.append("other"), first.nudge()))
    with running(first), running(other):
        until(lambda: first.is_free() and other.is_free())
        house.send(*(arrival(1, n) for n in range(5)))
        first.nudge()
        until(lambda: house.statuses() == ["succeeded"] * 5)
        time.sleep(0.2)
    # One a hand-over, to and fro, and then silence.
    assert len(rings) <= 12
