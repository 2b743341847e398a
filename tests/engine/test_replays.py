"""A replay is a new run that repeats nothing that was delivered, and keeps its record's order."""

from __future__ import annotations

import orjson
import pytest

from automations.errors import InputError, NotFoundError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.replaying import FAILED, LATEST, REPEAT, START, replay, steps_of, two_steps
from tests.engine.toy import arrival


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
