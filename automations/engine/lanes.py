"""Lanes: the runs of one record in one recipe follow each other.

At most one run of a lane is active: it may be claimed, is in a worker's hands, or waits for its time. The rest
stand behind it, queued and not claimable. Whoever joins or leaves a lane locks it first, writes, and then
lets the next one go, all in one transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence

from automations.model.arrays import texts
from automations.model.database import Database
from automations.model.many import among
from automations.model.statements import Statements

MANY = 200
_CHUNK = 500

_PROMOTE = """
UPDATE run SET claimable_at=?
WHERE id=(SELECT MIN(id) FROM run WHERE lane=?) AND status='queued' AND claimable_at IS NULL
"""

_PROMOTE_ALL = """
UPDATE run SET claimable_at=%s
WHERE id IN (SELECT (SELECT MIN(id) FROM run WHERE lane=one.lane) FROM unnest(%b::text[]) AS one(lane))
  AND status='queued' AND claimable_at IS NULL
"""

_LOCK_ALL = "SELECT pg_advisory_xact_lock(78, 0)"
_LOCK = """
SELECT pg_advisory_xact_lock_shared(78, 0)
UNION ALL SELECT pg_advisory_xact_lock(77, key) FROM unnest(ARRAY{keys}::int[]) AS one(key)
"""


class Lanes:
    """The statements on lanes, each within a transaction of the caller."""

    def __init__(self, database: Database) -> None:
        self._on_sqlite = database.on_sqlite

    def lock(self, connection: Statements, lanes: Collection[str]) -> None:
        """Keep two transactions from joining and leaving one lane at once, until this one ends."""
        if not self._on_sqlite and (text := self.locking(lanes)):
            connection.exec_driver_sql(text)

    def locking(self, lanes: Collection[str]) -> str:
        """Return what `lock` does as a text for PostgreSQL that needs no values, to be sent with another; maybe none.

        SQLite has one writer anyway. PostgreSQL keeps every lock in a table of limited size, so a transaction on
        many lanes takes one lock over all of them; one on a few shares that lock and takes their own.
        """
        if not lanes:
            return ""
        return _LOCK_ALL if len(lanes) > MANY else _LOCK.format(keys=_keys(lanes))

    def occupied(self, connection: Statements, lanes: Sequence[str]) -> set[str]:
        """Return those of the lanes that have any run in them."""
        found: set[str] = set()
        for chunk in _chunks(lanes):
            which, values = among(connection, "lane", chunk)
            sql = f"SELECT DISTINCT lane FROM run WHERE {which}"  # noqa: S608 - marks only
            found |= {row[0] for row in connection.exec_driver_sql(sql, values)}
        return found

    def of_runs(self, connection: Statements, run_ids: Sequence[int]) -> list[str]:
        """Return the lanes that these runs are in."""
        found: set[str] = set()
        for chunk in _chunks(run_ids):
            which, values = among(connection, "id", chunk)
            sql = f"SELECT lane FROM run WHERE lane IS NOT NULL AND {which}"  # noqa: S608 - marks only
            found |= {row[0] for row in connection.exec_driver_sql(sql, values)}
        return sorted(found)

    def let_next_go(self, connection: Statements, lanes: Iterable[str], now: int) -> int:
        """Make the oldest run of each lane claimable; return how many. Only for lanes whose active run has just left.

        now: microseconds, as stored.
        """
        which = list(lanes)
        if not which:
            return 0
        if self._on_sqlite:
            return int(connection.exec_driver_sql(_PROMOTE, [(now, lane) for lane in which]).rowcount)
        return int(connection.exec_driver_sql(_PROMOTE_ALL, (now, texts(which))).rowcount)


def _keys(lanes: Iterable[str]) -> list[int]:
    """Return what stands for each lane: 32 bits with their sign.

    In one order everywhere, so that two transactions never wait for each other: an array is read from its beginning,
    and nothing in the statement could be done in another order.
    """
    return sorted({zlib.crc32(lane.encode()) - 2**31 for lane in lanes})


def _chunks(items: Sequence[object]) -> Iterable[Sequence[object]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
