"""What was done before: by this run, before a wait, a retry or a crash, and by the runs that it replays.

What is closed stays closed, what is in doubt is settled first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from automations.engine.contracts import ActionFields, JsonObject
from automations.engine.items import in_other_list, in_same_list
from automations.model.states import CLOSED_DELIVERIES, DeliveryStatus

CARRIED = "carried"
"""The reason kind of a delivery that was closed because an earlier run had done it already."""


@dataclass(frozen=True)
class PastDelivery:
    """A delivery that exists already, from before a wait, a retry or a crash."""

    delivery_id: int
    status: DeliveryStatus
    reason_kind: str
    fields: JsonObject | None
    outputs: JsonObject | None
    attempts: int
    created_at: datetime | None = None
    idempotency_key: str = ""


@dataclass(frozen=True)
class Carried:
    """One effect of an earlier run; the names are those of `model.replay.CarriedEffect`."""

    step_name: str
    item_key: str
    item_index: int
    status: DeliveryStatus
    reason: str
    fields: JsonObject | None
    outputs: JsonObject | None
    idempotency_key: str
    tried_at: datetime

    @property
    def identity(self) -> tuple[str, str, int]:
        """Which item of which step it is; an item that has a key is known wherever it stands."""
        return self.step_name, in_same_list(self.item_key), 0 if self.item_key else self.item_index

    @property
    def closed(self) -> bool:
        return self.status in CLOSED_DELIVERIES


@dataclass(frozen=True)
class Doubt:
    """An earlier run's try that may have done its work: what it sent, under which key, and when first."""

    fields: ActionFields
    key: str
    first_tried_at: datetime


class CarriedEffects:
    """What one run brings along, found by step and item."""

    def __init__(self, effects: Iterable[Carried] = ()) -> None:
        self._found: dict[tuple[str, str, int], list[Carried]] = {}
        for effect in effects:
            self._found.setdefault(effect.identity, []).append(effect)
        self._steps = frozenset(step_name for step_name, _, _ in self._found)

    def of(self, step_name: str, item_key: str, item_index: int) -> Sequence[Carried]:
        """Return the effects of this very item; those from before items had keys are known by their place."""
        if not self._found:
            return ()
        for known_by in (in_same_list(item_key), in_other_list(item_key)):
            if known_by and (found := self._found.get((step_name, known_by, 0))):
                return found
        return self._found.get((step_name, "", item_index), ())

    def begun(self, step_name: str) -> bool:
        """Tell whether an earlier run came as far as this step, and so had its `wait` behind it."""
        return step_name in self._steps
