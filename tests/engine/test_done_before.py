"""What is in doubt is found out before anything is sent; crashes and pruning change nothing of it."""

from __future__ import annotations

import threading

import orjson

from automations.errors import OutcomeUnknownError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.replaying import START, replay, steps_of, two_steps


def test_what_is_in_doubt_is_found_out_and_not_sent_again(house: ToyHouse) -> None:
    house.recipe()
    house.target.after_write.append(OutcomeUnknownError("hung up"))
    house.target.gate = threading.Event()
    house.target.gate.set()
    house.thing(1)
    house.work()
    assert house.statuses() == ["waiting"]
    house.assembly.manual.cancel(1, "no patience")
    new_id = replay(house, 1)
    assert house.target.texts() == ["1/0"]
    assert steps_of(house, new_id) == [("write", "succeeded", "found it written")]


def test_what_is_in_doubt_and_was_not_done_is_sent_with_the_new_values(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [OutcomeUnknownError("no answer")]
    house.thing(1)
    house.work()
    house.assembly.manual.cancel(1, "no patience")
    replay(house, 1, payload=orjson.dumps({"id": 1, "n": "edited"}))
    assert house.target.texts() == ["1/edited"]


def test_what_nobody_can_find_out_waits_for_a_person(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("loud", action="toy.shout")])
    house.target.after_write.append(OutcomeUnknownError("hung up"))
    house.thing(1)
    house.work()
    house.clock.advance(minutes=5)
    house.work()
    assert house.statuses() == ["parked"]
    new_id = replay(house, 1)
    assert house.target.texts() == ["loud"]
    assert house.assembly.history.run(new_id).run.reason_kind == "unknown"
    again = replay(house, new_id)
    assert house.target.texts() == ["loud"]
    # A person looked and says that it was not heard.
    house.assembly.manual.try_now(again)
    house.work()
    assert house.target.texts() == ["loud", "loud"]
    assert house.assembly.history.run(again).run.status == "succeeded"


def test_a_repeatable_action_in_doubt_goes_on_under_its_first_key(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("post", action="toy.post")])
    house.target.errors_for["post"] = [OutcomeUnknownError("no answer")]
    house.thing(1)
    house.work()
    house.assembly.manual.cancel(1, "no patience")
    replay(house, 1)
    assert house.target.done == [("run-1-write", "post")]


def test_a_crash_within_a_replay_repeats_nothing(house: ToyHouse) -> None:
    house.recipe(steps=[*two_steps(house), house.step("third", name="three")])
    house.target.errors_for["third"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.target.errors_for["third"] = [UnavailableError("down"), UnavailableError("down")]
    new_id = house.assembly.replays.replay(1, START)
    for _ in range(2):
        house.runner.turn()
        house.crash()
        house.clock.advance(minutes=2)
        house.runner.ledger.recover("test/")
    for _ in range(3):
        house.clock.advance(hours=1)
        house.work()
    assert house.target.texts() == ["first 1", "second 1", "third"]
    assert house.assembly.history.run(new_id).run.status == "succeeded"


def test_what_was_brought_along_holds_also_when_the_old_run_is_gone(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("first", name="one"), house.step("second", name="two", wait="60d")])
    house.thing(1)
    house.work()
    house.clock.advance(days=61)
    house.work()
    new_id = house.assembly.replays.replay(1, START)
    with house.assembly.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM attempt")
        session.connection().exec_driver_sql("DELETE FROM delivery WHERE run_id=1")
        session.connection().exec_driver_sql("DELETE FROM run WHERE id=1")
    house.work()
    assert house.target.texts() == ["first", "second"]
    assert house.assembly.history.run(new_id).run.status == "succeeded"
    assert house.assembly.replays.preview(new_id, START).steps[0].words == "done already in run 1, passed by"
