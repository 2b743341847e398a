"""Batches fill up while more is coming, and two calls in flight are never about the same."""

from __future__ import annotations

import threading
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import pytest

from automations.engine.gathering import LINGER_S, Gathering, Row, Subjects, picked
from tests.engine.conftest import HandClock, ToyHouse
from tests.engine.toy import arrival

BAG = SimpleNamespace(max_records=3)


def send(name: str, subject: str = "", batch: Any = BAG, *, in_doubt: bool = False) -> Any:
    step = SimpleNamespace(action=SimpleNamespace(batch=batch))
    return name, SimpleNamespace(step=step, subject=subject, in_doubt=in_doubt)


def row(*sends: Any) -> Row:
    return cast("Row", deque(sends))


def names(group: Any) -> list[str]:
    return [name for name, _ in group]


def test_a_batch_takes_what_fits_and_leaves_the_rest_in_order() -> None:
    waiting = row(*(send(name) for name in "abcde"))
    assert names(picked(waiting, ())) == ["a", "b", "c"]
    assert names(waiting) == ["d", "e"]


def test_what_is_about_a_call_in_flight_stays_with_all_that_follows_it() -> None:
    waiting = row(send("a", "Ines"), send("b", "Bo"), send("c", "Ines"), send("d", "Ana"))
    assert names(picked(waiting, {"Ines"})) == ["b", "d"]
    assert names(waiting) == ["a", "c"]


def test_nobody_overtakes_what_is_about_the_same_and_cannot_travel_along() -> None:
    waiting = row(send("a"), send("delete", "Ines", batch=None), send("update", "Ines"), send("b"))
    assert names(picked(waiting, ())) == ["a", "b"]
    assert names(picked(waiting, ())) == ["delete"]
    assert names(picked(waiting, {"Ines"})) == []
    assert names(waiting) == ["update"]


def test_one_call_may_hold_the_same_subject_several_times() -> None:
    assert names(picked(row(send("a", "Ines"), send("b", "Ines")), ())) == ["a", "b"]


def test_what_is_in_doubt_travels_alone() -> None:
    waiting = row(send("a"), send("b", in_doubt=True), send("c"))
    assert names(picked(waiting, ())) == ["a", "c"]
    assert names(picked(waiting, ())) == ["b"]


def test_subjects_are_free_again_when_their_call_is_home() -> None:
    subjects = Subjects()
    group = cast("Any", [send("a", "Ines"), send("b"), send("c", "Bo")])
    subjects.leave(7, group)
    assert set(subjects.busy(7)) == {"Ines", "Bo"}
    assert not subjects.busy(8)
    subjects.home(7, group)
    assert not subjects.busy(7)


@pytest.fixture
def clock() -> Any:
    clock = HandClock()
    clock.monotonic_s = lambda: clock.at.timestamp()  # type: ignore[method-assign]
    return clock


def test_one_event_alone_leaves_at_once(clock: Any) -> None:
    gathering = Gathering(clock)
    gathering.begin_turn(more_to_come=False)
    gathering.feed(7)
    assert not gathering.stays(7)


def test_a_batch_stays_while_each_turn_brings_more_to_it(clock: Any) -> None:
    gathering = Gathering(clock)
    for _ in range(3):
        gathering.begin_turn(more_to_come=True)
        gathering.feed(7)
        assert gathering.stays(7)
        assert not gathering.stays(8)
        assert not gathering.end_turn()
    assert gathering.stays(7)  # results that come home between two turns do not make it leave
    gathering.begin_turn(more_to_come=True)
    assert gathering.end_turn()
    assert not gathering.stays(7)


def test_a_batch_stays_for_what_a_call_at_home_makes_room_for(clock: Any) -> None:
    gathering = Gathering(clock)
    gathering.begin_turn(more_to_come=False)
    gathering.crowded(7)
    assert gathering.stays(7)
    gathering.begin_turn(more_to_come=False)
    assert not gathering.stays(7)


def test_a_batch_stays_while_it_is_open_whether_more_comes(clock: Any) -> None:
    gathering = Gathering(clock)
    gathering.begin_turn(more_to_come=True)
    gathering.feed(7)
    assert not gathering.end_turn()
    for _ in range(3):
        gathering.begin_turn(more_to_come=True)
        assert not gathering.end_turn(is_settled=False)
        assert gathering.stays(7)
    gathering.begin_turn(more_to_come=True)
    assert gathering.end_turn()
    assert not gathering.stays(7)
    gathering.begin_turn(more_to_come=False)
    gathering.feed(7)
    assert gathering.end_turn(is_settled=False)


def test_no_batch_stays_longer_than_a_moment(clock: Any) -> None:
    gathering = Gathering(clock)
    gathering.begin_turn(more_to_come=True)
    gathering.feed(7)
    assert gathering.stays(7)
    clock.advance(seconds=LINGER_S)
    assert not gathering.stays(7)
    gathering.leaves(7)
    assert gathering.stays(7)


def _posts(house: ToyHouse, name: str, about: str) -> None:
    fields = {"text": "{{ thing.id }}", "extra": {"about": about}}
    house.recipe(name, [{"name": "p", "action": "toy.post", "connection": "toys", "fields": fields}])


def test_a_long_row_leaves_in_full_batches(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automations.engine.gathering.LINGER_S", 600.0)
    monkeypatch.setattr("automations.engine.deciding.DECIDE_MAX", 70)
    _posts(house, "post", "{{ thing.id }}")
    house.send(*(arrival(number) for number in range(1_050)))
    house.work()
    assert sorted(house.target.batches, reverse=True) == [*[100] * 10, 50]
    assert set(house.statuses()) == {"succeeded"}


def test_two_recipes_never_have_one_subject_in_two_calls(house: ToyHouse) -> None:
    _posts(house, "first", "{{ thing.id }}")
    house.target.gate = threading.Event()
    house.thing(1)
    house.runner.turn()
    assert house.runner._departures.in_flight == 1
    _posts(house, "second", "{{ thing.id }}")
    house.send(arrival(1, 1), arrival(2, 0))
    house.runner.turn()
    assert house.runner._departures.in_flight == 2
    house.target.gate.set()
    house.work()
    # Beside the call about thing 1 left what both recipes have about thing 2, and not the second's about thing 1.
    assert house.target.batches[:2] == [1, 2]
    assert [text for text in house.target.texts() if text == "1"] == ["1"] * 3
    assert set(house.statuses()) == {"succeeded"}
