"""Who works on a run: claims with a lease and a counter, renewed, given up, taken back from the dead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automations.clock import Clock
from automations.engine.blame import after_death
from automations.engine.changes import Claim
from automations.errors import StorageUnavailableError
from automations.model.columns import load_json, micros
from automations.model.database import Database
from automations.model.many import among, chosen
from automations.model.states import RunStatus

LEASE = timedelta(seconds=60)
CHUNK = 500


@dataclass(frozen=True)
class Taker:
    """Who takes new runs for itself as they are inserted. until: when the lease ends, in microseconds as stored.

    room: how many it takes at most, by connection; what it took is subtracted.
    """

    owner: str
    until: int
    room: dict[int, int]


class Leases:
    """The claims of one worker, named `owner`.

    None of them waits for the disk: one that a power failure takes back was followed by no call, because what is
    written before a call is on disk together with all that came before it.
    """

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._sql = database.sql
        self.owner = owner
        self._leases_seen_s: dict[Any, float] = {}

    def claim(self, connection_id: int, limit: int) -> list[Claim]:
        """Take up to `limit` runs that are due and talk to this connection, oldest first."""
        now = self._clock.now()
        skip = "" if self._database.on_sqlite else " FOR UPDATE SKIP LOCKED"
        parameters = (
            str(RunStatus.RUNNING), self.owner, micros(now + LEASE), micros(now),
            connection_id, micros(now), limit,
        )  # fmt: skip
        with self._database.write_plain(durable=False) as connection:
            sql = _CLAIM.format(oldest=chosen(connection, "id", _OLDEST_DUE + skip))
            rows = connection.exec_driver_sql(self._sql(sql), parameters).all()
        return sorted((_claim_of(row) for row in rows), key=lambda claim: claim.run_id)

    def due(self) -> set[int]:
        """Return the connections that something can be claimed for now; 0 stands for steps that talk to nobody."""
        now = micros(self._clock.now())
        with self._database.read_plain() as connection:
            return {row[0] for row in connection.exec_driver_sql(self._sql(_DUE), (now, now))}

    def renew(self, run_ids: Sequence[int]) -> set[int]:
        """Lengthen the leases of the runs that are in this worker's hands; return those that are not any more.

        Only of those: a claim whose answer was lost on its way from the database is in nobody's hands.
        """
        until = micros(self._clock.now() + LEASE)
        lost = set(run_ids)
        # In the order of their ids, as everywhere, so that who settles some of them meanwhile waits and no more.
        lock = "" if self._database.on_sqlite else " ORDER BY id FOR UPDATE"
        with self._database.write_plain(durable=False) as connection:
            for chunk in in_chunks(run_ids):
                which, values = among(connection, "id", chunk)
                mine = f"SELECT id FROM run WHERE lease_owner=? AND {which}{lock}"  # noqa: S608
                sql = f"UPDATE run SET lease_until=? WHERE {chosen(connection, 'id', mine)} RETURNING id"  # noqa: S608
                parameters = (until, self.owner, *values)
                lost -= {row[0] for row in connection.exec_driver_sql(self._sql(sql), parameters)}
        return lost

    def recover(self, dead_owner: str | None = None) -> int:
        """Let runs go on whose worker is gone; returns how many were taken back.

        dead_owner: a prefix of owner names that the caller knows to be dead. Without it a lease counts as
        abandoned that nobody renewed for its whole length, watched from here: call this every some seconds. The
        wall clock says nothing, it may jump and differ from machine to machine.
        """
        if dead_owner is None:
            self._see_that_writing_goes()
        with self._database.read_plain() as connection:
            held = connection.exec_driver_sql(_HELD).all()
        if dead_owner is not None:
            self._end_holds(dead_owner)
            abandoned = [row for row in held if row[3].startswith(dead_owner)]
        else:
            unchanged = set(self._unchanged([tuple(row[:3]) for row in held]))
            abandoned = [row for row in held if tuple(row[:3]) in unchanged]
        if not abandoned:
            return 0
        marks_of = _marks_after_death(abandoned)
        with self._database.write_plain(durable=False) as connection:
            now = micros(self._clock.now())
            rows = [(str(RunStatus.QUEUED), now, marks_of[row[0]], *row[:3]) for row in abandoned]
            return int(connection.exec_driver_sql(self._sql(_TAKE_BACK), rows).rowcount)

    def _see_that_writing_goes(self) -> None:
        """While nobody can write, nobody can renew either: that time counts against nobody."""
        try:
            with self._database.write_plain(durable=False) as connection:
                connection.exec_driver_sql("UPDATE run SET lease_until=lease_until WHERE 1=0")
        except StorageUnavailableError:
            self._leases_seen_s = {}
            raise

    def _end_holds(self, dead_owner: str) -> None:
        """End what a dead worker kept for itself in accounts; its runs come back and need it."""
        with self._database.connect_for_write() as connection:
            sql = "DELETE FROM exclusive WHERE SUBSTR(holder, 1, ?)=?"
            connection.exec_driver_sql(self._sql(sql), (len(dead_owner), dead_owner))

    def _unchanged(self, leases: Sequence[Any]) -> list[Any]:
        now_s = self._clock.monotonic_s()
        self._leases_seen_s = {lease: self._leases_seen_s.get(lease, now_s) for lease in leases}
        over_s = now_s - LEASE.total_seconds()
        return [lease for lease, seen_s in self._leases_seen_s.items() if seen_s <= over_s]

    def thaw(self, went_back: timedelta = timedelta(0)) -> None:
        """Make due again what a wall clock that was set back has put into the future.

        Queued runs are due at once, and so are retries whose last try lies in the future. went_back: by how much,
        where it is known; retries come that much earlier, while a `wait` that an author asked for keeps its hour on
        the clock.
        """
        now, back = micros(self._clock.now()), went_back // timedelta(microseconds=1)
        queued = self._sql("UPDATE run SET claimable_at=? WHERE status='queued' AND claimable_at>?")
        retries = self._sql(
            "UPDATE run SET claimable_at=CASE WHEN claimable_at-?>? THEN claimable_at-? ELSE ? END "
            "WHERE status='waiting' AND reason_kind<>'wait' AND claimable_at>?"
        )
        # Not by key: whatever waits or is queued may be concerned.
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(queued, (now, now))
            if back:
                connection.exec_driver_sql(retries, (back, now, back, now, now))
            else:
                connection.exec_driver_sql(self._sql(_TRIED_IN_THE_FUTURE), (now, now, now))


def _marks_after_death(abandoned: Sequence[Any]) -> dict[int, int]:
    by_owner: dict[str, dict[int, int]] = defaultdict(dict)
    for run_id, _, _, owner, blame in abandoned:
        by_owner[owner][run_id] = blame
    return {run_id: blame for held in by_owner.values() for run_id, blame in after_death(held).items()}


def _claim_of(row: Any) -> Claim:
    run_id, recipe_id, version_id, event_id, counter, claims, step_index, connection_id, replay = row[:9]
    memory, lane = row[9:]
    kept = load_json(memory) if memory else {}
    return Claim(
        run_id, recipe_id, version_id, event_id, counter, claims, step_index, connection_id, replay, kept, lane
    )  # fmt: skip


def in_chunks(items: Sequence[Any], size: int = CHUNK) -> Iterable[Sequence[Any]]:
    """Return the items in parts that fit into one statement."""
    return (items[start : start + size] for start in range(0, len(items), size))


def marks(items: Sequence[Any]) -> str:
    """Return a `?` for each item."""
    return ", ".join("?" * len(items))


# One look in the index for each connection: `SELECT DISTINCT` would read every run that waits, and `EXISTS` is a join
# to PostgreSQL, which may read every run that there is.
_DUE = """
SELECT id FROM connection WHERE 1=(
  SELECT 1 FROM run WHERE connection_id=connection.id AND claimable_at<=? ORDER BY claimable_at LIMIT 1)
