"""Hops: how many runs lie behind what somebody posts is kept with its event and counts for its circle."""

from __future__ import annotations

from dataclasses import replace

from automations.engine.chains import Chains
from automations.model.guards import Lineage
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ToyConnection, arrival


def test_hops_of_an_arrival_are_the_depth_of_its_event(house: ToyHouse) -> None:
    (kept, plain) = house.send(replace(arrival(1), hops=3), arrival(2))
    with house.assembly.database.read() as session:
        row = session.get_one(Lineage, kept.event_id)
        assert (row.depth, row.caused_by) == (3, None)
        assert session.get(Lineage, plain.event_id) is None


def test_an_event_that_came_a_long_way_starts_nothing_more(house: ToyHouse, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(ToyConnection, "counts_hops", True)
    house.recipe("listener")
    house.send(replace(arrival(1), hops=5))
    house.send(replace(arrival(2), hops=6))
    house.work()
    assert house.target.texts() == ["1/0"]
    (cut,) = [line.run for line in house.assembly.history.runs() if line.run.reason_kind == "loop"]
    assert cut.reason == "stopped a circle: listener"


def test_what_follows_from_it_counts_on(house: ToyHouse, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(ToyConnection, "counts_hops", True)
    paint = {"name": "paint", "action": "toy.paint", "connection": "toys", "fields": {"id": 1, "text": "red"}}
    house.recipe("painter", [paint])
    house.send(replace(arrival(1), hops=2))
    house.work()
    house.recipe("listener", trigger={"own_changes": "allow"})
    (back,) = house.send(arrival(1, 1, by="api", color="red", previous={"color": "blue"}))
    house.work()
    with house.assembly.database.read() as session:
        row = session.get_one(Lineage, back.event_id)
    assert (row.depth, row.caused_by) == (3, 1)
    (listened,) = [line.run for line in house.assembly.history.runs() if line.recipe == "listener"]
    chain = Chains(house.assembly.database).of(listened)
    assert [(link.recipe, link.run_id) for link in chain.before] == [("painter", 1)]
    assert (chain.depth, chain.hops) == (3, 2)
    (first,) = [line.run for line in house.assembly.history.runs() if line.recipe == "painter"]
    assert [link.recipe for link in Chains(house.assembly.database).of(first).after] == ["listener"]
