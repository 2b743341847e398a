"""Events that are made here, by a backfill or a sweep, beside those that arrive by themselves.

A sweep tells what webhooks should have told, and such a webhook may still come late: both then are the same
happening of the same record. It goes through once: whichever event is decided first takes it, in one statement, and
the other says whose place it would have had. An older state never follows a newer one through the same recipe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import Arrival, ConnectionKind, Occurrence, RecordState, topic_fits
from automations.engine.intake import insert_events
from automations.engine.leases import in_chunks
from automations.made_often import made_often
from automations.model.columns import micros, moment, storable_key
from automations.model.database import Database
from automations.model.many import among
from automations.model.packing import unpack
from automations.model.statements import Statements
from automations.model.states import EventOrigin

#: An expression that a statement may read beside events: whether there is anything to know about them.
ANY_MADE = "EXISTS (SELECT 1 FROM made_event)"
MADE = frozenset({EventOrigin.BACKFILL, EventOrigin.SWEEP})
#: A list and a webhook tell the time of one deletion a little differently.
SAME_DELETE_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Making:
    """An arrival that is to become an event. only_recipe_id, again, known_as, seen_upto: as `MadeEvent` has them."""

    arrival: Arrival
    only_recipe_id: int | None = None
    again: bool = False
    known_as: str = ""
    seen_upto: int = 0


@dataclass(frozen=True)
class Made:
    """What is known of a made event when it is decided."""

    event_id: int
    only_recipe_id: int | None
    again: bool
    known_as: str
    seen_upto: int


@dataclass(frozen=True)
class Twin:
    """A swept event that may tell what another tells."""

    event_id: int
    topic: str
    occurred_at: datetime | None

    def tells(self, state: RecordState) -> bool:
        """Tell whether it is this happening: a record may be deleted, brought back, and deleted again."""
        if state.known_as != "delete" or state.at is None or self.occurred_at is None:
            return True
        return abs(state.at - self.occurred_at) < SAME_DELETE_WITHIN


@dataclass(frozen=True)
class Facts:
    """What a batch of undecided events must know of made ones: those in it, and those that others may repeat.

    twins: (connection, record, known_as) -> the newest swept event that tells the same.
    """

    made: Mapping[int, Made]
    twins: Mapping[tuple[int, str, str], Twin]


NO_FACTS = Facts({}, {})


@made_often
@dataclass(frozen=True)
class Place:
    """How an event stands to others. taking: the swept event whose happening it takes, perhaps itself.

    told: a swept event that tells a part of it, to the recipes that look at its topic. problem: why it goes through
    nothing; empty where it may.
    """

    made: Made | None = None
    taking: int | None = None
    told: Twin | None = None
    problem: str = ""

    def told_to(self, recipe: CompiledRecipe) -> str:
        """Return what told a recipe of it already; empty for nothing."""
        if self.told is None:
            return ""
        looks_at = recipe.trigger.looks_at(recipe.trigger_fields)
        return f"event {self.told.event_id}" if topic_fits(self.told.topic, looks_at) else ""

    def is_for(self, recipe_id: int) -> bool:
        """Tell whether a recipe may see it at all."""
        return self.made is None or self.made.only_recipe_id in (None, recipe_id)


class MadeEvents:
    """Stores made events and compares them with what arrives. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = database.sql

    def store(
        self,
        connection_id: int,
        makings: Sequence[Making],
        origin: EventOrigin,
        received_at: datetime,
        *,
        since: int | None = None,
    ) -> int:
        """Store what is new, each with what is known of it, in one transaction; return how many were.

        since: what is known already counts as well where its event came after this one: the same was asked for
        before, by a process that died before it could tell. Raises StorageUnavailableError; nothing was stored then.
        """
        if not makings:
            return 0
        now = micros(received_at)
        rows = [
            (
                connection_id, storable_key(one.arrival.dedupe_key), storable_key(one.arrival.topic),
                storable_key(one.arrival.record_key), str(origin),
                micros(one.arrival.occurred_at) if one.arrival.occurred_at else None,
                now, one.arrival.payload, "", "",
            )
            for one in makings
        ]  # fmt: skip
        with self._database.connect_for_write() as connection:
            ids = insert_events(connection, rows)
            known = [
                (
                    event_id, connection_id, storable_key(one.arrival.record_key), one.only_recipe_id,
                    one.again, storable_key(one.known_as), one.seen_upto,
                )
                for one, event_id in zip(makings, ids, strict=True)
                if event_id is not None
            ]  # fmt: skip
            if known:
                connection.exec_driver_sql(self._sql(_INSERT), known)
        new = {row[1] for row, event_id in zip(rows, ids, strict=True) if event_id is not None}
        again = {row[:2] for row in rows if row[1] not in new}
        return len(known) + (self._stored_since(again, since) if since is not None else 0)

    def _stored_since(self, keys: Collection[tuple[int, str]], since: int) -> int:
        if not keys:
            return 0
        with self._database.connect_for_read() as connection:
            found = (connection.exec_driver_sql(self._sql(_SINCE), (*key, since)).first() for key in keys)
            return sum(row is not None for row in found)

    def newest(self) -> int:
        """Return the id of the event that came last, for `since`."""
        with self._database.connect_for_read() as connection:
            return int(connection.exec_driver_sql(NEWEST).scalar_one())

    # -- deciding

    def facts(self, events: Sequence[tuple[int, int, str, str]]) -> Facts:
        """Return what is known about a batch of events, given as (id, connection, record key, origin)."""
        made_ids = [event_id for event_id, _, _, origin in events if origin in MADE]
        keys = {key for _, _, key, origin in events if origin not in MADE and key}
        if not made_ids and not keys:
            return NO_FACTS
        made: dict[int, Made] = {}
        twins: dict[tuple[int, str, str], Twin] = {}
        with self._database.read_plain() as connection:
            for some in in_chunks(made_ids):
                which, values = among(connection, "event_id", some)
                for row in connection.exec_driver_sql(_ABOUT.format(which), values):
                    made[row[0]] = Made(row[0], row[1], bool(row[2]), row[3], row[4])
            for chunk in in_chunks(sorted(keys)):
                which, values = among(connection, "m.record_key", chunk)
                found = connection.exec_driver_sql(_TWINS.format(which), values)
                twins.update(
                    {
                        (row[0], row[1], row[2]): Twin(row[3], row[4], moment(row[5]) if row[5] else None)
                        for row in found
                    }
                )
        return Facts(made, twins)

    def place_of(
        self,
        facts: Facts,
        event_id: int,
        connection_id: int,
        kind: ConnectionKind,
        occurrence: Occurrence,
        key: str,
    ) -> Place:
        """Return how an event stands to made ones. key: of its record."""
        made = facts.made.get(event_id)
        if made is not None:
            if not made.known_as:
                return Place(made)
            other = self._arrived_meanwhile(made, connection_id, key, kind, occurrence.topic)
            problem = f"event {other} told the same by itself" if other is not None else ""
            return Place(made, None if problem else event_id, problem=problem)
        if not facts.twins or not key:
            return Place()
        state = kind.state_of(occurrence)
        twin = facts.twins.get((connection_id, key, state.known_as)) if state is not None else None
        if state is None or twin is None or not twin.tells(state):
            return Place()
        # A list shows what a merge left behind as a mere change: who waits for the merge has not heard of it.
        return Place(taking=twin.event_id) if twin.topic == occurrence.topic else Place(told=twin)

    def _arrived_meanwhile(
        self, made: Made, connection_id: int, record_key: str, kind: ConnectionKind, swept_topic: str
    ) -> int | None:
        """Return the event that told by itself what a swept one tells, stored after the two were compared."""
        with self._database.read_plain() as connection:
            rows = connection.exec_driver_sql(
                self._sql(_LATER), (record_key, made.seen_upto, connection_id, made.event_id)
            ).all()
        for event_id, topic, payload in rows:
            state = _state(kind, topic, payload)
            if state is not None and state.known_as == made.known_as and topic == swept_topic:
                return int(event_id)
        return None

    def overtaken(
        self, made: Made, recipe: CompiledRecipe, connection_id: int, record_key: str, occurrence: Occurrence
    ) -> str:
        """Return what went through the recipe with a newer state of the record, or this very one; empty for nothing.

        Asked where nothing tells which state is newer, it answers nothing.
        """
        kind = recipe.kind
        state = kind.state_of(occurrence)
        if state is None or state.at is None or not record_key:
            return ""
        with self._database.read_plain() as connection:
            waiting = connection.exec_driver_sql(
                self._sql(_IN_FRONT), (record_key, connection_id, made.event_id)
            ).all()
            runs = connection.exec_driver_sql(self._sql(_NEWEST_RUNS), (record_key, recipe.recipe_id)).all()
        looks_at = recipe.trigger.looks_at(recipe.trigger_fields)
        found = [(f"event {row[0]}", row) for row in waiting if topic_fits(row[1], looks_at)]
        for name, row in [*found, *((f"run {row[0]}", row) for row in runs)]:
            known = _state(kind, row[1], row[2])
            if known is None or known.at is None:
                continue
            if known.at > state.at or (known.at == state.at and not made.again):
                return name
        return ""

    def take(self, connection: Statements, takings: Iterable[tuple[int, int]]) -> set[int]:
        """Let events take the happening of a swept one, given as (swept event, taking event), in this transaction.

        Returns the taking events that came too late: another had taken it.
        """
        late: set[int] = set()
        for swept, taking in sorted(takings):
            taken = connection.exec_driver_sql(self._sql(_TAKE), (taking, swept, taking))
            if not taken.rowcount:
                late.add(taking)
        return late


