"""Several real workers against a target that counts: never more calls at once than the account allows."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from automations.engine import workforce as workforce_module
from automations.engine.presence import Me, Presence
from automations.engine.runner import Runner
from automations.engine.workforce import Workforce
from automations.model.states import ProcessRole
from tests.engine.conftest import ToyHouse
from tests.engine.toy import Post, ToyConnection, arrival


@dataclass
class Counting:
    """Stands where the target's gate stands, and takes down how many calls are inside together."""

    takes_s: float
    inside: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, timeout_s: float) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(self.takes_s)
        with self.lock:
            self.inside -= 1


class Machine:
    """One worker in a thread of its own, with a workforce as `automations worker` makes it."""

    def __init__(self, house: ToyHouse, name: str) -> None:
        database, clock = house.assembly.database, house.clock
        presence = Presence(database, clock, Me(ProcessRole.WORKER, f"{name}/1/"))
        self.workforce = Workforce(database, clock, presence)
        self.runner: Runner = house.assembly.runner(f"{name}/1/x", self.workforce)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.runner.run_forever, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.runner.nudge()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workforce_module, "LOOK_S", 0.2)
    monkeypatch.setattr(workforce_module, "LOOK_SOON_S", 0.05)


def wait_for(condition: Any, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert condition()


def furnish(house: ToyHouse, action: str, takes_s: float) -> Counting:
    house.recipe(steps=[house.step(action=action)])
    counting = Counting(takes_s)
    house.target.gate = counting  # type: ignore[assignment]
    return counting


@pytest.mark.parametrize(
    ("action", "takes_s", "limit"),
    [
        ("toy.write_down", 0.02, ToyConnection.concurrent_calls),
        ("toy.post", 0.002, Post.batch.concurrent_calls),
    ],
)
def test_four_workers_that_come_and_go_keep_the_limit_and_lose_nothing(
    house: ToyHouse, action: str, takes_s: float, limit: int
) -> None:
    counting = furnish(house, action, takes_s)
    total = 1_200
    machines = [Machine(house, "m1")]
    house.send(*(arrival(i) for i in range(total // 2)))
    wait_for(lambda: len(house.target.done) >= 20)
    machines += [Machine(house, name) for name in ("m2", "m3", "m4")]
    house.send(*(arrival(i) for i in range(total // 2, total)))
    wait_for(lambda: len(house.target.done) >= total // 2)
    machines.pop(1).stop()
    try:
        wait_for(lambda: len(house.target.done) >= total)
    finally:
        for machine in machines:
            machine.stop()
    assert counting.most <= limit
    assert sorted(house.target.texts()) == sorted(f"{i}/0" for i in range(total))


def test_workers_together_use_the_whole_limit(house: ToyHouse) -> None:
    counting = furnish(house, "toy.write_down", 0.02)
    machines = [Machine(house, name) for name in ("m1", "m2", "m3", "m4")]
    try:
        wait_for(lambda: sum(machine.workforce.share(1, 8) for machine in machines) == 8)
        house.send(*(arrival(i) for i in range(400)))
        for machine in machines:
            machine.runner.nudge()
        wait_for(lambda: len(house.target.done) >= 400)
    finally:
        for machine in machines:
            machine.stop()
    assert counting.most == 8


def test_an_account_that_allows_one_call_is_worked_for_by_one_of_many(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyConnection, "concurrent_calls", 1)
    counting = furnish(house, "toy.write_down", 0.005)
    machines = [Machine(house, name) for name in ("m1", "m2", "m3")]
    try:
        house.send(*(arrival(i) for i in range(100)))
        for machine in machines:
            machine.runner.nudge()
        wait_for(lambda: len(house.target.done) >= 100)
    finally:
        for machine in machines:
            machine.stop()
    assert counting.most == 1
