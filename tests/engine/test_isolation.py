"""Isolation: a slow, dead or poisonous neighbour holds itself up and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from automations.engine.blame import DEATHS_MAX
from automations.errors import UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import TARGETS, ToyTarget, arrival

SLOW = 5


@pytest.fixture
def neighbours(house: ToyHouse) -> Iterator[dict[str, ToyTarget]]:
    """Give five targets that hang, one that is dead, one that is healthy, each with a connection and a recipe."""
    made: dict[str, ToyTarget] = {}
    for name in [*(f"slow{n}" for n in range(SLOW)), "dead", "healthy"]:
        made[name] = TARGETS[f"{id(house)}-{name}"] = ToyTarget()
        house.assembly.connections.save("toy", name, {"target": f"{id(house)}-{name}", "token": "s3cret"})
        house.recipe(name, [house.step(connection=name)], trigger={"fields": {"color": name}}, order="none")
    for n in range(SLOW):
        made[f"slow{n}"].gate = threading.Event()
    made["dead"].next_errors.extend(UnavailableError("nobody there") for _ in range(10_000))
    yield made
    for n in range(SLOW):
        gate = made[f"slow{n}"].gate
        assert gate is not None
        gate.set()
    house.crash()
    for name in made:
        del TARGETS[f"{id(house)}-{name}"]


def turn_until(house: ToyHouse, done: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if done():
            return
        if not house.runner.turn():
            house.runner._homecoming.wait(0.02)
    raise AssertionError("it never happened")


def test_the_healthy_one_is_done_while_the_others_hang(
    house: ToyHouse, neighbours: dict[str, ToyTarget]
) -> None:
    for n in range(40):
        for name in neighbours:
            if name != "healthy":
                house.send(arrival(n, len(name), color=name, name=name))
    turn_until(house, lambda: neighbours["dead"].calls.total() >= 10)
    house.send(*(arrival(n, 99, color="healthy") for n in range(100)))
    turn_until(house, lambda: len(neighbours["healthy"].done) == 100)
    assert all(not neighbours[f"slow{n}"].done for n in range(SLOW))
    assert neighbours["dead"].calls.total() < 40


def test_a_healthy_one_that_comes_last_waits_for_no_other(
    house: ToyHouse, neighbours: dict[str, ToyTarget]
) -> None:
    house.send(*(arrival(n, 7, color=f"slow{n % SLOW}") for n in range(400)))
    for n in range(20):
        house.send(arrival(n, 50 + n, color="healthy"))
        turn_until(house, lambda n=n: len(neighbours["healthy"].done) == n + 1)  # type: ignore[misc]
    assert all(not neighbours[f"slow{n}"].done for n in range(SLOW))


def test_a_record_that_kills_its_worker_three_times_is_parked_and_frees_its_lane(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1, 0, name="poison")
    house.thing(1, 1)
    for _ in range(DEATHS_MAX):
        house.runner._decider.decide_pending(100, lambda event, occurrence: None)
        (claim,) = house.runner.ledger.claim(house.connection.id or 0, 10)
        assert claim.event_id == 1
        house.crash()
        house.runner.ledger.recover("test/1")
    house.work()
    (parked,) = [line.run for line in house.assembly.history.runs(status="parked")]
    assert parked.reason_kind == "crash"
    assert "its worker died 3 times" in parked.reason
    assert house.target.texts() == ["1/1"]


def test_a_record_that_is_refused_parks_itself_and_the_next_of_its_lane_goes_on(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("hiccup")] * 30
    house.thing(1, 0)
    house.thing(1, 1)
    house.thing(2, 0)
    house.work()
    assert house.target.texts() == ["2/0"]
    for _ in range(12):
        house.clock.advance(hours=29)
        house.work()
    assert house.statuses()[0] == "parked"
    assert "1/1" in house.target.texts()
