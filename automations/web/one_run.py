"""One run as a story: what happened in a sentence, what can be done, and every step with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automations.engine.chains import Chain
from automations.engine.history import DeliveryDetail, RunDetail
from automations.model.connection import Connection
from automations.model.history import Run
from automations.model.states import ENDED_RUNS, Role, RunStatus
from automations.web.auth import may
from automations.web.navigation import wants_person
from automations.web.presenting import duration, is_sandbox, plural
from automations.web.services import services

#: why a run is parked -> what to do now
_NEXT_MOVES: Mapping[str, str] = {
    "credentials": "Mend the connection and test it; its work then goes on by itself.",
    "recipe": "Change the recipe and publish it, then try again.",
    "mapping": "Open this event as the sample, mend the field, publish, then try again.",
    "fields": "Open this event as the sample, mend the field, publish, then try again.",
    "unknown": "Look at the other side. If it is not there, try again; if it is, mark it as done.",
    "ambiguous": "Leave one of the matching records on the other side, or match by another field. Then try again.",
    "blocked": "Change the address in the recipe, or have the operator allow its network. Then try again.",
    "unavailable": "The other side was away too long. When it is back, try again.",
}
_OTHERWISE = "Read what came back below, mend the cause, then try again."


@dataclass(frozen=True)
class Step:
    """One step, reached or not. deliveries: one, or one an item of its `for_each`."""

    number: int
    name: str
    title: str
    connection: str
    deliveries: list[DeliveryDetail]


@dataclass(frozen=True)
class Story:
    """held_by: the connection that must be mended before this run goes on. replays: the runs that replay it."""

    detail: RunDetail
    sentence: str
    next_move: str
    held_by: Connection | None
    steps: list[Step]
    looked_up: Any
    sandboxes: frozenset[str]
    can_try: bool
    can_mark_done: bool
    can_cancel: bool
    chain: Chain
    can_replay: bool
    replays: list[int]

    @property
    def can_act(self) -> bool:
        return self.can_try or self.can_mark_done or self.can_cancel

    @property
    def goes_on(self) -> bool:
        """The page is worth loading again by itself."""
        return self.detail.run.status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING)


def story_of(detail: RunDetail) -> Story:
    run, editor = detail.run, may(Role.EDITOR)
    parked = run.status == RunStatus.PARKED
    held_by = _holding(run)
    return Story(
        detail=detail,
        sentence=f"It waits until {held_by.name} works again." if held_by else _sentence(detail),
        next_move=_NEXT_MOVES.get(run.reason_kind, _OTHERWISE) if parked else "",
        held_by=held_by,
        steps=_steps(detail),
        looked_up=(run.memory or {}).get("related") or None,
        sandboxes=frozenset(row.name for row in services().connections.all() if is_sandbox(row)),
        can_try=editor and (parked or run.status == RunStatus.WAITING),
        can_mark_done=editor and parked and any(d.delivery.status == "parked" for d in detail.deliveries),
        chain=services().chains.of(run),
        can_cancel=editor and run.status in (RunStatus.PARKED, RunStatus.WAITING, RunStatus.QUEUED),
        can_replay=editor and run.status in ENDED_RUNS,
        replays=services().replays.replays_of(run.id or 0),
    )


def _holding(run: Run) -> Connection | None:
    if run.status not in (RunStatus.QUEUED, RunStatus.WAITING):
        return None
    return next(
        (row for row in services().connections.all() if row.id == run.connection_id and wants_person(row)),
        None,
    )


def _sentence(detail: RunDetail) -> str:
    run = detail.run
    requests = sum(len(a.exchanges) for d in detail.deliveries for a in d.attempts)
    match run.status:
        case RunStatus.SUCCEEDED:
            return f"Every step ended well, with {plural(requests, 'request')}{_took(run)}."
        case RunStatus.FILTERED:
            return f"Nothing was sent: {run.reason or 'the conditions said no'}."
        case RunStatus.PARKED:
            return f"It stopped and needs a person: {run.reason}"
        case RunStatus.CANCELLED:
            return f"A person ended it: {run.reason}"
        case RunStatus.WAITING:
            return f"It goes on by itself: {run.reason or 'a later try is planned'}"
        case RunStatus.RUNNING:
            return "It is being worked on right now."
        case _:
            return f"It waits: {run.reason}." if run.reason_kind == "held" else "It waits for its turn."


def _took(run: Run) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    return f", in {duration((run.finished_at - run.started_at).total_seconds() * 1000)}"


def _steps(detail: RunDetail) -> list[Step]:
    actions = services().registry.actions
    found = []
    for index, part in enumerate(detail.version.definition.get("steps") or []):
        action = actions.get(str(part.get("action")))
        deliveries = [d for d in detail.deliveries if d.delivery.step_index == index]
        found.append(
            Step(
                number=index + 1,
                name=str(part.get("name", "")),
                title=action.title if action else str(part.get("action")),
                connection=str(part.get("connection") or ""),
                deliveries=deliveries,
            )
        )
    return found
