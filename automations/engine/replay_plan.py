"""What a replay would do: pure, values in, a plan or a refusal out.

Two deliveries are the same effect when they are of the same action through the same connection, of the same item,
and of the same step: of the same name, or renamed with its field mapping as it was. Where a step goes through another
list than before, only its whole value says that an item is the same: ids of two lists mean different things.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from automations.engine.compiled import CompiledRecipe, CompiledStep
from automations.engine.contracts import JsonObject
from automations.engine.definition import StepPart
from automations.engine.done_before import CARRIED, Carried
from automations.engine.items import in_other_list
from automations.engine.new_runs import PLACE_IN_CHAIN
from automations.engine.replay_choice import ReplayChoice, ReplayFrom
from automations.engine.replay_family import EarlierDelivery, EarlierRun, Family
from automations.model.states import CLOSED_DELIVERIES, DeliveryStatus, RunStatus

Parts = Sequence[StepPart]
PartsOf = Callable[[int], Parts]
"""Returns the steps of a recipe version as they were written; none where that cannot be read any more."""


@dataclass(frozen=True)
class Refusal:
    """Why a run is not replayed. kind: `under_way`, `replayed`, `nothing_failed`, `unusable`."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Kept:
    """A delivery of a step before the one where the new run begins, shown there as it was."""

    step: CompiledStep
    delivery: EarlierDelivery
    reason: str


