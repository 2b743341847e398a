"""Whom to blame when a worker dies."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine.blame import DEATHS_MAX, SUSPECT_AFTER, after_death, is_guilty, is_suspect
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival

marks = st.dictionaries(st.integers(1, 50), st.integers(0, 29), min_size=1, max_size=50)


@given(marks)
def test_at_most_one_of_all_that_a_worker_held_gets_a_great_mark(held: dict[int, int]) -> None:
    after = after_death(held)
    assert set(after) == set(held)
    assert all(after[run_id] >= held[run_id] for run_id in held)
    assert sum(after[run_id] // 10 > held[run_id] // 10 for run_id in held) <= 1


def test_a_run_that_was_alone_is_guilty_after_three_deaths() -> None:
    held = {7: 0}
    for _ in range(DEATHS_MAX):
        assert not is_guilty(held[7])
        held = after_death(held)
    assert is_guilty(held[7])


def test_in_company_nobody_is_ever_found_guilty() -> None:
    held = {1: 0, 2: 0}
    for _ in range(100):
        held = after_death(held)
    assert all(is_suspect(blame) and not is_guilty(blame) for blame in held.values())


class Killed(BaseException):
    """What a record does to its worker."""


def work_with_poison(house: ToyHouse, poison: int, others_die: int = 0) -> int:
    """Work until nothing is left, killed whenever the poison is looked at; return how often that was.

    others_die: so many workers are killed at first at the moment in which they have taken something.
    """
    deaths = 0
    for _ in range(100):
        runner = house.runner
        go_on = runner.move

        def move(hand: Any, changes: Any, go_on: Any = go_on, all_die: bool = deaths < others_die) -> None:
            if hand.claim.event_id == poison or all_die:
                raise Killed
            go_on(hand, changes)

        runner.move = move  # type: ignore[method-assign]
        try:
            house.work()
        except Killed:
            deaths += 1
            house.crash()
            house.runner.ledger.recover("test/1")
            continue
        return deaths
    raise AssertionError(f"{deaths} deaths and no end: {house.statuses()}")


def test_the_one_that_kills_is_found_among_many_and_the_others_go_through(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(1, 121)))
    assert work_with_poison(house, poison=77) <= SUSPECT_AFTER + DEATHS_MAX
    assert sorted(house.statuses()) == ["parked"] + ["succeeded"] * 119
    (parked,) = [line.run for line in house.assembly.history.runs(status="parked")]
    assert (parked.event_id, parked.reason_kind) == (77, "crash")
    assert len(house.target.texts()) == len(set(house.target.texts())) == 119


def test_a_machine_that_dies_again_and_again_parks_nothing(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(1, 61)))
    assert work_with_poison(house, poison=-1, others_die=12) == 12
    assert house.statuses() == ["succeeded"] * 60


def test_suspects_keep_the_order_of_their_record(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(id, n) for n in range(4) for id in range(1, 16)))
    work_with_poison(house, poison=3, others_die=2)
    for id in range(1, 16):
        seen = [text for text in house.target.texts() if text.startswith(f"{id}/")]
        assert seen == sorted(seen)
    assert house.statuses().count("parked") == 1


def suspects(house: ToyHouse, *marks: int) -> None:
    """Let a run for each of these wait to be claimed, marked so by deaths before."""
    house.send(*(arrival(number) for number in range(1, len(marks) + 1)))
    house.runner._decider.decide_pending(len(marks) + 1, house.runner._loader.remember)
    with house.assembly.database.connect_for_write() as connection:
        for run_id, each in enumerate(marks, 1):
            connection.exec_driver_sql(f"UPDATE run SET claims_without_end={each} WHERE id={run_id}")


def test_the_less_suspicious_go_first_one_after_the_other(house: ToyHouse) -> None:
    house.recipe()
    suspects(house, 12, 2, 22, 3, 2, 2)
    house.work()
    assert [text.split("/")[0] for text in house.target.texts()][-2:] == ["1", "3"]
    assert house.statuses() == ["succeeded"] * 6


def test_a_suspect_does_not_stay_for_its_batch_to_fill_up(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.engine.gathering.LINGER_S", 600.0)
    monkeypatch.setattr("automations.engine.deciding.DECIDE_MAX", 10)
    fields = {"text": "{{ thing.id }}", "extra": {"about": "{{ thing.id }}"}}
    house.recipe("post", [{"name": "p", "action": "toy.post", "connection": "toys", "fields": fields}])
    house.target.gate = threading.Event()
    suspects(house, 2)
    house.send(*(arrival(number) for number in range(100, 150)))
    house.runner.turn()
    # Forty events more are known to wait, and a batch holds a hundred.
    assert house.runner._departures.in_flight == 1
    house.target.gate.set()
    house.work()
    assert set(house.statuses()) == {"succeeded"}
