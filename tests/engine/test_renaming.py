"""A connection gets another name, and nothing that depends on it notices."""

from __future__ import annotations

import threading

import pytest

from automations.engine.definition import parse_definition
from automations.errors import InputError, NotFoundError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.replaying import FAILED, replay, two_steps


def test_recipes_of_all_versions_follow(house: ToyHouse) -> None:
    number = house.recipe()
    house.recipe(description="second")
    house.assembly.connections.save("toy", "other", {"target": "x", "token": "t"})
    draft = {
        "name": "note",
        "trigger": {"key": "toy.thing_happened", "connection": "toys"},
        "steps": [house.step(), house.step(name="elsewhere", connection="other")],
    }
    house.assembly.recipes.save_draft(parse_definition(draft), recipe_id=number)
    house.assembly.connections.rename("toys", "acme toys")
    definitions = [version.definition for version in house.assembly.recipes.versions(number)]
    assert len(definitions) == 3
    for definition in definitions:
        assert definition["trigger"]["connection"] == "acme toys"
        assert definition["steps"][0]["connection"] == "acme toys"
    assert definitions[0]["steps"][1]["connection"] == "other"
    assert "connection: acme toys" in house.assembly.recipes.export("note")


def test_events_go_on_through_the_recipe_in_a_worker_that_runs_already(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    house.assembly.connections.rename("toys", "acme toys")
    house.thing(2)
    house.work()
    assert house.target.texts() == ["1/0", "2/0"]
    assert house.statuses() == ["succeeded", "succeeded"]


def test_a_run_under_way_goes_on(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down")]
    house.thing(1)
    house.work()
    house.crash()
    house.assembly.connections.rename("toys", "acme toys")
    house.clock.advance(seconds=60)
    house.work()
    assert house.statuses() == ["succeeded"]


def test_secrets_address_and_history_stay(house: ToyHouse) -> None:
    connections = house.assembly.connections
    house.recipe()
    house.thing(1)
    house.work()
    before = connections.open(house.connection.id or 0)
    house.clock.advance(seconds=5)
    renamed = connections.rename("toys", "acme toys")
    after = connections.open(house.connection.id or 0)
    assert (renamed.id, after.name) == (house.connection.id, "acme toys")
    assert after.settings == before.settings
    assert (after.hook_token, after.hook_password) == (before.hook_token, before.hook_password)
    assert connections.reveal("acme toys")["token"] == "s3cret-token"
    _, name = house.assembly.history.event(1)
    assert name == "acme toys"
    with pytest.raises(NotFoundError):
        connections.get("toys")


def test_a_name_that_cannot_be_taken_changes_nothing(house: ToyHouse) -> None:
    connections = house.assembly.connections
    connections.save("toy", "other", {"target": "x", "token": "t"})
    for name, said in (("other", "already"), ("", "a name of 1 to 200"), (" x", "a name of 1 to 200")):
        with pytest.raises(InputError, match=said):
            connections.rename("toys", name)
    with pytest.raises(NotFoundError, match="Did you mean 'toys'"):
        connections.rename("toy", "x")
    assert connections.rename("toys", "toys").name == "toys"
    assert connections.reveal("toys")["token"] == "s3cret-token"


def test_the_old_name_is_free_again(house: ToyHouse) -> None:
    connections = house.assembly.connections
    connections.rename("toys", "acme toys")
    again = connections.save("toy", "toys", {"target": "x", "token": "t"})
    assert again.id != house.connection.id


def test_a_replay_after_it_begins_where_the_run_stopped(house: ToyHouse) -> None:
    house.recipe(steps=two_steps(house))
    house.target.errors_for["second 1"] = [RejectedError("no"), RejectedError("no")]
    house.thing(1)
    house.work()
    second = replay(house, 1, FAILED)
    house.assembly.connections.rename("toys", "acme toys")
    third = replay(house, second, FAILED)
    assert house.target.texts() == ["first 1", "second 1"]
    assert house.assembly.history.run(third).run.memory["begin"] == 1  # type: ignore[index]


def test_secrets_that_are_stored_anew_meanwhile_stay_readable(house: ToyHouse) -> None:
    connections = house.assembly.connections
    renaming = threading.Thread(target=connections.rename, args=("toys", "acme toys"))
    with connections.changing(house.connection.id or 0) as (_, sealed):
        renaming.start()
        # It waits for this block; without a lock it would be over by now.
        renaming.join(timeout=0.5)
        sealed["token"] = "fresh"
    renaming.join()
    assert connections.reveal("acme toys")["token"] == "fresh"
