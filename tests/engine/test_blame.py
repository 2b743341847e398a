"""Whom to blame when a worker dies."""

from __future__ import annotations

from typing import Any

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
