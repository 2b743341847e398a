"""Texts and numbers that some database or encoder refuses: they hurt nobody, least of all the others."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from automations.engine.contracts import Arrival, Occurrence
from automations.errors import RejectedError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ToyConnection, arrival

NASTY = [
    "nul \x00 inside",
    "lone \ud800 surrogate",
    "\u202e back to front",
    "' OR 1=1 --",
    "%s ? :a {}",
    "x" * 9_000,
]


def random_text(length: int) -> str:
    chance = random.Random(3)
    return "".join(chance.choice(string.ascii_letters + string.digits) for _ in range(length))


@pytest.mark.parametrize("text", [*NASTY, random_text(60_000)])
def test_hostile_names_are_stored_decided_and_delivered(
    house: ToyHouse, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ToyConnection.read

    def read(self: ToyConnection, topic: str, payload: bytes) -> Occurrence:
        plain = original(self, topic, payload)
        return Occurrence(**{**plain.__dict__, "label": text, "record_key": f"thing:{text}"})

    monkeypatch.setattr(ToyConnection, "read", read)
    house.recipe()
    plain = arrival(1)
    house.send(Arrival("thing.happened", f"thing:{text}", f"1-{text}", plain.payload))
    assert house.send(Arrival("thing.happened", f"thing:{text}", f"1-{text}", plain.payload))[0].duplicate
    house.send(arrival(2))
    house.work()
    assert sorted(house.target.texts()) == ["1/0", "2/0"]
    assert [line.run.status for line in house.assembly.history.runs()] == ["succeeded"] * 2


@pytest.mark.parametrize("text", NASTY)
def test_hostile_messages_of_a_target_are_kept(house: ToyHouse, text: str) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError(text)]
    house.send(arrival(1), arrival(2))
    house.work()
    assert house.statuses() == ["parked", "succeeded"]
    (line,) = house.assembly.history.runs(status="parked")
    assert line.run.reason


def test_two_long_keys_that_differ_at_their_end_are_two_events(house: ToyHouse) -> None:
    house.recipe()
    long = random_text(5_000)
    payloads = [arrival(1).payload, arrival(2).payload]
    found = house.send(*(Arrival("thing.happened", "", f"{long}{n}", p) for n, p in enumerate(payloads)))
    assert [one.duplicate for one in found] == [False, False]


def test_digits_are_never_lost_between_the_event_and_the_target(house: ToyHouse) -> None:
    big = 10**25 + 7
    house.recipe(
        steps=[
            house.step("first", name="first", fields={"count": str(big)}),
            house.step("{{ steps.first.big }}", name="second", wait="10m"),
        ]
    )
    house.target.more_outputs = {"big": big}
    house.thing(1)
    house.work()
    house.crash()
    house.clock.advance(minutes=11)
    house.work()
    assert house.target.texts() == ["first", str(big)]
    first, _ = house.assembly.history.run(1).deliveries
    assert first.delivery.fields == {"text": "first", "count": big}
    assert first.delivery.outputs is not None
    assert first.delivery.outputs["big"] == big


@pytest.mark.parametrize(
    "outputs",
    [{"text": "\ud800"}, {"what": {1, 2}}, {"what": object()}, {"n": float("nan")}, {"\x00": 1}, {3: "x"}],
)
def test_outputs_that_are_no_json_stop_nobody(house: ToyHouse, outputs: dict[Any, Any]) -> None:
    house.recipe()
    house.target.more_outputs = outputs
    house.send(arrival(1), arrival(2))
    house.work()
    assert sorted(house.target.texts()) == ["1/0", "2/0"]
    assert house.statuses() == ["succeeded"] * 2
    house.assembly.history.run(1)


@pytest.mark.parametrize("search", ["9" * 30, "²", "\x00", "%", "_", "\\", "thing:" + "9" * 30, "a\ud800"])
def test_hostile_searches_find_nothing_and_break_nothing(house: ToyHouse, search: str) -> None:
    house.recipe()
    house.thing(1)
    house.work()
    assert house.assembly.history.runs(search=search) == []
