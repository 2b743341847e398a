"""What a worker keeps in memory has a limit, however heavy the events are."""

from __future__ import annotations

import threading

import pytest

from automations.engine import decider, hands, taking
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decider, "BYTES_AT_ONCE", 20_000)
    monkeypatch.setattr(hands, "REMEMBERED_BYTES", 20_000)
    monkeypatch.setattr(taking, "BYTES_IN_HAND", 50_000)


def heavy(house: ToyHouse, count: int) -> None:
    for start in range(0, count, 50):
        house.send(*(arrival(n, filler="x" * 10_000) for n in range(start, min(count, start + 50))))


@pytest.mark.usefixtures("small_limits")
def test_heavy_events_are_worked_off_a_few_at_a_time(house: ToyHouse) -> None:
    house.recipe()
    house.target.gate = threading.Event()
    heavy(house, 120)
    for _ in range(150):
        house.runner.turn()
        assert house.runner._in_hand.bytes <= 60_000
        assert house.runner._loader._recent_bytes <= 20_000
    assert house.assembly.history.undecided() == 0
    assert 1 <= house.statuses().count("running") <= 6
    house.target.gate.set()
    house.runner.work_until_idle(60)
    assert len(set(house.target.texts())) == len(house.target.done) == 120


@pytest.mark.usefixtures("small_limits")
def test_heavy_and_light_events_of_one_record_keep_their_order(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(i, n, filler="x" * (30_000 if n % 3 else 1)) for n in range(9) for i in range(5)))
    house.runner.work_until_idle(60)
    for i in range(5):
        assert [t for t in house.target.texts() if t.startswith(f"{i}/")] == [f"{i}/{n}" for n in range(9)]


@pytest.mark.usefixtures("small_limits")
def test_an_event_that_is_heavier_than_the_limit_still_goes_through(house: ToyHouse) -> None:
    house.recipe()
    house.send(arrival(1, filler="x" * 200_000), arrival(2))
    house.work()
    assert sorted(house.target.texts()) == ["1/0", "2/0"]
