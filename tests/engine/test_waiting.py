"""Who leaves word how to be answered is answered once: after the commit, or when it does not come in time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from automations.engine import intake as intake_module
from automations.engine.intake import LATER_BYTES_MAX, LATER_MAX
from automations.engine.waiting import ACCEPT_TIMEOUT_S, Accepted, Later, Outcome
from automations.errors import StorageUnavailableError
from tests.engine.conftest import HandClock, ToyHouse
from tests.engine.toy import arrival

PATIENCE_S = 10.0


class Held:
    """A database that is held up inside a commit, as by a disk that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.goes_on = threading.Event(), threading.Event()
        insert = intake_module.insert_events

        def held(*arguments: Any) -> Any:
            self.reached.set()
            assert self.goes_on.wait(PATIENCE_S)
            return insert(*arguments)

        monkeypatch.setattr(intake_module, "insert_events", held)


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.threads: list[str] = []
        self._came = threading.Event()

    def __call__(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.threads.append(threading.current_thread().name)
        self._came.set()

    def wait(self) -> Outcome:
        assert self._came.wait(PATIENCE_S)
        return self.outcomes[0]


def later(house: ToyHouse, *arrivals: Any) -> Told:
    told = Told()
    house.assembly.intake.accept_later(house.connection.id or 0, arrivals, told)
    return told


def test_nobody_is_told_before_the_commit(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    told = later(house, arrival(1), arrival(1))
    assert held.reached.wait(PATIENCE_S)
    assert told.outcomes == []
    held.goes_on.set()
    first, second = told.wait()  # type: ignore[misc]
    assert (first.duplicate, second.duplicate) == (False, True)


def test_who_fails_to_hear_keeps_nobody_else_from_hearing(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    first = later(house, arrival(1))
    assert held.reached.wait(PATIENCE_S)

    def deaf(_: Outcome) -> None:
        raise ConnectionError

    house.assembly.intake.accept_later(house.connection.id or 0, [arrival(2)], deaf)
    last = later(house, arrival(3))
    held.goes_on.set()
    assert isinstance(first.wait(), list)
    assert isinstance(last.wait(), list)


def test_while_many_wait_the_next_waits_in_its_thread(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    told = [later(house, arrival(n)) for n in range(LATER_MAX)]
    one_more = threading.Thread(target=lambda: told.append(later(house, arrival(LATER_MAX))))
    one_more.start()
    one_more.join(0.1)
    assert one_more.is_alive()
    held.goes_on.set()
    one_more.join(PATIENCE_S)
    assert len([one.wait() for one in told]) == LATER_MAX + 1


def test_what_is_large_waits_in_its_thread(house: ToyHouse) -> None:
    told = later(house, arrival(1, filler="x" * LATER_BYTES_MAX))
    assert told.threads == [threading.current_thread().name]
    assert isinstance(told.wait(), list)


def test_what_fails_while_its_thread_waits_is_told_as_everything_else(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise StorageUnavailableError("full")

    monkeypatch.setattr(intake_module, "insert_events", full)
    told = later(house, arrival(1, filler="x" * LATER_BYTES_MAX))
    assert isinstance(told.wait(), StorageUnavailableError)


def test_who_waits_too_long_is_told_so_and_nothing_more() -> None:
    clock = HandClock()
    waiting, told = Later(clock), Told()
    late = waiting.add(told)
    clock.advance(seconds=ACCEPT_TIMEOUT_S - 1)
    waiting.tell_late()
    assert (told.outcomes, len(waiting)) == ([], 1)
    clock.advance(seconds=1)
    waiting.tell_late()
    late([Accepted(1)])
    (only,) = told.outcomes
    assert isinstance(only, StorageUnavailableError)
    assert len(waiting) == 0


def test_late_ones_are_looked_for_until_the_end() -> None:
    clock = HandClock()
    waiting, told = Later(clock), Told()
    waiting.add(told)
    waiting.start()
    clock.advance(seconds=ACCEPT_TIMEOUT_S)
    assert isinstance(told.wait(), StorageUnavailableError)
    waiting.stop()


def test_what_cannot_be_handed_in_is_told_at_once_and_never_again(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = house.assembly.intake

    def no_thread() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(intake, "_ensure_committer", no_thread)
    told = later(house, arrival(1))
    assert isinstance(told.wait(), RuntimeError)
    house.clock.advance(seconds=ACCEPT_TIMEOUT_S + 1)
    intake._later.tell_late()
    assert len(told.outcomes) == 1


def test_one_that_starts_again_ends_the_watch_before_it() -> None:
    waiting = Later(HandClock())
    waiting.start()
    first = waiting._ended
    waiting.start()
    assert first.is_set()
    assert not waiting._ended.is_set()
    waiting.stop()
