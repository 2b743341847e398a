"""A run that crashes, fails and comes back at any moment repeats nothing that is closed, and ends the same."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automations.engine.compiled import CompiledRecipe
from automations.engine.context import Envelope
from automations.engine.contracts import Occurrence
from automations.engine.done_before import PastDelivery
from automations.engine.stepping import Close, End, Send, WaitUntil, Walk
from automations.model.states import CLOSED_DELIVERIES, DeliveryStatus, RunStatus
from tests.engine.conftest import HandClock
from tests.properties.conftest import Compile

Place = tuple[int, int]
#: What may happen to one delivery on its way, and what the ledger holds afterwards.
FATES = ("crash before opening", "crash before the call", "crash after the call", "unknown", "later", "done")
TAGS = ("a", "b", "a", "c")


@dataclass
class Ledger:
    """The rows of one run, as a crash finds them."""

    past: dict[Place, PastDelivery] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    effects: Counter[Place] = field(default_factory=Counter)

    def put(self, place: Place, status: DeliveryStatus, fields: Any, **more: Any) -> None:
        before = self.past.get(place)
        assert before is None or before.status not in CLOSED_DELIVERIES, f"{place} was closed"
        opened = status == DeliveryStatus.SENDING
        attempts = (before.attempts if before else 0) + opened
        kind = more.get("kind", "")
        self.past[place] = PastDelivery(
            delivery_id=before.delivery_id if before else len(self.past) + 1,
            status=status,
            reason_kind=kind,
            fields=fields,
            outputs=more.get("outputs"),
            attempts=attempts,
            idempotency_key=f"run-1-{place}",
        )


@pytest.fixture(scope="module")
def recipe(compiled: Compile) -> CompiledRecipe:
    def step(name: str, text: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "action": "toy.write_down",
            "connection": "toys",
            "fields": {"text": text},
            **more,
        }

    return compiled(
        {
            "steps": [
                step("first", "{{ thing.name }}"),
                step("each", "{{ item }} after {{ steps.first.text }}", for_each="{{ thing.tags }}"),
                step("never", "x", only_if="{{ thing.id > 5 }}"),
                step("late", "{{ steps.each.text }}", wait="10m"),
            ]
        }
    )


def walk(recipe: CompiledRecipe, ledger: Ledger) -> Walk:
    record = {"id": 1, "name": "Ball", "tags": list(TAGS)}
    occurrence = Occurrence("thing.happened", "thing", record, None, "thing:1")
    memory = copy.deepcopy(ledger.memory)
    return Walk(recipe, occurrence, Envelope(), memory, run_id=1, past=dict(ledger.past))


def go(recipe: CompiledRecipe, ledger: Ledger, fates: list[str]) -> End:
    """Walk until the end, over as many lives as the fates ask for; once they are used up, all goes well."""
    clock = HandClock()
    for _ in range(len(fates) + 10):
        ended = _one_life(walk(recipe, ledger), ledger, fates, clock)
        if ended is not None:
            return ended
        clock.advance(minutes=30)
    raise AssertionError("it never ended")


def _one_life(one: Walk, ledger: Ledger, fates: list[str], clock: HandClock) -> End | None:
    while True:
        move = one.next_move(clock.now())
        again = one.next_move(clock.now())
        assert type(again) is type(move), "asked twice, it answered two things"
        if isinstance(move, End):
            ledger.memory = copy.deepcopy(one.memory)
            return move
        if isinstance(move, WaitUntil):
            assert move.at - clock.now() == timedelta(minutes=10)
            one.waited()
            ledger.memory = copy.deepcopy(one.memory)
            return None
        if isinstance(move, Close):
            ledger.put((move.step.index, move.item_index), move.status, None)
            one.done(move.status, None, move.reason)
            continue
        assert isinstance(move, Send)
        if not _sent(one, move, ledger, fates.pop(0) if fates else "done"):
            return None


def _sent(one: Walk, send: Send, ledger: Ledger, fate: str) -> bool:
    """Let a delivery meet its fate; return whether its worker is still there with the run in hand."""
    place = (send.step.index, send.item_index)
    before = ledger.past.get(place)
    assert send.in_doubt is (
        before is not None and (before.status == DeliveryStatus.SENDING or before.reason_kind == "unknown")
    )
    if fate == "crash before opening":
        return False
    fields = send.fields.model_dump(mode="json", exclude_unset=True)
    assert before is None or before.fields == fields, "a retry must send the same"
    ledger.put(place, DeliveryStatus.SENDING, fields)
    if fate == "crash before the call":
        return False
    ledger.effects[place] += 1
    if fate == "crash after the call":
        return False
    if fate in ("unknown", "later"):
        kind = "unknown" if fate == "unknown" else "unavailable"
        ledger.put(place, DeliveryStatus.WAITING, fields, kind=kind)
        ledger.memory = copy.deepcopy(one.memory)
        return False
    outputs = {"text": fields["text"]}
    ledger.put(place, DeliveryStatus.SUCCEEDED, fields, outputs=outputs)
    one.done(DeliveryStatus.SUCCEEDED, outputs)
    return True


def told(ledger: Ledger) -> dict[str, Any]:
    """Return what is left of a run: its steps' outcomes and what was sent, without what tells how often."""
    steps = {
        name: {k: v for k, v in s.items() if k != "reason"} for name, s in ledger.memory["steps"].items()
    }
    return {"steps": steps, "sent": {place: past.fields for place, past in sorted(ledger.past.items())}}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(FATES), max_size=25))
def test_any_interleaving_of_crashes_ends_as_if_there_had_been_none(
    recipe: CompiledRecipe, fates: list[str]
) -> None:
    smooth, rough = Ledger(), Ledger()
    assert go(recipe, smooth, []).status == RunStatus.SUCCEEDED
    repeated = sum(fate in ("crash after the call", "unknown", "later") for fate in fates)
    assert go(recipe, rough, list(fates)).status == RunStatus.SUCCEEDED
    assert told(rough) == told(smooth)
    assert set(smooth.effects.values()) == {1}
    # Only what was in doubt is done again; `put` has refused everything that was closed.
    assert sum(rough.effects.values()) <= sum(smooth.effects.values()) + repeated
    assert all(past.status in CLOSED_DELIVERIES for past in rough.past.values())
