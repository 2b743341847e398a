"""From undecided events to verdicts and runs: reads, asks the pure `decide`, writes through the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import structlog
from sqlmodel import col, select

from automations.engine.catalog import GENERATION, BrokenRecipe, Catalog
from automations.engine.changes import DecidedEvent, NewRun, Room
from automations.engine.compiled import CompiledRecipe
from automations.engine.connections import Connections
from automations.engine.context import Envelope, build_context, iso
from automations.engine.contracts import ConnectionKind, Occurrence
from automations.engine.decide import Ruling, Verdict, decide
from automations.engine.deciding_turn import DecidingTurn
from automations.engine.guards import Guards
from automations.engine.ledger import Ledger
from automations.engine.loop_guard import Seen
from automations.engine.made_events import ANY_MADE, NO_FACTS, Facts, MadeEvents, Place
from automations.engine.new_runs import parked_run, run_of
from automations.engine.registry import Registry
from automations.engine.stops import ANY_FUSE
from automations.errors import AutomationError, StorageUnavailableError
from automations.made_often import made_often
from automations.model.columns import moment
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.packing import unpack
from automations.model.states import EventOrigin

_log = structlog.get_logger("decider")


@made_often
@dataclass(frozen=True)
class StoredEvent:
    """An event as the runner needs it."""

    id: int
    connection_id: int
    topic: str
    record_key: str
    origin: str
    occurred_at: datetime | None
    received_at: datetime
    payload: bytes

    @classmethod
    def of(cls, row: Any) -> StoredEvent:
        return cls(row[0], row[1], row[2], row[3], row[4], moment(row[5]) if row[5] is not None else None,
                   moment(row[6]), unpack(row[7]))  # fmt: skip


BYTES_AT_ONCE = 8 * 2**20
#: With the largest payloads no more than are taken at once anyway.
FEW = 8
EVENT_COLUMNS = "id, connection_id, topic, record_key, origin, occurred_at, received_at, payload"
_FROM = f"{GENERATION} FROM event WHERE decided_at IS NULL"
_UNDECIDED = f"SELECT {EVENT_COLUMNS}, {_FROM}"
#: What the guards ask is asked for a few events only where there is any of it; many are worth the questions.
_FEW_UNDECIDED = f"SELECT {EVENT_COLUMNS}, {ANY_MADE}, {ANY_FUSE}, {_FROM} ORDER BY id LIMIT ?"


def envelope_of(event: StoredEvent, recipe: CompiledRecipe, *, is_replay: bool = False) -> Envelope:
    return Envelope(
        id=event.id,
        trigger=recipe.trigger.key,
        connection=recipe.connection.name,
        occurred_at=iso(event.occurred_at or event.received_at),
        received_at=iso(event.received_at),
        is_replay=is_replay or event.origin == EventOrigin.REPLAY,
        is_backfill=event.origin == EventOrigin.BACKFILL,
    )


class Kinds:
    """What kind a connection is of: never changes, so it is read once. Used by one thread."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry
        self._names: dict[int, str] = {}

    def of(self, connection_id: int) -> ConnectionKind | None:
        """Return the kind, or None where its connector is not installed."""
        if connection_id not in self._names:
            with self._database.read() as session:
                found = session.exec(select(Connection.kind).where(col(Connection.id) == connection_id))
                self._names[connection_id] = found.first() or ""
        return self._registry.kinds.get(self._names[connection_id])


