"""The test-run: the same way as a real run, with nothing kept and, offline, nothing leaving."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import DoorMode, Occurrence
from automations.engine.definition import parse_definition
from automations.errors import RejectedError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ThingHappened, ToyConnection


def compiled(house: ToyHouse, *steps: dict[str, Any], **more: Any) -> CompiledRecipe:
    trigger = {"key": "toy.thing_happened", "connection": "toys", **more.pop("trigger", {})}
    tree = {"name": "t", "trigger": trigger, "steps": list(steps) or [house.step()], **more}
    return house.assembly.recipes.compile(parse_definition(tree))


def thing(**record: Any) -> Occurrence:
    return Occurrence("thing.happened", "thing", {"id": 1, "n": 0, **record}, None, "thing:1", "Ball")


@pytest.fixture
def no_sockets(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every socket, whatever it would be for."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


class CallsOut(ToyConnection):
    """A kind whose client reaches for the network as soon as it is asked for anything."""

    def client(self, settings: Any, door: Any, directory: Any) -> Any:
        made = super().client(settings, door, directory)
        made.door = door
        return made

    def load_related(self, occurrences: Any, needs: Any, client: Any) -> Any:
        client.door.send("GET", "http://127.0.0.1:9/owners", effect="read")
        return [{} for _ in occurrences]


@pytest.mark.usefixtures("no_sockets")
def test_offline_opens_no_socket_even_for_a_look_up(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.assembly.registry.kinds, "toy", CallsOut())
    recipe = compiled(house, house.step("{{ thing.owner.name | default('nobody') }}"))
    answer = house.assembly.test_runs.run(recipe, thing())
    assert answer["outcome"] == "ok"
    (look_up,) = answer["look_ups"]
    assert (look_up["method"], look_up["url"]) == ("GET", "http://127.0.0.1:9/owners")


def test_a_test_writes_nothing_into_the_history(house: ToyHouse) -> None:
    answer = house.assembly.test_runs.run(compiled(house), thing(), DoorMode.LIVE)
    assert answer["outcome"] == "ok"
    assert answer["steps"][0]["outputs"]["text"] == "1/0"
    assert house.assembly.history.runs() == []
    assert house.statuses() == []


def test_what_filters_is_told_line_by_line(house: ToyHouse) -> None:
    condition = {
        "all": [
            {"left": "{{ thing.n }}", "op": "gte", "right": 5},
            {"left": "{{ thing.id }}", "op": "exists"},
        ]
    }
    answer = house.assembly.test_runs.run(compiled(house, only_if=condition), thing())
    assert answer["outcome"] == "filtered"
    assert answer["steps"] == []
    assert any("fails: thing.n is 0" in line for line in answer["why"])
    assert any(line.startswith("passes: thing.id") for line in answer["why"])


def test_the_trigger_itself_may_say_no(house: ToyHouse) -> None:
    recipe = compiled(house, trigger={"fields": {"color": "red"}})
    answer = house.assembly.test_runs.run(recipe, thing(color="blue"))
    assert (answer["outcome"], answer["why"]) == ("filtered", ["color is blue, wanted red"])


def test_an_error_names_step_and_field_and_stops_the_test(house: ToyHouse) -> None:
    recipe = compiled(
        house, house.step(name="a", fields={"count": "{{ thing.amount }}"}), house.step("never", name="b")
    )
    answer = house.assembly.test_runs.run(recipe, thing(amount="many"))
    assert answer["outcome"] == "error"
    (step,) = answer["steps"]
    assert (step["error"]["kind"], step["error"]["step"], step["error"]["field"]) == ("fields", "a", "count")


def test_continue_goes_on_and_waits_are_not_waited_for(house: ToyHouse) -> None:
    house.target.errors_for["bad"] = [RejectedError("no")]
    recipe = compiled(
        house,
        house.step("bad", name="a", on_error="continue"),
        house.step("{{ steps.a.status }}", name="b", wait="2d"),
    )
    answer = house.assembly.test_runs.run(recipe, thing(), DoorMode.LIVE)
    assert answer["outcome"] == "ok"
    assert [step["status"] for step in answer["steps"]] == ["parked", "succeeded"]
    assert answer["steps"][1]["fields"]["text"] == "parked"
    assert any("a test does not wait" in line for line in answer["why"])


def test_a_test_stops_after_the_step_it_is_about(house: ToyHouse) -> None:
    recipe = compiled(house, house.step("a", name="a"), house.step("b", name="b"))
    answer = house.assembly.test_runs.run(recipe, thing(), only_step="a")
    assert [step["name"] for step in answer["steps"]] == ["a"]


def test_a_test_of_many_items_says_where_it_stopped(house: ToyHouse) -> None:
    recipe = compiled(house, house.step("{{ item }}", for_each="{{ thing.tags }}"))
    answer = house.assembly.test_runs.run(recipe, thing(tags=list(range(3_000))))
    assert len(answer["steps"]) <= 1_000
    assert any("stops after" in line for line in answer["why"])


def test_a_connector_that_breaks_is_an_error_and_no_crash(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise KeyError("a bug")

    monkeypatch.setattr(ThingHappened, "narrow", breaks)
    answer = house.assembly.test_runs.run(compiled(house), thing())
    assert answer["outcome"] == "error"
    assert "KeyError" in answer["why"][0]


def test_no_secret_is_in_the_answer(house: ToyHouse) -> None:
    house.target.errors_for["1/0"] = [RejectedError("token s3cret-token is wrong")]
    answer = house.assembly.test_runs.run(compiled(house), thing(), DoorMode.LIVE)
    assert answer["outcome"] == "error"
    assert "s3cret-token" not in repr(answer)
