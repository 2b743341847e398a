"""What the app's own database says of a trial; read only, also while the app runs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from automations.model.database import Database


@dataclass(frozen=True)
class Delivered:
    """One delivery in the books. attempts: how often it was opened. succeeded_at: the number of that attempt, or 0.

    last_attempt: the highest number that an outcome was written for.
    """

    key: str
    deal: int
    number: int
    step: str
    status: str
    attempts: int
    successes: int
    first_success: int
    last_attempt: int


class Books:
    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, pool_size=2)
        #: Key of each delivery that was seen closed, with the earliest time at which it was.
        self.closed_s: dict[str, float] = {}
        self._seen_upto = 0

    def close(self) -> None:
        self._database.close()

    def note_closed(self) -> None:
        """Remember which effects are closed by now: none of them may arrive again."""
        sql = "SELECT idempotency_key, closed_at FROM delivery WHERE status='succeeded' AND closed_at>=?"
        with self._database.connect_for_read() as connection:
            rows = connection.exec_driver_sql(self._database.sql(sql), (self._seen_upto,)).all()
        now_s = time.time()
        for key, closed_at in rows:
            self.closed_s.setdefault(key, now_s)
            # Writers commit in another order than they took their time, so the last seconds are read again.
            self._seen_upto = max(self._seen_upto, closed_at - 30_000_000)

    def statuses(self) -> dict[str, int]:
        return self._counts("SELECT status, COUNT(*) FROM run GROUP BY status")

    def parked(self) -> list[tuple[str, str]]:
        """Return (record, reason) of what a person would have to look at."""
        with self._database.connect_for_read() as connection:
            sql = "SELECT record_key, reason FROM run WHERE status='parked' ORDER BY id"
            return [(row[0], row[1]) for row in connection.exec_driver_sql(sql)]

    def unended(self) -> int:
        """Return how many events and runs are still under way."""
        with self._database.connect_for_read() as connection:
            waiting = connection.exec_driver_sql(
                "SELECT COUNT(*) FROM event WHERE decided_at IS NULL"
            ).scalar()
            sql = "SELECT COUNT(*) FROM run WHERE finished_at IS NULL"
            return int(waiting or 0) + int(connection.exec_driver_sql(sql).scalar() or 0)

    def leased(self, slot: str = "%") -> int:
        """Return how many runs are in the hands of the workers of this slot."""
        with self._database.connect_for_read() as connection:
            sql = self._database.sql("SELECT COUNT(*) FROM run WHERE lease_owner LIKE ?")
            return int(connection.exec_driver_sql(sql, (f"%/{slot}/%",)).scalar() or 0)

    def deliveries(self) -> list[Delivered]:
        with self._database.connect_for_read() as connection:
            rows = connection.exec_driver_sql(_DELIVERIES).all()
        return [
            Delivered(key, int(record.split(":")[1]), int(dedupe.rsplit("-", 1)[1]), *rest)
            for key, record, dedupe, *rest in rows
        ]

    def _counts(self, sql: str) -> dict[str, int]:
        with self._database.connect_for_read() as connection:
            return {row[0]: row[1] for row in connection.exec_driver_sql(sql)}


_DELIVERIES = """
SELECT d.idempotency_key, r.record_key, e.dedupe_key, d.step_name, d.status, d.attempts,
  COALESCE(a.successes, 0), COALESCE(a.first_success, 0), COALESCE(a.last_attempt, 0)
FROM delivery d JOIN run r ON r.id=d.run_id JOIN event e ON e.id=r.event_id
LEFT JOIN (
  SELECT delivery_id, SUM(CASE WHEN outcome='succeeded' THEN 1 ELSE 0 END) AS successes,
    MIN(CASE WHEN outcome='succeeded' THEN number END) AS first_success, MAX(number) AS last_attempt
  FROM attempt GROUP BY delivery_id
) a ON a.delivery_id=d.id
"""
