"""A replay is a new run that repeats no closed effect, settles what is in doubt, and keeps its record's order."""

from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest

from automations.engine.replay_choice import ReplayChoice, ReplayFrom, ReplayVersion
from automations.errors import InputError, NotFoundError, OutcomeUnknownError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival

START = ReplayChoice()
FAILED = ReplayChoice(ReplayFrom.FAILED)
LATEST = ReplayChoice(version=ReplayVersion.LATEST)
REPEAT = ReplayChoice(repeat_closed=True)


def two_steps(house: ToyHouse, **more: Any) -> list[dict[str, Any]]:
    return [
        house.step("first {{ thing.id }}", name="one"),
        house.step("second {{ thing.id }}", name="two", **more),
    ]


def steps_of(house: ToyHouse, run_id: int) -> list[tuple[str, str, str]]:
    found = house.assembly.history.run(run_id).deliveries
    return [(d.delivery.step_name, str(d.delivery.status), d.delivery.reason) for d in found]


def replay(house: ToyHouse, run_id: int, choice: ReplayChoice = START, **more: Any) -> int:
    new_id = house.assembly.replays.replay(run_id, choice, **more)
    house.work()
    return new_id


def test_a_parked_run_is_replayed_without_repeating_what_was_delivered(house: ToyHouse) -> None:
    house.recipe(steps=two_steps(house))
    house.target.errors_for["second 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    new_id = replay(house, 1)
    assert house.target.texts() == ["first 1", "second 1"]
    assert steps_of(house, new_id) == [
        ("one", "succeeded", "done already in run 1"),
        ("two", "succeeded", "wrote second 1"),
    ]
    new = house.assembly.history.run(new_id).run
    assert (new.status, new.replay_of, new.replay_number) == ("succeeded", 1, 1)
    assert house.assembly.replays.replays_of(1) == [new_id]


def test_what_later_steps_read_of_a_step_that_was_done_is_as_it_was(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("first", name="one"),
            house.step("after {{ steps.one.id }} {{ steps.one.status }}", name="two"),
        ]
    )
    house.target.errors_for["after 1 succeeded"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    replay(house, 1)
    assert house.target.texts() == ["first", "after 1 succeeded"]


def test_the_replayed_run_no_longer_waits_for_a_person(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    assert house.assembly.history.parked() == 1
    new_id = replay(house, 1)
    old = house.assembly.history.run(1).run
    assert old.status == "cancelled"
    assert f"replayed as run {new_id}" in old.reason
    assert "no" in old.reason
    with pytest.raises(InputError, match="cancelled"):
        house.assembly.manual.try_now(1)
    assert house.target.texts() == ["1/0"]


def test_a_run_under_way_is_not_replayed(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down")]
    house.thing(1)
    house.work()
    with pytest.raises(InputError, match="waiting and goes on by itself") as caught:
        house.assembly.replays.replay(1, START)
    assert caught.value.code == "under_way"
    assert house.statuses() == ["waiting"]


def test_a_run_whose_replay_is_under_way_is_not_replayed_again(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    new_id = house.assembly.replays.replay(1, REPEAT)
    with pytest.raises(InputError, match=f"Run {new_id} of the same event is queued"):
        house.assembly.replays.replay(1, START)


def test_a_run_that_is_not_there_is_said_so(house: ToyHouse) -> None:
    with pytest.raises(NotFoundError, match="no run 7"):
        house.assembly.replays.replay(7, START)
    with pytest.raises(NotFoundError, match="no run 7"):
        house.assembly.replays.preview(7, START)


def test_closed_effects_are_repeated_only_when_a_person_says_so(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    replay(house, 1)
    assert house.target.texts() == ["1/0"]
    new_id = replay(house, 1, REPEAT)
    assert house.target.texts() == ["1/0", "1/0"]
    assert steps_of(house, new_id) == [("write", "succeeded", "wrote 1/0")]
    keys = [key for key, _ in house.target.done]
    assert len(set(keys)) == 2


def test_replays_of_replays_know_the_whole_chain(house: ToyHouse) -> None:
    house.recipe(steps=[*two_steps(house), house.step("third", name="three")])
    house.target.errors_for["second 1"] = [RejectedError("no")]
    house.target.errors_for["third"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    second = replay(house, 1)
    third = replay(house, second)
    # Also a run that is not the newest of its chain repeats nothing.
    replay(house, 1)
    assert house.target.texts() == ["first 1", "second 1", "third"]
    assert [reason for _, _, reason in steps_of(house, third)] == [
        "done already in run 1",
        f"done already in run {second}",
        "wrote third",
    ]


def test_conditions_are_judged_anew_from_the_start(house: ToyHouse) -> None:
    recipe_id = house.recipe(only_if="{{ thing.amount > 5 }}")
    house.thing(1, amount=3)
    house.work()
    assert house.statuses() == ["filtered"]
    assert house.assembly.history.run(replay(house, 1)).run.status == "filtered"
    assert house.recipe(only_if="{{ thing.amount > 2 }}") == recipe_id
    assert house.assembly.history.run(replay(house, 1)).run.status == "filtered"
    assert house.assembly.history.run(replay(house, 1, LATEST)).run.status == "succeeded"
    assert house.target.texts() == ["1/0"]


def test_conditions_on_looked_up_records_are_judged_after_the_look_up(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.owner.name == 'Owner of 2' }}")
    house.send(arrival(1), arrival(2))
    house.work()
    assert house.statuses() == ["filtered", "succeeded"]
    replay(house, 1)
    replay(house, 2, REPEAT)
    assert house.statuses() == ["filtered", "succeeded", "filtered", "succeeded"]


def test_from_the_failed_step_what_came_before_keeps_its_result(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            house.step("first", name="one", only_if="{{ thing.owner.name == 'nobody' }}"),
            house.step("second {{ steps.one.status }} {{ thing.owner.name }}", name="two", wait="1h"),
        ]
    )
    house.target.errors_for["second skipped Owner of 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.clock.advance(hours=2)
    house.work()
    assert house.statuses() == ["parked"]
    new_id = replay(house, 1, FAILED)
    # No second wait, no second look-up.
    assert house.target.texts() == ["second skipped Owner of 1"]
    assert house.target.related_calls == [1]
    one, two = steps_of(house, new_id)
    assert one[:2] == ("one", "skipped")
    assert two == ("two", "succeeded", "wrote second skipped Owner of 1")


def test_a_run_without_a_failed_step_cannot_begin_at_it(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.n == 0 }}")
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    for run_id, why in ((1, "every step ended well"), (2, "its conditions said no")):
        with pytest.raises(InputError, match=why):
            house.assembly.replays.replay(run_id, FAILED)


def test_a_step_that_was_allowed_to_fail_is_where_the_replay_begins(house: ToyHouse) -> None:
    steps = two_steps(house)
    steps[0]["on_error"] = "continue"
    house.recipe(steps=steps)
    house.target.errors_for["first 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    assert house.statuses() == ["succeeded"]
    new_id = replay(house, 1, FAILED)
    assert house.target.texts() == ["second 1", "first 1"]
    assert [s[2] for s in steps_of(house, new_id)] == ["wrote first 1", "done already in run 1"]


# -- items


def test_items_that_were_delivered_are_known_again_in_another_order(house: ToyHouse) -> None:
    steps = [house.step("{{ item.name }}", for_each="{{ thing.tags }}")]
    house.recipe(steps=steps)
    house.target.errors_for["b"] = [RejectedError("no")]
    tags = [{"id": n, "name": name} for n, name in enumerate("abc")]
    house.thing(1, tags=tags)
    house.work()
    assert house.target.texts() == ["a"]
    edited = orjson.dumps({"id": 1, "n": 0, "tags": [{"id": 3, "name": "d"}, *reversed(tags)]})
    new_id = replay(house, 1, payload=edited)
    assert house.target.texts() == ["a", "d", "c", "b"]
    assert [reason for *_, reason in steps_of(house, new_id)] == [
        "wrote d",
        "wrote c",
        "wrote b",
        "done already in run 1",
    ]


def test_of_items_alike_each_counts_once(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ item }} {{ loop.index }}", for_each="{{ thing.tags }}")])
    house.target.errors_for["x 2"] = [RejectedError("no")]
    house.thing(1, tags=["x", "x", "x"])
    house.work()
    replay(house, 1)
    assert house.target.texts() == ["x 1", "x 2", "x 3"]


# -- versions


def test_steps_that_moved_or_were_renamed_are_known_again(house: ToyHouse) -> None:
    house.recipe(steps=[*two_steps(house), house.step("third", name="three")])
    house.target.errors_for["third"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.recipe(
        steps=[
            house.step("new", name="zero"),
            house.step("second {{ thing.id }}", name="renamed"),
            house.step("edited", name="one"),
            house.step("third, mended", name="three"),
        ]
    )
    new_id = replay(house, 1, LATEST)
    assert house.target.texts() == ["first 1", "second 1", "new", "third, mended"]
    assert [(name, reason) for name, _, reason in steps_of(house, new_id)] == [
        ("zero", "wrote new"),
        ("renamed", "done already in run 1"),
        ("one", "done already in run 1"),
        ("three", "wrote third, mended"),
    ]


def test_from_the_failed_step_the_latest_version_begins_at_the_first_that_is_not_done(
    house: ToyHouse,
) -> None:
    house.recipe(steps=two_steps(house))
    house.target.errors_for["second 1"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    house.recipe(steps=[two_steps(house)[0], house.step("between", name="new"), two_steps(house)[1]])
    both = ReplayChoice(ReplayFrom.FAILED, ReplayVersion.LATEST)
    new_id = replay(house, 1, both)
    assert house.target.texts() == ["first 1", "between", "second 1"]
    assert steps_of(house, new_id)[0] == ("one", "succeeded", "done already in run 1")


def test_an_action_that_touches_nothing_outside_is_simply_done_again(house: ToyHouse) -> None:
    making = house.assembly._replay_making
    assert making._planner.inert == frozenset()


# -- in doubt


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


# -- payload, order, preview


def test_an_edited_payload_makes_an_event_that_only_this_recipe_sees(house: ToyHouse) -> None:
    house.recipe("one")
    house.recipe("two", steps=[house.step("two {{ thing.id }}")])
    house.target.errors_for["1/bad"] = [RejectedError("no")]
    house.thing(1, n="bad")
    house.work()
    (parked,) = house.assembly.history.runs(status="parked")
    new_id = replay(house, parked.run.id or 0, payload=orjson.dumps({"id": 1, "n": "good"}))
    assert sorted(house.target.texts()) == ["1/good", "two 1"]
    detail = house.assembly.history.run(new_id)
    assert (detail.event.origin, detail.run.replay_of) == ("replay", parked.run.id)
    assert detail.event.decided_at is not None
    # The edited run belongs to the chain: what it did is not done again for the first event either.
    replay(house, parked.run.id or 0)
    assert sorted(house.target.texts()) == ["1/good", "two 1"]


def test_a_payload_that_cannot_be_read_is_refused(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    with pytest.raises(InputError, match="cannot be read"):
        house.assembly.replays.replay(1, START, payload=b'{"id": 1, "poison": true}')
    with pytest.raises(InputError, match="larger than 1 MiB"):
        house.assembly.replays.replay(1, START, payload=b" " * (2**20 + 1))


def test_templates_know_that_it_is_a_replay(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("{{ event.is_replay }}")])
    house.thing(1)
    house.work()
    replay(house, 1, REPEAT)
    replay(house, 1, REPEAT, payload=orjson.dumps({"id": 1, "n": 1}))
    assert house.target.texts() == ["false", "true", "true"]


def test_a_replay_takes_its_place_in_the_lane(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1, 0)
    house.work()
    house.target.errors_for["1/1"] = [UnavailableError("down")]
    house.send(arrival(1, 1), arrival(1, 2))
    house.work()
    house.assembly.replays.replay(1, REPEAT)
    house.work()
    assert house.target.texts() == ["1/0"]
    house.clock.advance(minutes=1)
    house.work()
    assert house.target.texts() == ["1/0", "1/1", "1/2", "1/0"]


def test_a_preview_says_what_would_happen_and_does_nothing(house: ToyHouse) -> None:
    house.recipe(
        steps=[*two_steps(house), house.step("{{ item }}", name="each", for_each="{{ thing.tags }}")]
    )
    house.target.errors_for["b"] = [RejectedError("no")]
    house.thing(1, tags=["a", "b"])
    house.work()
    before = house.statuses()
    found = house.assembly.replays.preview(1, START)
    assert [(step.name, step.fate, step.words) for step in found.steps] == [
        ("one", "done", "done already in run 1, passed by"),
        ("two", "done", "done already in run 1, passed by"),
        ("each", "done", "1 of its items is done already in run 1 and passed by; others go through"),
    ]
    failed = house.assembly.replays.preview(1, FAILED)
    assert [step.fate for step in failed.steps] == ["kept", "kept", "done"]
    assert house.statuses() == before
    assert house.target.texts() == ["first 1", "second 1", "a"]


def test_a_version_that_waits_for_something_else_is_refused(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    other = house.assembly.connections.save("toy", "others", {"target": "x", "token": "t"})
    assert other.id
    house.recipe(trigger={"connection": "others"})
    with pytest.raises(InputError, match="from others"):
        house.assembly.replays.replay(1, LATEST)
