"""History is kept for a stated time and then removed, in small batches, never what is still owed.

Parked runs stay until a person ends them. Events outlive their runs by the time in which a sender may send one
again, because the event is what a second copy is known by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from automations.clock import Clock
from automations.model.columns import micros
from automations.model.database import Database

BATCH = 500
KNOWN_AGAIN_FOR = timedelta(days=7)

_OLD_RUNS = """
SELECT id FROM run WHERE status IN ('succeeded', 'filtered', 'cancelled') AND finished_at < ? ORDER BY id LIMIT ?
"""
_OLD_EVENTS = """
SELECT e.id FROM event e WHERE e.decided_at IS NOT NULL AND e.received_at < ?
AND NOT EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id) ORDER BY e.id LIMIT ?
"""


@dataclass(frozen=True)
class Removed:
    """How much was removed."""

    runs: int = 0
    events: int = 0


class Retention:
    """keep_days: how long ended runs and their events are kept."""

    def __init__(self, database: Database, clock: Clock, keep_days: int) -> None:
        self._database = database
        self._clock = clock
        self._keep = timedelta(days=keep_days)

    def run(self) -> Removed:
        """Remove everything that is old enough; each batch is a transaction of its own."""
        now = self._clock.now()
        runs = self._remove_all(_OLD_RUNS, micros(now - self._keep), self._remove_runs)
        events_before = micros(now - max(self._keep, KNOWN_AGAIN_FOR))
        events = self._remove_all(_OLD_EVENTS, events_before, self._remove_events)
        return Removed(runs, events)

    def _remove_all(self, old: str, before: int, remove: Callable[[list[int]], None]) -> int:
        removed = 0
        while True:
            with self._database.connect_for_read() as connection:
                rows = connection.exec_driver_sql(self._database.sql(old), (before, BATCH)).all()
            ids = [row[0] for row in rows]
            if ids:
                remove(ids)
                removed += len(ids)
            if len(ids) < BATCH:
                return removed

    def _remove_runs(self, ids: list[int]) -> None:
        marks = ", ".join("?" * len(ids))
        with self._database.connect_for_write() as connection:
            for sql in (
                f"DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE run_id IN ({marks}))",  # noqa: S608
                f"DELETE FROM delivery WHERE run_id IN ({marks})",  # noqa: S608
                f"DELETE FROM run WHERE id IN ({marks})",  # noqa: S608
            ):
                connection.exec_driver_sql(self._database.sql(sql), tuple(ids))

    def _remove_events(self, ids: list[int]) -> None:
        marks = ", ".join("?" * len(ids))
        sql = f"DELETE FROM event WHERE id IN ({marks})"  # noqa: S608
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(sql), tuple(ids))
