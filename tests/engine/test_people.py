"""People who sign in: slow to guess, never an obstacle to the events."""

from __future__ import annotations

import threading
import time

import pytest

from automations.engine import people as people_module
from automations.errors import InputError, NotFoundError
from automations.model.states import Role
from tests.engine.conftest import ToyHouse

RIGHT = "correct horse battery"


def add_ana(house: ToyHouse) -> None:
    house.assembly.people.add("Ana@Example.com ", RIGHT, Role.EDITOR)


def test_the_right_password_opens_and_a_wrong_one_does_not(house: ToyHouse) -> None:
    add_ana(house)
    people = house.assembly.people
    user = people.check(" ANA@example.com", RIGHT)
    assert user is not None
    assert (user.email, user.role) == ("ana@example.com", Role.EDITOR)
    assert people.check("ana@example.com", "wrong") is None
    assert people.check("nobody@example.com", RIGHT) is None


def test_ten_wrong_passwords_lock_for_fifteen_minutes(house: ToyHouse) -> None:
    add_ana(house)
    people = house.assembly.people
    for _ in range(10):
        assert people.check("ana@example.com", "wrong") is None
    with pytest.raises(InputError, match="fifteen minutes") as caught:
        people.check("ana@example.com", RIGHT)
    assert caught.value.status == 429
    house.clock.advance(minutes=16)
    assert people.check("ana@example.com", RIGHT) is not None


def test_a_right_password_in_between_starts_the_count_anew(house: ToyHouse) -> None:
    add_ana(house)
    people = house.assembly.people
    for _ in range(3):
        for _ in range(9):
            people.check("ana@example.com", "wrong")
        assert people.check("ana@example.com", RIGHT) is not None


def test_guesses_from_many_sides_are_all_counted(house: ToyHouse) -> None:
    add_ana(house)
    people = house.assembly.people
    refused: list[int] = []

    def guess() -> None:
        for _ in range(4):
            try:
                people.check("ana@example.com", "wrong")
            except InputError as error:
                refused.append(error.status)

    threads = [threading.Thread(target=guess) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(InputError):
        people.check("ana@example.com", RIGHT)
    assert set(refused) == {429}


def test_guessing_does_not_hold_up_the_events(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    add_ana(house)
    checking, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> bool:
        checking.set()
        go_on.wait(10)
        return False

    monkeypatch.setattr(people_module, "_verify", slow)
    thread = threading.Thread(target=house.assembly.people.check, args=("ana@example.com", "wrong"))
    thread.start()
    assert checking.wait(5)
    begun_s = time.monotonic()
    house.thing(1)
    assert time.monotonic() - begun_s < 8
    go_on.set()
    thread.join()


@pytest.mark.parametrize(
    "email", ["", "ana", "a@b@c", "a b@c", "a\x00@b", "a\n@b", "a" * 251 + "@b.c", "@", "a\ud800@b"]
)
def test_what_is_no_address_is_refused_and_never_found(house: ToyHouse, email: str) -> None:
    assert house.assembly.people.check(email, RIGHT) is None
    with pytest.raises(InputError, match="no e-mail address"):
        house.assembly.people.add(email, RIGHT, Role.VIEWER)


@pytest.mark.parametrize("password", ["short", "x" * 1_025, "é" * 513, "\ud800" * 20])
def test_passwords_have_a_length_that_is_told(house: ToyHouse, password: str) -> None:
    with pytest.raises(InputError, match="A password has"):
        house.assembly.people.add("a@b.c", password, Role.VIEWER)
    add_ana(house)
    assert house.assembly.people.check("ana@example.com", password) is None


def test_a_new_password_and_an_ended_session_make_the_old_token_worthless(house: ToyHouse) -> None:
    add_ana(house)
    people = house.assembly.people
    (first,) = people.all()
    assert people.by_session(first.session_token) is not None
    add_ana(house)
    assert people.by_session(first.session_token) is None
    (second,) = people.all()
    people.end_sessions(second.id or 0)
    assert people.by_session(second.session_token) is None
    assert people.by_session("") is None
    assert people.count() == 1
    with pytest.raises(NotFoundError):
        people.end_sessions(99)
