"""Accounts: saved, opened, paused, removed; their secrets stay where they are."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from automations.engine.connections import KEPT
from automations.errors import CredentialsError, InputError, NotFoundError, UnavailableError
from automations.model.states import ConnectionState
from tests.engine.conftest import ToyHouse
from tests.engine.toy import TARGETS, ToyConnection


def set_state(house: ToyHouse, state: ConnectionState) -> None:
    with house.assembly.database.write() as session:
        row = house.assembly.connections.get("toys")
        row.state = state
        session.merge(row)


def test_a_secret_is_neither_stored_nor_shown_in_clear(house: ToyHouse) -> None:
    connections = house.assembly.connections
    row = connections.save("toy", "long", {"target": "x", "token": "a-very-long-secret-token"})
    with house.assembly.database.connect_for_read() as connection:
        stored = repr(connection.execute(text("SELECT * FROM connection")).all())
    assert "a-very-long-secret-token" not in stored
    assert "s3cret-token" not in stored
    shown = connections.shown(row)
    assert shown["token"] == KEPT + "oken"
    assert shown["target"] == "x"
    assert connections.reveal("long")["token"] == "a-very-long-secret-token"


def test_what_is_not_given_stays_and_the_kept_mark_leaves_a_secret_alone(house: ToyHouse) -> None:
    connections = house.assembly.connections
    target = connections.reveal("toys")["target"]
    connections.save("toy", "toys", {"token": KEPT})
    assert connections.reveal("toys")["token"] == "s3cret-token"
    connections.save("toy", "toys", {"token": "other-token"})
    assert connections.reveal("toys") | {"hook_password": ""} == {
        "target": target, "token": "other-token", "hook_user": "automations", "hook_password": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "given", "said"),
    [
        ("toi", "x", {}, "Did you mean 'toy'"),
        ("toy", "", {}, "a name of 1 to 200"),
        ("toy", " x", {}, "a name of 1 to 200"),
        ("toy", "x\n", {}, "a name of 1 to 200"),
        ("toy", "x" * 201, {}, "a name of 1 to 200"),
        ("toy", "x", {"tokn": "1"}, "Did you mean 'token'"),
        ("toy", "x", {"token": "1"}, "Target: is required"),
        ("toy", "x", {"target": "t", "token": "env:HOME"}, "only on the machine"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(
    house: ToyHouse, kind: str, name: str, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        house.assembly.connections.save(kind, name, given)
    assert [row.name for row in house.assembly.connections.all()] == ["toys"]


def test_a_name_belongs_to_one_kind(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.assembly.registry.kinds, "other", ToyConnection())
    with pytest.raises(InputError, match="is a toy connection"):
        house.assembly.connections.save("other", "toys", {})


def test_a_changed_host_drops_the_secret_that_is_not_given_with_it(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyConnection, "hosts", lambda _self, settings: frozenset({settings.target}))
    with pytest.raises(InputError, match="Token: is required"):
        house.assembly.connections.save("toy", "toys", {"target": "evil.example"})


def test_what_another_process_changes_is_seen_within_a_second(house: ToyHouse) -> None:
    ours, theirs = house.assembly.connections, type(house.assembly.connections)
    connection_id = house.connection.id or 0
    assert ours.open(connection_id).settings.token == "s3cret-token"
    other = theirs(
        house.assembly.database, house.assembly.registry, house.assembly.sealer, house.clock,
        house.assembly._open_door, ours.grants._calls,
    )  # fmt: skip
    house.clock.advance(seconds=0.1)
    other.save("toy", "toys", {"token": "new-token"})
    house.clock.advance(seconds=1)
    assert ours.open(connection_id).settings.token == "new-token"


def test_a_connection_that_received_events_is_kept_with_them(house: ToyHouse) -> None:
    house.thing(1)
    with pytest.raises(InputError, match="history"):
        house.assembly.connections.remove("toys")
    house.assembly.history.event(1)


def test_a_connection_in_use_is_not_removed(house: ToyHouse) -> None:
    house.recipe("uses it")
    with pytest.raises(InputError, match="uses it"):
        house.assembly.connections.remove("toys")


def test_a_connection_that_nothing_knows_is_removed_with_what_it_remembers(house: ToyHouse) -> None:
    connections = house.assembly.connections
    memory = connections.directory(house.connection.id or 0)
    memory.put("stages", [{"id": 1, "name": "New"}])
    memory.remember("thing", "name", "Ball", "7")
    connections.remove("toys")
    with pytest.raises(NotFoundError):
        connections.get("toys")
    with pytest.raises(NotFoundError):
        connections.remove("toys")


def test_a_test_does_not_start_what_a_person_stopped(house: ToyHouse) -> None:
    set_state(house, ConnectionState.STOPPED)
    house.assembly.connections.test("toys")
    assert house.assembly.connections.get("toys").state == ConnectionState.STOPPED
    house.recipe()
    house.thing(1)
    house.work()
    assert house.target.texts() == []


def test_a_failed_test_is_noted_and_pauses_only_for_credentials(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = house.assembly.connections

    def fails_with(error: Exception) -> None:
        def fail(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(ToyConnection, "test", fail)

    fails_with(UnavailableError("down"))
    with pytest.raises(UnavailableError):
        connections.test("toys")
    assert connections.get("toys").state == ConnectionState.OK
    assert connections.get("toys").test_report == {"ok": False, "summary": "down", "facts": {}}
    fails_with(CredentialsError("wrong"))
    with pytest.raises(CredentialsError):
        connections.test("toys")
    assert connections.get("toys").state == ConnectionState.PAUSED


def test_the_masker_knows_secrets_of_connections_that_cannot_be_opened(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(house.assembly.registry.kinds, "toy")
    house.clock.advance(seconds=2)
    assert "s3cret-token" not in house.assembly.connections.masker().text("it is s3cret-token")


def test_a_recipe_works_again_when_its_connection_is_back(house: ToyHouse) -> None:
    connections = house.assembly.connections
    TARGETS["second"] = house.target
    house.assembly.connections.save("toy", "second", {"target": "second", "token": "t"})
    house.recipe(steps=[house.step(connection="second")])
    # As after a restore of half a backup: the row is gone behind everybody's back.
    with house.assembly.database.write() as session:
        session.execute(text("DELETE FROM connection WHERE name='second'"))
    house.thing(1)
    house.work()
    assert house.statuses() == ["parked"]
    connections.save("toy", "second", {"target": "second", "token": "t"})
    house.thing(2)
    house.work()
    assert house.target.texts() == ["2/0"]
    del TARGETS["second"]


def test_a_hold_only_ever_gets_longer_and_ends_with_a_good_test(house: ToyHouse) -> None:
    connections, connection_id = house.assembly.connections, house.connection.id or 0
    now = house.clock.now()
    house.clock.advance(hours=1)
    later = house.clock.now()
    connections.hold(connection_id, later)
    connections.hold(connection_id, now)
    assert connections.get("toys").hold_until == later
    connections.test("toys")
    assert connections.get("toys").hold_until is None


def test_a_pause_is_told_once(house: ToyHouse) -> None:
    from automations.engine.signals import connection_paused

    heard: list[Any] = []

    def hear(_sender: Any, **facts: Any) -> None:
        heard.append(facts["reason"])

    with connection_paused.connected_to(hear):
        for _ in range(3):
            house.assembly.connections.pause(house.connection.id or 0, "401")
    assert heard == ["401"]
