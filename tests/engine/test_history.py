"""Reading what happened, and why not; writing nothing."""

from __future__ import annotations

import pytest

from automations.engine.history_json import detail_as_json, run_as_json
from automations.errors import InputError, NotFoundError, RejectedError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def test_runs_are_listed_newest_first_and_found_by_what_people_know(house: ToyHouse) -> None:
    house.recipe("one")
    house.recipe("two", only_if="{{ thing.id > 1 }}")
    house.send(arrival(1, name="Red ball"), arrival(2, name="Kite"))
    house.work()
    history = house.assembly.history
    assert [line.run.id for line in history.runs()] == [4, 3, 2, 1]
    assert [line.run.id for line in history.runs(limit=1, before_id=3)] == [2]
    assert {line.recipe for line in history.runs(recipe="two")} == {"two"}
    assert [str(line.run.status) for line in history.runs(status="filtered")] == ["filtered"]
    assert len(history.runs(record="thing:2")) == len(history.runs(search="kite")) == 2
    assert {line.run.id for line in history.runs(search="2")} == {2, 3, 4}
    with pytest.raises(NotFoundError):
        history.runs(recipe="three")
    with pytest.raises(InputError, match="no run status"):
        history.runs(status="done")


def test_a_search_for_words_can_stop_before_the_oldest(house: ToyHouse) -> None:
    house.recipe("one")
    house.send(arrival(1, name="Red ball"), arrival(2, name="Kite"), arrival(3, name="Kite"))
    house.work()
    history = house.assembly.history
    assert [line.run.id for line in history.runs(search="kite", from_id=3)] == [3]
    assert history.looked_at_from("kite", None) is None
    assert history.looked_at_from("kite", 90_000) is None
    assert history.looked_at_from("17", None) is history.looked_at_from("thing:1", None) is None


@pytest.mark.parametrize("number", [0, 99, 2**63, 10**40])
def test_what_is_not_there_is_told(house: ToyHouse, number: int) -> None:
    with pytest.raises(NotFoundError):
        house.assembly.history.run(number)
    with pytest.raises(NotFoundError):
        house.assembly.history.event(number)


def test_every_recipe_has_an_answer_to_why_not(house: ToyHouse) -> None:
    house.recipe("ran")
    house.recipe("filters", only_if="{{ thing.id > 5 }}")
    house.recipe("off")
    house.assembly.recipes.switch("off", enabled=False)
    house.assembly.connections.save("toy", "others", {"target": "x", "token": "t"})
    house.recipe("elsewhere", trigger={"connection": "others"})
    house.thing(1)
    # What is not decided yet says so, whatever the recipe: it may be switched on or off until then.
    assert {line.answer for line in house.assembly.history.why(1)} == {"waiting"}
    house.work()
    house.recipe("later")
    answers = {line.recipe: line.answer for line in house.assembly.history.why(1)}
    assert answers == {
        "ran": "ran", "filters": "filtered", "off": "off", "elsewhere": "other source", "later": "later",
    }  # fmt: skip


def test_counts_and_last_runs_are_told_for_each_recipe(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.send(arrival(1), arrival(2), arrival(3))
    assert house.assembly.history.undecided() == 3
    house.work()
    history = house.assembly.history
    assert history.counts() == {1: {"parked": 1, "succeeded": 2}}
    assert (history.undecided(), history.parked()) == (0, 1)
    assert history.last_run_at() == {1: house.clock.now()}
    house.clock.advance(hours=25)
    assert history.counts() == {}


def test_a_run_as_json_has_the_promised_keys(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    (line,) = house.assembly.history.runs()
    assert set(run_as_json(line)) == {
        "id", "recipe", "version", "event_id", "record", "status", "reason", "started_at", "finished_at", "steps",
    }  # fmt: skip
    detail = detail_as_json(house.assembly.history.run(1))
    (step,) = detail["steps"]
    assert (step["name"], step["action"], step["status"], step["attempts"]) == (
        "write",
        "toy.write_down",
        "parked",
        1,
    )
    assert step["tries"][0]["outcome"] == "rejected"
    assert detail["started_at"].endswith("Z")


def test_events_are_listed_with_their_connection(house: ToyHouse) -> None:
    house.send(arrival(1), arrival(2))
    history = house.assembly.history
    assert [(event.id, name) for event, name in history.events()] == [(2, "toys"), (1, "toys")]
    assert [event.id for event, _ in history.events(record="thing:1")] == [1]
    assert history.events(connection_id=99) == []
    assert [event.id for event, _ in history.events(before_id=2, limit=5)] == [1]