class Decider:
    """Used by one thread at a time.

    finds_few: whether no more than a few waited at the last look. leaves_some: whether it left any that could be
    decided at once.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        connections: Connections,
        catalog: Catalog,
        ledger: Ledger,
        kinds: Kinds,
        guards: Guards,
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._catalog = catalog
        self._ledger = ledger
        self._kinds = kinds
        self._guards = guards
        self._made = MadeEvents(database)
        self._turn = DecidingTurn(database)
        self._waiting: set[int] = set()
        self._has_made = self._has_fuses = True
        self.finds_few = True
        self.leaves_some = False

    @property
    def waits(self) -> bool:
        """Whether events were left that wait for the reply to a call of ours."""
        return bool(self._waiting)

    @property
    def is_anothers_turn(self) -> bool:
        """Whether nothing was decided because another worker is at it."""
        return self._turn.is_anothers

    def decide_pending(
        self,
        limit: int,
        keep: Callable[[StoredEvent, Occurrence], None],
        between: Callable[[], None] = lambda: None,
        room: Room | None = None,
    ) -> int:
        """Decide the oldest undecided events. `keep` is shown each event that was read, for its run to use.

        between: called after each event, for what must not wait until all are decided. room: how many of the new
        runs become this worker's at once; they are noted there.

        Returns how many were decided; `leaves_some`, `waits` and `is_anothers_turn` tell whether that was all.
        """
        self.leaves_some = False
        if self.finds_few:
            few = min(FEW, limit) + len(self._waiting)
            if len(events := self._oldest(few)) < few:
                self._turn.over()
                return self._decide(events, keep, between, room)
        while True:
            waiting = len(self._waiting)
            with self._turn.taken() as may_decide:
                sizes = self._sizes(limit) if may_decide else []
                decided = self._decide(self._undecided(sizes), keep, between, room) if sizes else 0
            self.finds_few = may_decide and decided < FEW
            self.leaves_some = decided >= limit or len(sizes) > decided + len(self._waiting)
            if may_decide and not sizes:
                self._waiting = set()
            if decided or len(self._waiting) <= waiting:
                return decided

    def _oldest(self, count: int) -> list[StoredEvent]:
        """Return the oldest undecided events.

        Where there are no more than a few, looking at their sizes first and taking the turn would cost more than
        that two workers decide the same.
        """
        rows = self._read_undecided(_FEW_UNDECIDED, count)
        if rows:
            *_, has_made, has_fuses, _ = rows[0]
            self._has_made, self._has_fuses = bool(has_made), bool(has_fuses)
        return [StoredEvent.of(row) for row in rows]

    def _read_undecided(self, sql: str, value: int) -> list[Any]:
        """Read undecided events, and with them whether any recipe has changed since the last ones."""
        with self._database.read_plain() as connection:
            rows: list[Any] = connection.exec_driver_sql(self._database.sql(sql), (value,)).all()
        if rows:
            self._catalog.refresh(rows[0][-1] or "")
        return rows

    def _decide(
        self,
        events: list[StoredEvent],
        keep: Callable[[StoredEvent, Occurrence], None],
        between: Callable[[], None],
        room: Room | None,
    ) -> int:
        self._waiting = set()
        if not events:
            return 0
        decided: list[DecidedEvent] = []
        readable: list[tuple[StoredEvent, Seen]] = []
        for event in events:
            found = self._read(event)
            if isinstance(found, DecidedEvent):
                decided.append(found)
            else:
                readable.append((event, found))
            between()
        facts = NO_FACTS
        if self._has_made:
            facts = self._made.facts(
                [(one.id, one.connection_id, one.record_key, one.origin) for one, _ in readable]
            )
        ready = self._guards.look([seen for _, seen in readable])
        self._waiting = {event.id for event, _ in readable} - ready
        for event, seen in readable:
            if event.id in ready:
                keep(event, seen.occurrence)
                decided.append(self._decided(event, seen, facts))
                between()
        if decided:
            decided.sort(key=lambda one: one.event_id)
            self._store(self._guards.checked(decided, has_fuses=self._has_fuses), room)
        return len(decided)

    def _store(self, decided: list[DecidedEvent], room: Room | None) -> None:
        """Store the verdicts; one that cannot be stored keeps nobody else's back."""
        try:
            self._ledger.decide(decided, room)
        except StorageUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - said beside the event
            _log.exception("decide.not_stored", events=len(decided))
            if len(decided) > 1:
                for one in decided:
                    self._store([one], room)
                return
            problem = f"its verdicts could not be stored ({type(error).__name__}); report this"
            self._ledger.decide([DecidedEvent(decided[0].event_id, "", [], [], problem=problem)])

    def _sizes(self, limit: int) -> list[Any]:
        """Return the ids of the oldest undecided events with their sizes.

        What waited for a reply the last time is looked at again beside them, so that it keeps nothing else back.
        """
        sql = "SELECT id, LENGTH(payload) FROM event WHERE decided_at IS NULL ORDER BY id LIMIT ?"
        with self._database.read_plain() as connection:
            found = connection.exec_driver_sql(self._database.sql(sql), (limit + len(self._waiting),))
            return list(found)

    def _undecided(self, sizes: list[Any]) -> list[StoredEvent]:
        """Return the oldest, no more than fit into `BYTES_AT_ONCE` together, but one at least."""
        upto = accumulate(0 if row[0] in self._waiting else row[1] for row in sizes)
        fitting = max(1 + len(self._waiting), sum(1 for total in upto if total <= BYTES_AT_ONCE))
        newest_id = sizes[:fitting][-1][0]
        self._has_made = self._has_fuses = True
        rows = self._read_undecided(f"{_UNDECIDED} AND id<=? ORDER BY id", newest_id)
        return [StoredEvent.of(row) for row in rows]

    def _read(self, event: StoredEvent) -> Seen | DecidedEvent:
        """Return what an event tells, or why no recipe can see it."""
        kind = self._kinds.of(event.connection_id)
        if kind is None:
            return DecidedEvent(event.id, event.record_key, [], [], problem="its connector is not installed")
        try:
            occurrence = kind.read(event.topic, event.payload)
        except Exception as error:  # noqa: BLE001 - one unreadable event must not stop the others
            _log.warning("event.unreadable", event_id=event.id, error=type(error).__name__)
            return DecidedEvent(
                event.id, event.record_key, [], [],
                problem=f"its content could not be read ({type(error).__name__}); no recipe saw it",
            )  # fmt: skip
        return Seen(
            event.id,
            event.connection_id,
            kind,
            occurrence,
            self._connections.directory(event.connection_id),
            event.occurred_at,
            event.origin == EventOrigin.BACKFILL,
        )

    def _decided(self, event: StoredEvent, seen: Seen, facts: Facts) -> DecidedEvent:
        occurrence = seen.occurrence
        place = self._made.place_of(
            facts, event.id, event.connection_id, seen.kind, occurrence, event.record_key
        )
        if place.problem:
            return DecidedEvent(event.id, occurrence.label, [], [], problem=place.problem)
        keys = [trigger.key for trigger in self._registry.triggers_for(seen.kind.kind, event.topic)]
        passed_over: list[list[Any]] = []
        runs: list[NewRun] = []
        for recipe in self._catalog.wanting(event.connection_id, keys):
            if not place.is_for(recipe.recipe_id):
                continue
            if isinstance(recipe, BrokenRecipe):
                runs.append(parked_run(event.id, event.record_key, occurrence, recipe))
                continue
            verdict = self._in_turn(event, seen, recipe, place) or self._verdict(event, seen, recipe)
            if verdict.ruling is Ruling.NOT_TRIGGERED:
                passed_over.append([recipe.recipe_id, recipe.version_id, verdict.reason])
            else:
                verdict = self._guards.not_too_deep(event.id, event.record_key, recipe, verdict)
                standing = self._guards.standing(event.id)
                runs.append(run_of(event.id, event.record_key, occurrence, recipe, verdict, standing))
        return DecidedEvent(event.id, occurrence.label, passed_over, runs, taking=place.taking)

    def _in_turn(
        self, event: StoredEvent, seen: Seen, recipe: CompiledRecipe, place: Place
    ) -> Verdict | None:
        """Return why a recipe has no need of an event: it was told already, or of a newer state of the record."""
        if already := place.told_to(recipe):
            return Verdict(Ruling.NOT_TRIGGERED, f"{already} had told the same already")
        if place.made is None:
            return None
        other = self._made.overtaken(
            place.made, recipe, event.connection_id, event.record_key, seen.occurrence
        )
        if not other:
            return None
        return Verdict(Ruling.NOT_TRIGGERED, f"{other} has the same state of the record, or a newer one")

    def _verdict(self, event: StoredEvent, seen: Seen, recipe: CompiledRecipe) -> Verdict:
        occurrence, context = seen.occurrence, {}
        try:
            if recipe.condition:
                names = recipe.kind.names(occurrence)
                context = build_context(occurrence, envelope_of(event, recipe), names=names)
            own = self._guards.own(event.id)
            return decide(recipe, occurrence, context, seen.directory, looked_up=False, own=own)
        except StorageUnavailableError:
            raise
        except AutomationError as error:
            return Verdict(Ruling.BROKEN, error.message)
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own run and nothing else
            _log.exception("decide.failed", recipe=recipe.name, event_id=event.id)
            return Verdict(Ruling.BROKEN, f"the trigger failed unexpectedly with {type(error).__name__}")