UNION ALL SELECT 0 WHERE 1=(SELECT 1 FROM run WHERE connection_id=0 AND claimable_at<=? ORDER BY claimable_at LIMIT 1)
"""

_HELD = """
SELECT id, lease_counter, lease_until, lease_owner, claims_without_end FROM run WHERE lease_until IS NOT NULL
"""

_OLDEST_DUE = "SELECT id FROM run WHERE connection_id=? AND claimable_at<=? ORDER BY claimable_at, id LIMIT ?"
_CLAIM = """
UPDATE run SET status=?, lease_owner=?, lease_until=?, lease_counter=lease_counter+1,
  claimable_at=NULL, started_at=COALESCE(started_at, ?)
WHERE {oldest}
RETURNING id, recipe_id, version_id, event_id, lease_counter, claims_without_end, step_index, connection_id,
  replay_number, memory, lane
"""

_TRIED_IN_THE_FUTURE = """
UPDATE run SET claimable_at=? WHERE status='waiting' AND reason_kind<>'wait' AND claimable_at>? AND EXISTS (
  SELECT 1 FROM delivery JOIN attempt ON attempt.delivery_id=delivery.id
  WHERE delivery.run_id=run.id AND delivery.status='waiting' AND attempt.started_at>?)
"""

_TAKE_BACK = """
UPDATE run SET status=?, lease_owner=NULL, lease_until=NULL, claimable_at=?, claims_without_end=?
WHERE id=? AND lease_counter=? AND lease_until=?
"""
