"""A wall clock that jumps by hours, as after a dead battery or a wrong time zone."""

from __future__ import annotations

import pytest

from tests.engine.toy import arrival
from tests.faults.conftest import FaultHouse


@pytest.mark.parametrize("hours", [-26, -3, 3, 26])
def test_a_clock_that_jumps_loses_no_retry_and_no_order(house: FaultHouse, hours: int) -> None:
    house.note()
    house.notebook.refuse_next(1)
    house.send(arrival(1, 0), arrival(1, 1), arrival(2, 0))
    house.work()
    assert house.statuses() == ["waiting", "queued", "succeeded"]
    house.clock.jump(hours=hours)
    house.work()
    house.later(seconds=13)
    assert house.statuses() == ["succeeded"] * 3
    assert [(note.deal, note.number) for note in house.notebook.notes] == [(2, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize("hours", [-26, 26])
def test_a_clock_that_jumps_while_nobody_worked_freezes_nothing(house: FaultHouse, hours: int) -> None:
    house.note()
    house.notebook.refuse_next(1)
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    house.crash()
    house.clock.jump(hours=hours)
    house.send(arrival(1, 2))
    house.work()
    house.later(seconds=13)
    assert house.statuses() == ["succeeded"] * 3
    assert [note.number for note in house.notebook.notes] == [0, 1, 2]


def test_a_429_that_was_told_before_the_clock_went_back_holds_no_longer_than_it_asked(
    house: FaultHouse,
) -> None:
    house.profile()
    house.clevertap.answer_next(429, retry_after_s=60)
    house.thing(1)
    house.work()
    house.clock.jump(hours=-5)
    for _ in range(8):
        house.later(seconds=20)
    assert house.statuses() == ["succeeded"]