@dataclass(frozen=True)
class Plan:
    """memory: the new run's. begin: index of its first step. judge: its conditions are to be judged anew."""

    old: EarlierRun
    family: Family
    recipe: CompiledRecipe
    memory: JsonObject
    begin: int = 0
    judge: bool = True
    carried: tuple[Carried, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def number(self) -> int:
        """The new run's replay number."""
        return 1 + max(run.replay_number for run in self.family.runs.values())


@dataclass
class Planner:
    """parts_of: see `PartsOf`. inert: keys of actions that touch nothing outside, which are simply done again."""

    parts_of: PartsOf
    inert: Collection[str] = field(default_factory=frozenset)

    def plan(
        self,
        old: EarlierRun,
        family: Family,
        recipe: CompiledRecipe,
        choice: ReplayChoice,
        *,
        edited: bool = False,
    ) -> Plan | Refusal:
        """edited: the new run reads another payload, so that nothing that was looked up holds for it."""
        refusal = under_way(old, family)
        if refusal is not None:
            return refusal
        plan = Plan(old, family, recipe, {})
        if choice.begin is ReplayFrom.FAILED:
            found = self._from_failed(plan, edited)
            if isinstance(found, Refusal):
                return found
            plan = found
        if choice.repeat_closed:
            return plan
        return replace(plan, carried=tuple(self._carried(plan)))

    # -- from the step that failed

    def _from_failed(self, plan: Plan, edited: bool) -> Plan | Refusal:
        old, recipe = plan.old, plan.recipe
        parts = self.parts_of(old.version_id)
        open_steps = {d.step_index for d in self._own(plan) if d.status not in CLOSED_DELIVERIES}
        ended_badly = old.status in (RunStatus.PARKED, RunStatus.CANCELLED)
        if not ended_badly and not open_steps:
            said_no = old.status == RunStatus.FILTERED
            why = "its conditions said no" if said_no else "every step ended well"
            return Refusal(
                "nothing_failed", f"No step of run {old.id} failed: {why}. Replay it from the start."
            )
        passed = len(parts) if old.status == RunStatus.SUCCEEDED else old.step_index
        settled: dict[str, str] = {}
        for index, part in enumerate(parts[: max(passed, 0)]):
            step = _same_step(recipe, parts, part, None)
            if index not in open_steps and step is not None and _same_list(step, part):
                settled[step.name] = part.name
        begin = next((step.index for step in recipe.steps if step.name not in settled), len(recipe.steps))
        if begin == len(recipe.steps):
            return Refusal(
                "nothing_failed", f"Every step of version {recipe.version} is done in run {old.id}."
            )
        knows_nothing = not old.memory.keys() - PLACE_IN_CHAIN
        if old.memory.get("undetermined") or (old.step_index < 0 and knows_nothing):
            return plan
        memory = self._memory(plan, begin, settled, parts, edited)
        return replace(plan, begin=begin, judge=False, memory=memory, kept=tuple(self._kept(plan, begin)))

    def _memory(
        self, plan: Plan, begin: int, settled: Mapping[str, str], parts: Parts, edited: bool
    ) -> JsonObject:
        old, recipe = plan.old, plan.recipe
        outcomes = old.memory.get("steps") or {}
        before = {step.name for step in recipe.steps[:begin]}
        steps = {new: outcomes[name] for new, name in settled.items() if new in before and name in outcomes}
        memory: JsonObject = {"begin": begin, "steps": steps}
        same_version = recipe.version_id == old.version_id
        if "related" in old.memory and not edited and (same_version or not recipe.needs):
            memory["related"] = old.memory["related"]
        waited = old.memory.get("waited", -1)
        if 0 <= waited < len(parts) and _same_step(recipe, parts, parts[waited], None) is recipe.steps[begin]:
            memory["waited"] = begin
        return memory

    def _kept(self, plan: Plan, begin: int) -> Iterable[Kept]:
        parts = self.parts_of(plan.old.version_id)
        for delivery in self._own(plan):
            step = self._step_of(plan, parts, delivery)
            if step is not None and step.index < begin:
                yield Kept(step, delivery, _said(delivery) if delivery.closed else delivery.reason)

    def _own(self, plan: Plan) -> list[EarlierDelivery]:
        return [d for d in plan.family.deliveries if d.run_id == plan.old.id]

    # -- what was done

    def _carried(self, plan: Plan) -> Iterable[Carried]:
        """Yield each effect once: closed if it is closed anywhere, else every try of it that is in doubt."""
        closed: dict[tuple[str, str, int], Carried] = {}
        doubts: dict[tuple[str, str, int], dict[str, Carried]] = {}
        for effect in [*self._from_deliveries(plan), *self._from_carried(plan)]:
            if effect.closed:
                closed.setdefault(effect.identity, effect)
            else:
                doubts.setdefault(effect.identity, {}).setdefault(effect.idempotency_key, effect)
        yield from closed.values()
        for identity, tries in doubts.items():
            if identity not in closed:
                yield from tries.values()

    def _from_deliveries(self, plan: Plan) -> Iterable[Carried]:
        # What a replay only brought along comes after what was really done, so that the first run is named.
        ordered = sorted(plan.family.deliveries, key=lambda d: (d.reason_kind == CARRIED, d.run_id))
        for delivery in ordered:
            if delivery.action in self.inert or not (delivery.closed or delivery.in_doubt):
                continue
            parts = self.parts_of(plan.family.runs[delivery.run_id].version_id)
            step = self._step_of(plan, parts, delivery)
            if step is not None:
                part = _part(parts, delivery.step_name)
                yield from _still_known(_as_carried(step, delivery), step, part)

    def _from_carried(self, plan: Plan) -> Iterable[Carried]:
        for run_id, effects in plan.family.carried.items():
            parts = self.parts_of(plan.family.runs[run_id].version_id)
            for effect in effects:
                part = _part(parts, effect.step_name)
                step = _same_step(plan.recipe, parts, part, None) if part is not None else None
                if step is not None:
                    yield from _still_known(replace(effect, step_name=step.name), step, part)

    def _step_of(self, plan: Plan, parts: Parts, delivery: EarlierDelivery) -> CompiledStep | None:
        part = _part(parts, delivery.step_name)
        if part is not None:
            return _same_step(plan.recipe, parts, part, delivery.connection_id)
        # Its version cannot be read any more, so what the delivery itself says must do.
        return next(
            (
                step
                for step in plan.recipe.steps
                if (step.name, step.part.action, step.connection_id)
                == (delivery.step_name, delivery.action, delivery.connection_id)
            ),
            None,
        )


def _same_step(
    recipe: CompiledRecipe, parts: Parts, part: StepPart, connection_id: int | None
) -> CompiledStep | None:
    """Return the step of `recipe` that a step of an earlier version has become.

    parts: that whole version. connection_id: the one that was really used; None where only the name is known.
    """
    names = {other.name for other in parts}
    for step in recipe.steps:
        same_name = step.name == part.name
        if not same_name and (step.name in names or not _mapped_alike(step.part, part)):
            continue
        through = step.part.connection == part.connection
        if connection_id is not None:
            through = step.connection_id == connection_id
        loops_alike = (part.for_each is None) == (step.for_each is None)
        if through and loops_alike and step.part.action == part.action:
            return step
    return None


def under_way(old: EarlierRun, family: Family) -> Refusal | None:
    """Return why nothing can be replayed just now: this run, or a replay of it, has not ended."""
    if not old.ended:
        return Refusal(
            "under_way",
            f"Run {old.id} is {old.status} and goes on by itself; only what has ended is replayed. "
            "Wait for it, or let it go on with *Try now*.",
        )
    active = next((run for run in family.runs.values() if not run.ended), None)
    if active is None:
        return None
    return Refusal(
        "under_way",
        f"Run {active.id} of the same event is {active.status}. Wait until it has ended, or cancel it.",
    )


def _part(parts: Parts, name: str) -> StepPart | None:
    return next((part for part in parts if part.name == name), None)


def _mapped_alike(one: StepPart, other: StepPart) -> bool:
    return (one.fields, one.for_each) == (other.fields, other.for_each)


def _same_list(step: CompiledStep, part: StepPart | None) -> bool:
    return part is not None and (part.for_each or "").strip() == (step.part.for_each or "").strip()


def _still_known(effect: Carried, step: CompiledStep, part: StepPart | None) -> Iterable[Carried]:
    """Yield the effect as its item is known in the step's list; nothing where it is not known there.

    part: the step as it was; None where that cannot be read any more.
    """
    if step.part.for_each is None or _same_list(step, part):
        yield effect
    elif known_by := in_other_list(effect.item_key):
        yield replace(effect, item_key=known_by)


def _said(delivery: EarlierDelivery) -> str:
    if delivery.reason_kind == CARRIED:
        return delivery.reason
    if delivery.status == DeliveryStatus.SKIPPED:
        return f"nothing was left to do in run {delivery.run_id}"
    return f"done already in run {delivery.run_id}"


def _as_carried(step: CompiledStep, delivery: EarlierDelivery) -> Carried:
    closed = delivery.closed
    return Carried(
        step_name=step.name,
        item_key=delivery.item_key,
        item_index=delivery.item_index,
        status=delivery.status if closed else DeliveryStatus.SENDING,
        reason=_said(delivery) if closed else f"in doubt since run {delivery.run_id}",
        fields=None if closed else delivery.fields,
        outputs=delivery.outputs if closed else None,
        idempotency_key=delivery.idempotency_key,
        tried_at=delivery.created_at,
    )
