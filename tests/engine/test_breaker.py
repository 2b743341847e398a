"""Breakers: a dead target holds only its own connection, loses no tries, and is noticed when it is back."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine.breaker import Breakers, is_no_answer, opens, says_nothing, within
from automations.errors import (
    CredentialsError,
    OutcomeUnknownError,
    RejectedError,
    StorageUnavailableError,
    UnavailableError,
)
from automations.model.guards import Breaker
from tests.engine.conftest import ToyHouse


def no_answers(house: ToyHouse, count: int) -> None:
    house.target.next_errors.extend(UnavailableError("nobody there") for _ in range(count))


def row_of(house: ToyHouse) -> Breaker | None:
    with house.assembly.database.read() as session:
        return session.get(Breaker, house.connection.id)


def dead(house: ToyHouse, runs: int = 12) -> None:
    """Let a recipe's target die: so many runs, and every call comes to nothing."""
    house.recipe(order="none")
    no_answers(house, 10_000)
    house.send(*(_arrival(number) for number in range(runs)))
    house.work()


def _arrival(number: int) -> Any:
    from tests.engine.toy import arrival

    return arrival(number)


def test_nine_failures_are_too_few_and_ten_of_which_three_worked_are_enough() -> None:
    assert not opens(9, 9)
    assert opens(10, 7)
    assert not opens(10, 6)
    assert opens(10 * 0.9999, 10 * 0.9999)


def test_only_what_lies_within_five_minutes_counts() -> None:
    assert within({1: [1, 1], 2: [1, 1], 11: [1, 0]}, 11) == {2: [1, 1], 11: [1, 0]}


def test_an_error_that_says_when_to_come_again_is_an_answer() -> None:
    assert is_no_answer(UnavailableError("refused"))
    assert is_no_answer(OutcomeUnknownError("timed out"))
    for answer in (
        RejectedError("no"),
        CredentialsError("who are you"),
        UnavailableError("busy", retry_after_s=5),
        UnavailableError("429", whole_connection=True),
    ):
        assert not is_no_answer(answer)
    assert says_nothing(UnavailableError("busy", retry_after_s=5))
    assert not says_nothing(RejectedError("no"))


def test_our_own_database_is_not_the_other_side() -> None:
    error = UnavailableError("the database is locked")
    error.__cause__ = StorageUnavailableError("locked")
    assert not is_no_answer(error)
    assert says_nothing(error)


def test_it_opens_after_ten_calls_that_came_to_nothing(house: ToyHouse) -> None:
    dead(house)
    row = row_of(house)
    assert row is not None
    assert row.opened_at == house.clock.at
    assert row.reason == "nobody there"


def test_while_it_is_open_nothing_leaves_and_no_try_is_used_up(house: ToyHouse) -> None:
    dead(house, runs=40)
    calls = house.target.calls.total()
    assert calls < 40
    house.clock.advance(seconds=20)
    house.work()
    assert house.target.calls.total() == calls
    assert set(house.statuses()) == {"waiting"}


def test_one_call_every_half_minute_asks_whether_it_is_back(house: ToyHouse) -> None:
    dead(house, runs=40)
    for _ in range(5):
        calls = house.target.calls.total()
        house.clock.advance(seconds=31)
        house.work()
        assert house.target.calls.total() == calls + 1


def test_hours_of_silence_park_nothing_and_everything_goes_on_when_it_is_back(house: ToyHouse) -> None:
    dead(house, runs=15)
    for _ in range(60):
        house.clock.advance(seconds=31)
        house.work()
    assert set(house.statuses()) == {"waiting"}
    house.target.next_errors.clear()
    house.clock.advance(seconds=31)
    house.work()
    assert set(house.statuses()) == {"succeeded"}
    assert row_of(house) is None
    assert sorted(house.target.texts()) == sorted(f"{number}/0" for number in range(15))


def test_a_single_run_that_was_every_probe_is_not_parked_by_the_next_ordinary_failure(
    house: ToyHouse,
) -> None:
    dead(house, runs=12)
    for _ in range(30):
        house.clock.advance(seconds=31)
        house.work()
    house.target.next_errors.clear()
    house.target.errors_for = {f"{n}/0": [UnavailableError("a hiccup")] for n in range(3)}
    for _ in range(20):
        house.clock.advance(seconds=31)
        house.work()
        assert "parked" not in house.statuses()
    assert set(house.statuses()) == {"succeeded"}


def test_three_days_of_silence_park_what_was_tried(house: ToyHouse) -> None:
    dead(house, runs=12)
    house.clock.advance(hours=73)
    for _ in range(14):
        house.clock.advance(seconds=31)
        house.work()
    assert "parked" in house.statuses()


def test_a_refusal_is_an_answer_and_closes_it(house: ToyHouse) -> None:
    dead(house)
    house.target.next_errors.clear()
    house.target.next_errors.append(RejectedError("no such thing"))
    house.clock.advance(seconds=31)
    house.work()
    assert row_of(house) is None
    assert house.statuses().count("succeeded") == 11


def test_a_person_who_tests_the_connection_lets_it_go_on(house: ToyHouse) -> None:
    dead(house)
    house.target.next_errors.clear()
    house.assembly.connections.test("toys")
    assert row_of(house) is None
    house.clock.advance(seconds=31)
    house.work()
    assert set(house.statuses()) == {"succeeded"}


def test_look_ups_that_come_to_nothing_open_it_too(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ thing.owner.name }}")], order="none")
    house.target.related_error = UnavailableError("nobody there")
    for number in range(30):
        house.thing(number)
        house.work()
    assert row_of(house) is not None
    for _ in range(15):
        house.clock.advance(seconds=31)
        house.work()
    house.target.related_error = None
    house.clock.advance(seconds=31)
    house.work()
    assert set(house.statuses()) == {"succeeded"}


def test_two_workers_count_together_and_only_one_probes(house: ToyHouse) -> None:
    database, clock = house.assembly.database, house.clock
    one, two = Breakers(database, clock, "a"), Breakers(database, clock, "b")
    number = house.connection.id or 0
    for _ in range(5):
        clock.advance(seconds=2)
        one.came_back(number, UnavailableError("nobody"))
        two.came_back(number, UnavailableError("nobody"))
    row = row_of(house)
    assert row is not None
    assert row.opened_at is not None
    assert row.probe_at is not None
    for worker in (one, two):
        worker.read({number: row.probe_at})
    clock.advance(seconds=31)
    assert [one.take_probe(number), two.take_probe(number)] == [True, False]


@pytest.mark.parametrize("successes", [30])
def test_a_few_failures_among_many_successes_open_nothing(house: ToyHouse, successes: int) -> None:
    breakers = Breakers(house.assembly.database, house.clock, "a")
    number = house.connection.id or 0
    for _ in range(successes):
        breakers.came_back(number, None)
    for _ in range(12):
        breakers.came_back(number, UnavailableError("nobody"))
    assert breakers.until(number) is None
