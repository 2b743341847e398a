"""What a run does next. Pure but for the templates it renders: values in, one move out.

Real runs and test-runs walk the same way; only who carries out the moves differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from automations.engine.compiled import CompiledRecipe, CompiledStep
from automations.engine.conditions import judge
from automations.engine.context import Envelope, build_context, with_item
from automations.engine.contracts import ActionFields, JsonObject, Occurrence
from automations.engine.done_before import CARRIED, Carried, CarriedEffects, Doubt, PastDelivery
from automations.engine.items import item_keys, items_of
from automations.errors import AutomationError, FieldsError, RecipeError
from automations.made_often import made_often
from automations.model.states import CLOSED_DELIVERIES, DeliveryStatus, RunStatus


@dataclass(frozen=True)
class LookUp:
    """Fetch the related records before anything else."""

    connection_id: int


@made_often
@dataclass(frozen=True)
class Send:
    """Make one delivery. delivery_id None: it has no row yet. in_doubt: an earlier try may have done it.

    doubts: tries of earlier runs, settled before this run's own. item_key: as in `model.history.Delivery`.
    subject: whom or what it is about, as its target knows them; empty where that does not matter.
    """

    step: CompiledStep
    item_index: int
    fields: ActionFields
    left_out: tuple[str, ...] = ()
    delivery_id: int | None = None
    attempts: int = 0
    in_doubt: bool = False
    first_tried_at: datetime | None = None
    subject: str = ""
    doubts: tuple[Doubt, ...] = ()
    item_key: str = ""


@dataclass(frozen=True)
class Close:
    """Close one delivery without a call: skipped with its reason, or parked because it cannot be rendered."""

    step: CompiledStep
    item_index: int
    status: DeliveryStatus
    reason: str
    reason_kind: str = ""
    error: AutomationError | None = None
    outputs: JsonObject | None = None
    item_key: str = ""


@dataclass(frozen=True)
class WaitUntil:
    """Go on at a time, durably."""

    at: datetime
    reason: str


@made_often
@dataclass(frozen=True)
class End:
    """The run is over."""

    status: RunStatus
    reason: str = ""
    reason_kind: str = ""


Move = LookUp | Send | Close | WaitUntil | End


@dataclass
class Walk:
    """One run on its way. `next_move` tells what to do; `done` takes what came of it.

    memory: what must survive a restart: `related`, `steps`, `waited` (index of the last step waited for), `begin`
    (index of the first step that a replay goes through). carried: what earlier runs did. keys: idempotency keys
    that are not this run's own, by step and item.
    """

    recipe: CompiledRecipe
    occurrence: Occurrence
    envelope: Envelope
    memory: JsonObject
    run_id: int = 0
    replay_number: int = 0
    step_index: int = 0
    item_index: int = 0
    past: dict[tuple[int, int], PastDelivery] = field(default_factory=dict)
    must_look_up: bool = False
    carried: CarriedEffects = field(default_factory=CarriedEffects)
    keys: dict[tuple[int, int], str] = field(default_factory=dict)
    _context: JsonObject | None = None
    _items: Sequence[Any] | None = None
    _keys: Sequence[str] | None = None

    @property
    def context(self) -> JsonObject:
        if self._context is None:
            self._context = build_context(
                self.occurrence,
                self.envelope,
                names=self.recipe.kind.names(self.occurrence),
                related=self.memory.get("related"),
                steps=self.memory.get("steps"),
            )
        return self._context

    def looked_up(self, related: Mapping[str, Any]) -> None:
        """Keep what was fetched; it stays the same for the whole run, over retries and restarts."""
        self.memory["related"] = dict(related)
        self._context = None
        self.must_look_up = False

    def next_move(self, now: datetime) -> Move:
        """Return what to do next. Asked again without `done`, it answers the same."""
        if self.must_look_up:
            return LookUp(self.recipe.connection.id)
        while self.step_index < len(self.recipe.steps):
            step = self.recipe.steps[self.step_index]
            if step.part.wait_s and not self._has_waited(step):
                return WaitUntil(
                    now + timedelta(seconds=step.part.wait_s), f"waits {step.part.wait} before {step.name}"
                )
            try:
                items = self._items_of(step)
            except RecipeError as error:
                self._items = [None]
                return Close(step, 0, DeliveryStatus.PARKED, error.message, error.kind, error)
            if self.item_index >= len(items):
                self._next_step()
                continue
            move = self._item_move(step, items)
            if move is not None:
                return move
        return End(RunStatus.SUCCEEDED)

    def _has_waited(self, step: CompiledStep) -> bool:
        return self.memory.get("waited", -1) >= step.index or self.carried.begun(step.name)

    def waited(self) -> None:
        """Note that the step's `wait` is over when the run comes back."""
        self.memory["waited"] = self.step_index

    def done(self, status: DeliveryStatus, outputs: Mapping[str, Any] | None, reason: str = "") -> None:
        """Take the outcome of the move for the present item, and go on."""
        step = self.recipe.steps[self.step_index]
        self._remember(step, status, outputs, reason)
        self.item_index += 1

    def _remember(
        self, step: CompiledStep, status: DeliveryStatus, outputs: Mapping[str, Any] | None, reason: str
    ) -> None:
        steps = self.memory.setdefault("steps", {})
        outcome = {**(outputs or {}), "status": str(status), "reason": reason}
        if step.for_each is not None and self.item_index > 0 and step.name in steps:
            before = steps[step.name]
            if before.get("status") == DeliveryStatus.PARKED:
                outcome["status"] = before["status"]
        steps[step.name] = outcome
        if self._context is not None:
            self._context["steps"] = dict(steps)

    def _next_step(self) -> None:
        step = self.recipe.steps[self.step_index]
        if self.item_index == 0:
            self._remember(step, DeliveryStatus.SKIPPED, None, "there was nothing to go through")
        self.step_index += 1
        self.item_index = 0
        self._items = self._keys = None

    def _items_of(self, step: CompiledStep) -> Sequence[Any]:
        if self._items is None:
            self._items = items_of(step, self.context)
        return self._items

    def _item_move(self, step: CompiledStep, items: Sequence[Any]) -> Move | None:
        """Return the move for the present item, or None when it was over already."""
        past = self.past.get((step.index, self.item_index))
        key = self._item_key(step, items)
        earlier = self.carried.of(step.name, key, self.item_index)
        if past is not None:
            return self._again(step, past, earlier, key)
        index = self.item_index
        closed = next((effect for effect in earlier if effect.closed), None)
        if closed is not None:
            self.keys[step.index, index] = closed.idempotency_key
            return Close(step, index, closed.status, closed.reason, CARRIED, None, closed.outputs, key)
        context = self.context
        if step.for_each is not None:
            context = with_item(context, items[index], index, len(items))
        try:
            refused = self._refusal(step, context)
            if refused:
                return Close(step, index, DeliveryStatus.SKIPPED, refused, "condition", item_key=key)
            rendered = step.mapping.render(context)
        except RecipeError as error:
            return _unfilled(step, index, error, key)
        subject = step.action.subject(rendered.typed)
        send = Send(step, index, rendered.typed, rendered.left_out, subject=subject, item_key=key)
        return self._after_doubt(send, earlier) if earlier else send

    def _item_key(self, step: CompiledStep, items: Sequence[Any]) -> str:
        if step.for_each is None:
            return ""
        if self._keys is None:
            self._keys = item_keys(items)
        return self._keys[self.item_index]

    def _after_doubt(self, send: Send, earlier: Sequence[Carried]) -> Move:
        """Return the send with what an earlier run may have done of it.

        The same values go on under their first key.
        """
        try:
            doubts = tuple(
                Doubt(send.step.mapping.typed(e.fields or {}), e.idempotency_key, e.tried_at) for e in earlier
            )
        except FieldsError as error:
            return _unfilled(send.step, send.item_index, error, send.item_key)
        same = next((doubt.key for doubt in doubts if doubt.fields == send.fields), None)
        if same is not None:
            self.keys.setdefault((send.step.index, send.item_index), same)
        return replace(send, in_doubt=True, doubts=doubts)

    def _refusal(self, step: CompiledStep, context: Mapping[str, Any]) -> str:
        if step.only_if is None:
            return ""
        judgement = judge(step.only_if, context, previous=context.get("previous"))
        if judgement.passed:
            return ""
        return next((r.sentence for r in judgement.why if not r.passed), "its condition is not met")

    def _again(
        self, step: CompiledStep, past: PastDelivery, earlier: Sequence[Carried], item_key: str
    ) -> Move | None:
        self.keys[step.index, self.item_index] = past.idempotency_key
        if past.status in CLOSED_DELIVERIES:
            self.done(past.status, past.outputs)
            return None
        if past.status == DeliveryStatus.PARKED:
            if step.part.on_error == "continue":
                self.done(past.status, past.outputs)
                return None
            return End(RunStatus.PARKED, f"{step.name}: a delivery is parked", past.reason_kind)
        try:
            fields = step.mapping.typed(past.fields or {})
        except FieldsError as error:
            return _unfilled(step, self.item_index, error, item_key)
        in_doubt = past.status == DeliveryStatus.SENDING or past.reason_kind == "unknown"
        send = Send(
            step,
            self.item_index,
            fields,
            delivery_id=past.delivery_id,
            attempts=past.attempts,
            in_doubt=in_doubt,
            first_tried_at=past.created_at,
            subject=step.action.subject(fields),
            item_key=item_key,
        )
        return self._after_doubt(send, earlier) if in_doubt and earlier else send

    @property
    def target_connection_id(self) -> int:
        """Whom the next move talks to; 0 for nobody."""
        if self.must_look_up:
            return self.recipe.connection.id
        if self.step_index < len(self.recipe.steps):
            return self.recipe.steps[self.step_index].connection_id
        return 0


def _unfilled(step: CompiledStep, item_index: int, error: RecipeError, item_key: str) -> Close:
    parked = DeliveryStatus.PARKED
    return Close(step, item_index, parked, error.message, error.kind, error, item_key=item_key)


def idempotency_key(walk: Walk, step_index: int, item_index: int) -> str:
    """Return the key of one delivery: the same over attempts and restarts, another for a replay."""
    kept = walk.keys.get((step_index, item_index))
    if kept is not None:
        return kept
    item = f"-{item_index}" if item_index else ""
    return f"run-{walk.run_id}-{walk.recipe.steps[step_index].name}{item}"
