"""History is kept for a stated time and in a stated room, and then removed in small batches, never what is still owed.

Parked runs stay until a person ends them. Events outlive their runs by the time in which a sender may send one
again, because the event is what a second copy is known by; for room, its content alone may go before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automations.clock import Clock
from automations.engine.disk import Disk
from automations.engine.packer import id_before, rewrite
from automations.model.columns import micros
from automations.model.database import Database

BATCH = 200
KNOWN_AGAIN_FOR = timedelta(days=7)
NOTHING_ASKED_AFTER = timedelta(days=1)
REMEMBERED_FOR = timedelta(days=90)
ROOM_LEFT_AFTERWARDS = 0.9


@dataclass(frozen=True)
class Removed:
    """How much was removed. emptied: events that lost their content alone. after: where the next batch begins."""

    runs: int = 0
    events: int = 0
    emptied: int = 0
    after: int | None = None

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.runs + other.runs, self.events + other.events, self.emptied + other.emptied)


class Retention:
    """keep_days: how long ended runs and their events are kept. budget_bytes: how much all may take.

    Each method does one batch, a transaction of its own, beginning after an id; `after` is None when it was the last.
    """

    def __init__(
        self, database: Database, clock: Clock, disk: Disk, *, keep_days: int, budget_bytes: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._disk = disk
        self._keep = timedelta(days=keep_days)
        self.budget_bytes = budget_bytes

    # -- by age

    def remove_old_runs(self, after: int) -> Removed:
        before = self._clock.now() - self._keep
        return self._remove_runs(
            after, id_before(self._database, "run", "created_at", before), micros(before)
        )

    def remove_old_events(self, after: int) -> Removed:
        before = self._clock.now() - max(self._keep, KNOWN_AGAIN_FOR)
        upto = id_before(self._database, "event", "received_at", before)
        ids = self._ids(_EVENTS_WITHOUT_RUNS, (after, upto, BATCH))
        self._delete("DELETE FROM event WHERE id IN ({marks})", ids)
        return Removed(events=len(ids), after=ids[-1] if len(ids) == BATCH else None)

    # -- by room

    def is_over_budget(self, share: float = 1.0) -> bool:
        return self._disk.used_bytes() > share * self.budget_bytes

    def remove_oldest_runs(self, after: int) -> Removed:
        """Remove ended runs, oldest first, until there is some room again."""
        if not self.is_over_budget(ROOM_LEFT_AFTERWARDS):
            return Removed()
        now = self._clock.now()
        return self._remove_runs(after, id_before(self._database, "run", "created_at", now), micros(now))

    def empty_oldest_events(self, after: int) -> Removed:
        """Take the content of events that no run needs; those that need not be known any more go whole."""
        if not self.is_over_budget(ROOM_LEFT_AFTERWARDS):
            return Removed()
        now = self._clock.now()
        known = id_before(self._database, "event", "received_at", now - KNOWN_AGAIN_FOR)
        newest = id_before(self._database, "event", "received_at", now)
        ids = self._ids(_EVENTS_WITHOUT_RUNS, (after, newest, BATCH))
        forgotten = [event_id for event_id in ids if event_id <= known]
        self._delete("DELETE FROM event WHERE id IN ({marks})", forgotten)
        emptied = self._empty([event_id for event_id in ids if event_id > known])
        return Removed(0, len(forgotten), emptied, ids[-1] if len(ids) == BATCH else None)

    def _empty(self, ids: list[int]) -> int:
        if not ids:
            return 0
        marks = ", ".join("?" * len(ids))
        full = f"SELECT id, payload FROM event WHERE id IN ({marks}) AND LENGTH(payload) > 0"  # noqa: S608
        with self._database.connect_for_read() as connection:
            rows = connection.exec_driver_sql(self._database.sql(full), tuple(ids)).all()
        if not rows:
            return 0
        if self._database.on_sqlite:
            changes = [(row[0], "payload", row[1], b"") for row in rows]
            rewrite(self._database, "event", changes)
        else:
            with self._database.connect_for_write() as connection:
                connection.exec_driver_sql(
                    "UPDATE event SET payload=%s WHERE id=%s", [(b"", row[0]) for row in rows]
                )
        return len(rows)

    # -- what connectors remember

    def forget_what_is_over(self) -> int:
        """Remove holds whose time is over and remote ids that nothing asked for in a long time."""
        now = self._clock.now()
        with self._database.connect_for_write() as connection:
            holds = connection.exec_driver_sql(
                self._database.sql("DELETE FROM exclusive WHERE until < ?"),
                (micros(now - NOTHING_ASKED_AFTER),),
            )
            known = connection.exec_driver_sql(
                self._database.sql("DELETE FROM identity WHERE seen_at < ?"), (micros(now - REMEMBERED_FOR),)
            )
            return holds.rowcount + known.rowcount

    # -- batches

    def _remove_runs(self, after: int, upto: int, before: int) -> Removed:
        ids = self._ids(_ENDED_RUNS, (after, upto, before, BATCH))
        self._delete(
            "DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE run_id IN ({marks}))",
            ids,
            "DELETE FROM delivery WHERE run_id IN ({marks})",
            "DELETE FROM run WHERE id IN ({marks})",
        )
        return Removed(runs=len(ids), after=ids[-1] if len(ids) == BATCH else None)

    def _ids(self, sql: str, parameters: tuple[Any, ...]) -> list[int]:
        with self._database.connect_for_read() as connection:
            return [row[0] for row in connection.exec_driver_sql(self._database.sql(sql), parameters)]

    def _delete(self, first: str, ids: list[int], *others: str) -> None:
        if not ids:
            return
        marks = ", ".join("?" * len(ids))
        with self._database.connect_for_write() as connection:
            for sql in (first, *others):
                connection.exec_driver_sql(self._database.sql(sql.format(marks=marks)), tuple(ids))


_ENDED_RUNS = """
SELECT id FROM run WHERE id > ? AND id <= ? AND status IN ('succeeded', 'filtered', 'cancelled')
AND finished_at < ? ORDER BY id LIMIT ?
"""
_EVENTS_WITHOUT_RUNS = """
SELECT e.id FROM event e WHERE e.id > ? AND e.id <= ? AND e.decided_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id) ORDER BY e.id LIMIT ?
"""
