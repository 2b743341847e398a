"""What is written of runs and deliveries, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automations.made_often import made_often
from automations.model.states import DeliveryStatus, RunStatus


@made_often
@dataclass(frozen=True)
class NewRun:
    """A verdict as a row: queued to run, filtered with its reason, or parked because the recipe is broken.

    replay_number: 0 for an event's first run of a recipe. replay_of: the run that this one goes through again.
    """

    recipe_id: int
    version_id: int
    event_id: int
    record_key: str
    label: str
    lane: str | None
    status: RunStatus
    reason: str = ""
    reason_kind: str = ""
    connection_id: int = 0
    memory: dict[str, Any] | None = None
    replay_number: int = 0
    replay_of: int | None = None
    replay_job_id: int | None = None


@made_often
@dataclass(frozen=True)
class DecidedEvent:
    """passed_over: `[[recipe_id, version_id, reason], …]`. problem: why nothing could be decided.

    taking: the swept event whose happening goes through with this one, unless another was first; see `made_events`.
    """

    event_id: int
    label: str
    passed_over: list[list[Any]]
    runs: list[NewRun]
    problem: str = ""
    taking: int | None = None


@made_often
@dataclass(frozen=True)
class Claim:
    """A run in this worker's hands; `counter` fences every later write. lane: as it stays until the run is over."""

    run_id: int
    recipe_id: int
    version_id: int
    event_id: int
    counter: int
    claims_without_end: int
    step_index: int
    connection_id: int
    replay_number: int
    memory: dict[str, Any]
    lane: str | None


@dataclass
class Room:
    """What a worker takes for itself as it decides. left: how many runs more, by connection. claims: what it took."""

    left: dict[int, int] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)


@dataclass
class Opening:
    """A delivery about to be sent (`delivery_id` None: a new row), or closed at once without a call."""

    run_id: int
    step_index: int
    item_index: int
    step_name: str
    action: str
    connection_id: int
    status: DeliveryStatus
    fields: dict[str, Any] | None
    idempotency_key: str
    delivery_id: int | None = None
    reason: str = ""
    reason_kind: str = ""
    outputs: dict[str, Any] | None = None
    item_key: str = ""


@made_often
@dataclass(frozen=True)
class AttemptMade:
    """number: 1 for the first. exchanges: masked, as JSON. outcome: `succeeded` or an error's kind."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: str
    message: str
    exchanges: list[Any]
    batch_size: int = 1


@made_often
@dataclass(frozen=True)
class Closing:
    """What became of a delivery. `attempt` None where nothing was tried."""

    run_id: int
    delivery_id: int
    status: DeliveryStatus
    attempt: AttemptMade | None
    reason: str = ""
    reason_kind: str = ""
    outputs: dict[str, Any] | None = None
    next_attempt_at: datetime | None = None


@made_often
@dataclass(frozen=True)
class RunUpdate:
    """A run leaves this worker's hands. claimable_at None with an ended status ends it and frees its lane.

    marks: what it keeps of `engine.blame`, where it was only given back.
    """

    claim: Claim
    status: RunStatus
    reason: str = ""
    reason_kind: str = ""
    step_index: int = -1
    connection_id: int = 0
    claimable_at: datetime | None = None
    memory: dict[str, Any] | None = None
    marks: int = 0


@dataclass
class Changes:
    """Everything that one transaction of a worker writes."""

    openings: list[Opening] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    updates: list[RunUpdate] = field(default_factory=list)
    held: dict[int, Claim] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.openings or self.closings or self.updates)

    @property
    def is_durable(self) -> bool:
        """Whether it must be on disk before anything else happens: what leaves, and what came of a call."""
        return bool(self.openings or self.closings)

    @property
    def lanes_left(self) -> set[str]:
        """Return the lanes of the runs that are over with this."""
        ended = (update.claim.lane for update in self.updates if update.claimable_at is None)
        return {lane for lane in ended if lane is not None}

    @property
    def is_departure(self) -> bool:
        """Whether nothing is in it but new deliveries that are opened."""
        return (
            bool(self.openings)
            and not (self.closings or self.updates)
            and all(opening.delivery_id is None for opening in self.openings)
        )

    def of_run(self, run_id: int) -> Changes:
        """Return the part that is about one run."""
        return Changes(
            openings=[opening for opening in self.openings if opening.run_id == run_id],
            closings=[closing for closing in self.closings if closing.run_id == run_id],
            updates=[update for update in self.updates if update.claim.run_id == run_id],
            held={run_id: self.held[run_id]},
        )
