"""Our own writes coming back: known, left out or let in, chained, and cut when they go round."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import col, select

from automations.engine.backfill import Wish
from automations.engine.contracts import Imprint, Verb
from automations.engine.footprints import Author, Footprints
from automations.errors import OutcomeUnknownError, RejectedError
from automations.model.guards import Lineage, Stop
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import do_jobs
from tests.engine.toy import arrival


def paint(color: str = "{{ thing.want }}", thing: str | None = "{{ thing.id }}") -> list[dict[str, Any]]:
    fields = {"text": color} | ({"id": thing} if thing else {})
    return [{"name": "paint", "action": "toy.paint", "connection": "toys", "fields": fields}]


def echo(house: ToyHouse, number: int, color: str, n: int = 1, **more: Any) -> int:
    """Let the other side tell of a new color, as a program's change; return the event's id."""
    told = {"previous": {"color": "old"}, "color": color, "by": "api", "want": color, **more}
    (accepted,) = house.send(arrival(number, n, **told))
    assert accepted.event_id is not None
    return int(accepted.event_id)


def why(house: ToyHouse, event_id: int, recipe: str) -> tuple[str, str]:
    (line,) = [one for one in house.assembly.history.why(event_id) if one.recipe == recipe]
    return line.answer, line.reason


def lineage(house: ToyHouse, event_id: int) -> Lineage | None:
    with house.assembly.database.read() as session:
        return session.get(Lineage, event_id)


def test_our_own_change_starts_nothing_and_says_whose_it_is(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    back = echo(house, 1, "red")
    house.work()
    assert house.target.texts() == ["red"]
    assert why(house, back, "painter") == (
        "not triggered",
        "this is our own change, written by run 1 of “painter”",
    )


def test_a_recipe_may_let_our_own_changes_in(house: ToyHouse) -> None:
    house.recipe("painter", paint("red"))
    house.recipe("listener", trigger={"own_changes": "allow"})
    house.thing(1, want="red")
    house.work()
    back = echo(house, 1, "red")
    house.work()
    assert f"1/{1}" in house.target.texts()
    assert why(house, back, "painter")[0] == "not triggered"
    found = lineage(house, back)
    assert found is not None
    assert (found.chain, found.depth, found.caused_by) == ("1", 1, 1)


def test_a_person_who_changes_another_field_too_is_not_lost(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    back = echo(house, 1, "red", size=5, previous={"color": "old", "size": 4}, want="blue")
    house.work()
    assert why(house, back, "painter")[0] == "ran"
    assert lineage(house, back) is None


def test_a_persons_same_change_is_theirs(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    back = echo(house, 1, "red", by="person")
    house.work()
    assert why(house, back, "painter")[0] == "ran"


def test_after_an_hour_nothing_is_ours_any_more(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    house.clock.advance(minutes=61)
    back = echo(house, 1, "red")
    house.work()
    assert why(house, back, "painter")[0] == "ran"
    assert Footprints(house.assembly.database, house.clock).forget_old() == 1


def test_a_webhook_that_comes_before_the_reply_is_known(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    told: list[int] = []
    house.target.on_write = lambda number, color: told.append(echo(house, number, color, n=50 + len(told)))
    house.thing(1, want="red")
    house.work()
    house.target.on_write = lambda number, color: None
    house.work()
    assert why(house, told[0], "painter")[0] == "not triggered"
    assert house.target.texts() == ["red"]


def test_a_write_that_was_refused_leaves_no_footprint(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.target.next_errors.append(RejectedError("no"))
    house.thing(1, want="red")
    house.work()
    back = echo(house, 1, "red")
    house.work()
    assert why(house, back, "painter")[0] == "ran"


def test_another_workers_write_is_known_too(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    house.crash()
    back = echo(house, 1, "red")
    house.work()
    assert why(house, back, "painter")[0] == "not triggered"


# -- new records ----------------------------------------------------------------------------------


def test_a_record_that_we_made_is_known_although_its_webhook_came_first(house: ToyHouse) -> None:
    house.recipe("maker", paint(thing=None), only_if="{{ thing.want }}")
    told: list[int] = []
    house.target.on_write = lambda number, color: told.append(
        echo(house, number, color, verb="create", previous=None)
    )
    house.thing(1, want="red")
    house.work()
    house.work()
    assert why(house, told[0], "maker")[0] == "not triggered"


def test_a_record_just_like_ours_made_by_somebody_else_meanwhile_is_not_lost(house: ToyHouse) -> None:
    house.recipe("maker", paint(thing=None))
    theirs: list[int] = []
    house.target.on_write = lambda number, color: theirs.append(
        echo(house, 5_000, color, verb="create", previous=None, want="again")
    )
    house.target.gate = threading.Event()
    house.thing(1, want="red")
    runner = house.runner
    while not theirs:
        runner.turn()
    house.target.on_write = lambda number, color: None
    runner.turn()
    assert why(house, theirs[0], "maker")[0] == "waiting"
    house.target.gate.set()
    house.work()
    house.work()
    assert why(house, theirs[0], "maker")[0] == "ran"
    assert house.target.texts() == ["red", "again"]


def test_what_waits_for_a_reply_leaves_room_for_what_does_not(house: ToyHouse) -> None:
    house.recipe("maker", paint(thing=None), only_if="{{ thing.want }}")
    told: list[int] = []
    house.target.on_write = lambda number, color: told.append(
        echo(house, number, color, verb="create", previous=None)
    )
    house.target.gate = threading.Event()
    house.thing(1, want="red")
    runner = house.runner
    while not told:
        runner.turn()
    house.thing(2)
    assert runner._decider.decide_pending(1, runner._loader.remember) == 1
    assert why(house, told[0], "maker")[0] == "waiting"
    house.target.gate.set()
    house.work()
    house.work()
    assert why(house, told[0], "maker")[0] == "not triggered"


def test_a_record_whose_reply_was_lost_is_known_by_its_values(house: ToyHouse) -> None:
    footprints = Footprints(house.assembly.database, house.clock)
    made = Imprint("thing", Verb.CREATE, "", {"color": "red"})
    with pytest.raises(OutcomeUnknownError), footprints.writing(house.connection.id or 0, [made], Author()):
        raise OutcomeUnknownError("timed out")
    house.recipe("painter", paint())
    back = echo(house, 9, "red", verb="create", previous=None)
    house.work()
    assert why(house, back, "painter") == ("not triggered", "this is our own change, written by a test-run")


# -- circles --------------------------------------------------------------------------------------


def circle(house: ToyHouse) -> None:
    """Two recipes that start each other: each paints what the other waits for, in another color each time."""
    for name, color in (("ping", "red"), ("pong", "blue")):
        other = "blue" if color == "red" else "red"
        trigger = {"own_changes": "allow", "fields": {"color": other}}
        house.recipe(name, paint(color), trigger=trigger)
    count = iter(range(100, 1_000))
    house.target.on_write = lambda number, color: echo(house, number, color, n=next(count))  # type: ignore[func-returns-value]


def settle(house: ToyHouse) -> None:
    for _ in range(30):
        house.work()


def test_a_circle_is_cut_and_told_with_its_recipes(house: ToyHouse) -> None:
    circle(house)
    house.thing(1, color="blue")
    settle(house)
    assert house.target.texts() == ["red", "blue", "red", "blue", "red", "blue"]
    cut = [line.run for line in house.assembly.history.runs() if line.run.reason_kind == "loop"]
    assert [str(run.status) for run in cut] == ["filtered"]
    assert cut[0].reason == "stopped a circle: ping → pong → ping → pong → ping → pong → ping"
    with house.assembly.database.read() as session:
        (stop,) = session.exec(select(Stop)).all()
    assert (stop.kind, stop.reason) == ("circle", cut[0].reason)


def test_a_chain_keeps_its_beginning(house: ToyHouse) -> None:
    circle(house)
    (first,) = house.send(arrival(1, 0, color="blue"))
    settle(house)
    with house.assembly.database.read() as session:
        rows = session.exec(select(Lineage).order_by(col(Lineage.event_id))).all()
    assert [row.depth for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row.chain for row in rows} == {str(first.event_id)}


def test_records_that_are_filled_in_are_nobodys_change(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    recipe_id = house.recipe("listener")
    house.target.keep(1, "2026-11-20T10:00:00+00:00", by="api", color="red", n=7)
    house.target.keep(2, "2026-11-20T10:00:00+00:00", by="api", color="blue", n=7)
    house.assembly.backfills.start(recipe_id, Wish())
    do_jobs(house)
    house.work()
    assert [text for text in house.target.texts() if text.endswith("/7")] == ["1/7", "2/7"]


def test_a_value_that_comes_back_long_after_we_wrote_it_is_somebody_elses(house: ToyHouse) -> None:
    house.recipe("painter", paint())
    house.thing(1, want="red")
    house.work()
    house.clock.advance(minutes=10)
    when = house.clock.now()
    for n, color, before in ((1, "blue", "red"), (2, "red", "blue")):
        told = arrival(1, n, previous={"color": before}, color=color, by="api", want=f"{color}ish")
        house.send(replace(told, occurred_at=when))
        house.work()
    assert house.target.texts() == ["red", "blueish", "redish"]
