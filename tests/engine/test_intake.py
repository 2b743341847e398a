"""Accepted means stored, once, however many ask at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import orjson
import pytest

from automations.engine import intake as intake_module
from automations.engine.intake import Intake
from automations.errors import StorageUnavailableError
from automations.model.packing import unpack
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def count(house: ToyHouse) -> int:
    with house.assembly.database.connect_for_read() as connection:
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM event").scalar() or 0)


def test_copies_that_arrive_at_the_same_moment_are_stored_once(house: ToyHouse) -> None:
    answers: Counter[tuple[int, bool]] = Counter()
    barrier, lock = threading.Barrier(12), threading.Lock()

    def send() -> None:
        barrier.wait(10)
        for n in range(20):
            (found,) = house.send(arrival(1, n))
            with lock:
                answers[n, found.duplicate] += 1

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(house) == 20
    for n in range(20):
        assert (answers[n, False], answers[n, True]) == (1, 11)


def test_two_processes_that_store_the_same_agree_on_one(house: ToyHouse) -> None:
    other = Intake(house.assembly.database, house.clock, lambda: None)
    barrier = threading.Barrier(2)
    fresh: list[bool] = []

    def send(intake: Intake) -> None:
        for n in range(40):
            barrier.wait(10)
            (found,) = intake.accept(house.connection.id or 0, [arrival(2, n)])
            fresh.append(not found.duplicate)

    threads = [threading.Thread(target=send, args=(one,)) for one in (house.assembly.intake, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(house) == sum(fresh) == 40
    other.close()


def test_a_batch_with_copies_of_itself_answers_each_in_order(house: ToyHouse) -> None:
    found = house.send(arrival(1), arrival(2), arrival(1), arrival(2), arrival(3))
    assert [one.duplicate for one in found] == [False, False, True, True, False]
    ids = [one.event_id or 0 for one in found if not one.duplicate]
    assert ids == sorted(ids)


def test_a_large_batch_is_stored_whole_and_in_order(house: ToyHouse) -> None:
    found = house.send(*(arrival(n) for n in range(2_500)))
    ids = [one.event_id for one in found]
    assert ids == sorted(ids, key=lambda one: one or 0)
    assert count(house) == 2_500


def test_nothing_arriving_is_answered_at_once(house: ToyHouse) -> None:
    assert house.send() == []


def test_those_who_share_a_commit_that_fails_all_hear_of_it(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.thing(0)
    original = intake_module.insert_events

    def full(*_: Any) -> Any:
        raise StorageUnavailableError("full")

    monkeypatch.setattr(intake_module, "insert_events", full)
    told: list[str] = []

    def send(n: int) -> None:
        try:
            house.thing(n)
        except StorageUnavailableError as error:
            told.append(error.message)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["full"] * 8
    monkeypatch.setattr(intake_module, "insert_events", original)
    assert not house.thing(1).duplicate


def test_a_wake_up_that_fails_loses_no_answer(house: ToyHouse) -> None:
    def broken() -> None:
        raise RuntimeError("no bell")

    intake = Intake(house.assembly.database, house.clock, broken)
    for n in range(3):
        (found,) = intake.accept(house.connection.id or 0, [arrival(n)])
        assert not found.duplicate
    intake.close()


def test_what_waits_at_the_end_is_committed(house: ToyHouse) -> None:
    intake = Intake(house.assembly.database, house.clock, lambda: None)
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda n=n: answers.extend(intake.accept(house.connection.id or 0, [arrival(n)]))
        )
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    intake.close()
    assert len(answers) == count(house) == 6


@pytest.mark.parametrize("many", [1, 4, 5, 40])
def test_however_many_come_together_each_is_stored_as_it_came(house: ToyHouse, many: int) -> None:
    texts = {n: f'"quoted" \\ back and ü {n}' for n in range(many)}
    house.send(*(arrival(n, text=text) for n, text in texts.items()))
    house.send(*(arrival(n, text="again") for n in texts))
    with house.assembly.database.connect_for_read() as connection:
        rows = connection.exec_driver_sql("SELECT record_key, payload FROM event ORDER BY id").all()
    assert [key for key, _ in rows] == [f"thing:{n}" for n in texts]
    assert [orjson.loads(unpack(bytes(payload)))["text"] for _, payload in rows] == list(texts.values())


def test_a_group_that_follows_another_waits_for_more_where_a_commit_costs_more(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "TOGETHER_S", 5.0)
    intake = Intake(house.assembly.database, house.clock, lambda: None)
    first, second = (intake_module._HandedIn([], [], lambda _: None) for _ in range(2))
    later = threading.Timer(0.1, intake._inbox.put, [second])
    later.start()
    assert intake._group(first, 0) == [first]
    waits = not house.assembly.database.on_sqlite
    assert intake._group(first, 2) == ([first, second] if waits else [first])
    later.join()
    intake.close()
