"""Runs in a worker's hands, and how a claim becomes one: its event, its recipe, what was done before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlmodel import col, select

from automations.engine.blame import DEATHS_MAX, is_guilty
from automations.engine.carrying import carried_by
from automations.engine.catalog import BrokenRecipe, Catalog
from automations.engine.changes import Claim
from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import Occurrence
from automations.engine.decider import EVENT_COLUMNS, Kinds, StoredEvent, envelope_of
from automations.engine.done_before import Carried, CarriedEffects, PastDelivery
from automations.engine.doorstep import Result
from automations.engine.footprints import Author
from automations.engine.stepping import Send, Walk
from automations.errors import AutomationError
from automations.made_often import made_often
from automations.model.database import Database
from automations.model.history import Delivery
from automations.model.many import among
from automations.model.states import DeliveryStatus

REMEMBERED_BYTES = 8 * 2**20
REMEMBERED_EVENTS = 1_000
_CHUNK = 500
_log = structlog.get_logger("hands")


@dataclass
class Hand:
    """A run in this worker's hands. weight: bytes of its event's payload. is_lost: another worker has it now."""

    claim: Claim
    walk: Walk
    weight: int = 0
    is_lost: bool = False

    @property
    def run_id(self) -> int:
        return self.claim.run_id

    @property
    def author(self) -> Author:
        """Who signs what this run writes, and where in its chain it stands."""
        memory = self.walk.memory
        chain = str(memory.get("chain") or self.claim.event_id)
        return Author(self.run_id, self.claim.recipe_id, chain, int(memory.get("depth", 0)))


@dataclass(frozen=True)
class Unusable:
    """A claimed run that cannot go on, and why."""

    claim: Claim
    reason: str
    kind: str


@made_often
@dataclass(frozen=True)
class Delivered:
    """A call is back."""

    hand: Hand
    send: Send
    result: Result


@dataclass(frozen=True)
class LookedUp:
    """A look-up is back; error None means that every hand has its `related`."""

    hands: list[Hand]
    related: list[dict[str, Any]]
    error: AutomationError | None


@made_often
@dataclass(frozen=True)
class CallOver:
    """A calling thread is free again. group: what left with it; empty for a look-up."""

    connection_id: int
    group: list[tuple[Hand, Send]] = field(default_factory=list)


class Loader:
    """Turns claims into hands. Used by one thread."""

    def __init__(self, database: Database, kinds: Kinds, catalog: Catalog) -> None:
        self._database = database
        self._kinds = kinds
        self._catalog = catalog
        self._recent: dict[int, tuple[StoredEvent, Occurrence]] = {}
        self._recent_bytes = 0

    def remember(self, event: StoredEvent, occurrence: Occurrence) -> None:
        """Keep what was just read, so that the run that follows within a moment need not read it again."""
        weight = len(event.payload)
        while self._recent and (
            len(self._recent) >= REMEMBERED_EVENTS or self._recent_bytes + weight > REMEMBERED_BYTES
        ):
            dropped, _ = self._recent.pop(next(iter(self._recent)))
            self._recent_bytes -= len(dropped.payload)
        if weight <= REMEMBERED_BYTES and event.id not in self._recent:
            self._recent[event.id] = (event, occurrence)
            self._recent_bytes += weight

    def fitting(self, claims: Sequence[Claim], room_bytes: int) -> tuple[list[Claim], list[Claim]]:
        """Return the claims whose events fit in together, and the rest. The first always fits."""
        weights = self._weights([claim.event_id for claim in claims])
        fitting: list[Claim] = []
        for index, claim in enumerate(claims):
            room_bytes -= weights.get(claim.event_id, 0)
            if room_bytes < 0 and fitting:
                return fitting, list(claims[index:])
            fitting.append(claim)
        return fitting, []

    def _weights(self, ids: Sequence[int]) -> dict[int, int]:
        found = {
            event_id: len(self._recent[event_id][0].payload) for event_id in ids if event_id in self._recent
        }
        absent = sorted(set(ids) - set(found))
        for start in range(0, len(absent), _CHUNK):
            chunk = absent[start : start + _CHUNK]
            with self._database.read_plain() as connection:
                which, values = among(connection, "id", chunk)
                sql = f"SELECT id, LENGTH(payload) FROM event WHERE {which}"  # noqa: S608 - marks only
                for event_id, weight in connection.exec_driver_sql(sql, values):
                    found[event_id] = weight
        return found

    def load(self, claims: Sequence[Claim]) -> list[Hand | Unusable]:
        """Return a hand for each claim, or why it cannot go on."""
        events = self._events([claim.event_id for claim in claims])
        past = self._past([claim.run_id for claim in claims if claim.counter > 1])
        carried = carried_by(self._database, [claim.run_id for claim in claims if claim.replay_number])
        return [
            self._hand(
                claim, events.get(claim.event_id), past.get(claim.run_id, {}), carried.get(claim.run_id, ())
            )
            for claim in claims
        ]

    def _hand(
        self,
        claim: Claim,
        found: tuple[StoredEvent, Occurrence] | None,
        past: dict[tuple[int, int], PastDelivery],
        carried: Sequence[Carried],
    ) -> Hand | Unusable:
        recipe = self._catalog.version(claim.version_id)
        if is_guilty(claim.claims_without_end):
            died = f"its worker died {DEATHS_MAX} times while working on it"
            return Unusable(claim, f"{died}; look at its last step, then try again", "crash")
        if isinstance(recipe, BrokenRecipe):
            return Unusable(claim, recipe.error.message, recipe.error.kind)
        if found is None:
            return Unusable(claim, "its event is gone or cannot be read", "event")
        walk = _walk(claim, recipe, *found, past)
        walk.carried = CarriedEffects(carried)
        return Hand(claim, walk, len(found[0].payload))

    def _events(self, ids: Sequence[int]) -> dict[int, tuple[StoredEvent, Occurrence]]:
        # Two recipes may want one event, so what is remembered is read and not taken.
        found = {event_id: self._recent[event_id] for event_id in set(ids) if event_id in self._recent}
        absent = sorted(set(ids) - set(found))
        for start in range(0, len(absent), _CHUNK):
            chunk = absent[start : start + _CHUNK]
            with self._database.read_plain() as connection:
                which, values = among(connection, "id", chunk)
                sql = f"SELECT {EVENT_COLUMNS} FROM event WHERE {which}"  # noqa: S608 - marks only
                rows = connection.exec_driver_sql(sql, values).all()
            for row in rows:
                event = StoredEvent.of(row)
                occurrence = self._read(event)
                if occurrence is not None:
                    found[event.id] = (event, occurrence)
        return found

    def _read(self, event: StoredEvent) -> Occurrence | None:
        kind = self._kinds.of(event.connection_id)
        if kind is None:
            return None
        try:
            return kind.read(event.topic, event.payload)
        except Exception as error:  # noqa: BLE001 - the run is parked with the reason
            _log.warning("event.unreadable", event_id=event.id, error=type(error).__name__)
            return None

    def _past(self, run_ids: Sequence[int]) -> dict[int, dict[tuple[int, int], PastDelivery]]:
        past: dict[int, dict[tuple[int, int], PastDelivery]] = defaultdict(dict)
        for start in range(0, len(run_ids), _CHUNK):
            with self._database.read() as session:
                rows = session.exec(
                    select(Delivery).where(col(Delivery.run_id).in_(run_ids[start : start + _CHUNK]))
                )
                for row in rows:
                    past[row.run_id][row.step_index, row.item_index] = _past_delivery(row)
        return past


def _walk(
    claim: Claim,
    recipe: CompiledRecipe,
    event: StoredEvent,
    occurrence: Occurrence,
    past: dict[tuple[int, int], PastDelivery],
) -> Walk:
    walk = Walk(
        recipe=recipe,
        occurrence=occurrence,
        envelope=envelope_of(event, recipe, is_replay=claim.replay_number > 0),
        memory=claim.memory,
        run_id=claim.run_id,
        replay_number=claim.replay_number,
        step_index=int(claim.memory.get("begin", 0)),
        past=past,
    )
    needs = bool(recipe.needs) or bool(claim.memory.get("undetermined"))
    walk.must_look_up = needs and "related" not in claim.memory
    return walk


def _past_delivery(row: Delivery) -> PastDelivery:
    return PastDelivery(
        delivery_id=row.id or 0,
        status=DeliveryStatus(row.status),
        reason_kind=row.reason_kind,
        fields=row.fields,
        outputs=row.outputs,
        attempts=row.attempts,
        created_at=row.created_at,
        idempotency_key=row.idempotency_key,
    )
