"""What is here of some records: which of their happenings arrived, and their newest state."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from automations.engine.contracts import ConnectionKind, Occurrence, RecordState
from automations.engine.leases import in_chunks, marks
from automations.engine.made_events import NEWEST, SAME_DELETE_WITHIN
from automations.model.columns import micros
from automations.model.database import Database
from automations.model.packing import unpack
from automations.model.states import EventOrigin

CLOCKS_DIFFER = timedelta(minutes=10)
_RECORDS_AT_ONCE = 100
_EVENTS_OF = """
SELECT record_key, topic, payload, received_at, origin, id FROM event
WHERE record_key IN ({}) AND connection_id=? AND origin<>'backfill' AND id<=? ORDER BY id
"""


@dataclass
class Here:
    """upto: the newest event that was looked at. swept: how many came from a sweep after the one asked about."""

    upto: int
    swept: int = 0
    _known: set[tuple[str, str]] = field(default_factory=set)
    _newest: dict[str, tuple[RecordState, Occurrence]] = field(default_factory=dict)
    _deletes: dict[str, list[datetime | None]] = field(default_factory=dict)
    _unreadable: set[str] = field(default_factory=set)

    def add_unreadable(self, record_key: str) -> None:
        """Take what arrived of a record for anything: rather is a change missed than one sent through twice."""
        self._unreadable.add(record_key)

    def add(self, record_key: str, state: RecordState, occurrence: Occurrence) -> None:
        self._known.add((record_key, state.known_as))
        if state.known_as == "delete":
            self._deletes.setdefault(record_key, []).append(state.at)
        held = self._newest.get(record_key)
        if held is None or held[0].at is None or (state.at is not None and state.at >= held[0].at):
            self._newest[record_key] = (state, occurrence)

    def has(self, record_key: str, state: RecordState) -> bool:
        """Tell whether this happening arrived, or an event that carried this state of the record or a later one."""
        if record_key in self._unreadable:
            return True
        if state.known_as == "delete" and state.at is not None:
            deletes = self._deletes.get(record_key, [])
            return any(at is None or abs(at - state.at) < SAME_DELETE_WITHIN for at in deletes)
        if (record_key, state.known_as) in self._known:
            return True
        held = self._newest.get(record_key)
        newest = held[0].at if held is not None else None
        if newest is None or state.at is None or state.known_as == "create":
            return False
        return newest >= state.at

    def newest(self, record_key: str) -> Occurrence | None:
        held = self._newest.get(record_key)
        return held[1] if held is not None else None


class Arrived:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(
        self,
        connection_id: int,
        kind: ConnectionKind,
        record_keys: Collection[str],
        since: datetime,
        *,
        after: int,
    ) -> Here:
        """Return what is here of these records of an account.

        since: from when on happenings are asked about. What came in after that and cannot be read counts as any.
        after: the event behind which those of a sweep are counted.
        """
        with self._database.connect_for_read() as connection:
            upto = int(connection.exec_driver_sql(NEWEST).scalar_one())
        here = Here(upto)
        events = self._events(connection_id, sorted(record_keys), upto)
        for record_key, topic, payload, received_at, origin, event_id in events:
            here.swept += origin == EventOrigin.SWEEP and event_id > after
            try:
                occurrence = kind.read(topic, unpack(bytes(payload)))
                state = kind.state_of(occurrence)
            except Exception:  # noqa: BLE001 - its content was given up for room, or was never readable
                if received_at >= micros(since - CLOCKS_DIFFER):
                    here.add_unreadable(record_key)
                continue
            if state is not None:
                here.add(record_key, state, occurrence)
        return here

    def _events(
        self, connection_id: int, record_keys: list[str], upto: int
    ) -> Iterator[tuple[str, str, bytes, int, str, int]]:
        for some in in_chunks(record_keys, _RECORDS_AT_ONCE):
            sql = self._database.sql(_EVENTS_OF.format(marks(some)))
            with self._database.connect_for_read() as connection:
                rows = connection.exec_driver_sql(sql, (*some, connection_id, upto)).all()
            yield from ((row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows)