def _state(kind: ConnectionKind, topic: str, payload: bytes) -> RecordState | None:
    try:
        return kind.state_of(kind.read(topic, unpack(bytes(payload))))
    except Exception:  # noqa: BLE001 - an event whose content is gone, or that nobody can read, tells nothing
        return None


_INSERT = """
INSERT INTO made_event (event_id, connection_id, record_key, only_recipe_id, again, known_as, seen_upto)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_SINCE = "SELECT 1 FROM event WHERE connection_id=? AND dedupe_key=? AND id>?"
NEWEST = "SELECT COALESCE(MAX(id), 0) FROM event"
_ABOUT = "SELECT event_id, only_recipe_id, again, known_as, seen_upto FROM made_event WHERE {}"
_TWINS = """
SELECT m.connection_id, m.record_key, m.known_as, m.event_id, e.topic, e.occurred_at
FROM made_event m JOIN event e ON e.id=m.event_id WHERE {} AND m.known_as<>'' ORDER BY m.event_id
"""
_LATER = """
SELECT id, topic, payload FROM event WHERE record_key=? AND id>? AND connection_id=? AND id<>?
  AND origin NOT IN ('sweep', 'backfill') AND problem='' ORDER BY id
"""
_IN_FRONT = """
SELECT id, topic, payload FROM event WHERE record_key=? AND connection_id=? AND id<? AND decided_at IS NULL
"""
# The sign keeps a record that is new from being looked for among all runs of the recipe.
_NEWEST_RUNS = """
SELECT r.id, e.topic, e.payload FROM run r JOIN event e ON e.id=r.event_id
WHERE r.record_key=? AND +r.recipe_id=? ORDER BY r.id DESC LIMIT 5
"""
_TAKE = "UPDATE made_event SET taken_by=? WHERE event_id=? AND (taken_by IS NULL OR taken_by=?)"
