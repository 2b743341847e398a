"""The effect ledger: the only place that writes run and delivery states.

A row is written before the call and closed after it, so a crash or a replay never repeats a closed effect and
knows which one is in doubt. Every change a worker makes is fenced by the lease it holds.

The statements are plain SQL: they carry thousands of rows a second, and both databases read them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as SqlConnection

from automations.clock import Clock
from automations.engine.lanes import Lanes
from automations.model.columns import dump_json, load_json, micros, storable
from automations.model.database import Database
from automations.model.states import DeliveryStatus, RunStatus

LEASE = timedelta(seconds=60)
CHUNK = 500


@dataclass(frozen=True)
class NewRun:
    """A verdict as a row: queued to run, filtered with its reason, or parked because the recipe is broken."""

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


@dataclass(frozen=True)
class DecidedEvent:
    """passed_over: `[[recipe_id, version_id, reason], …]`. problem: why nothing could be decided."""

    event_id: int
    label: str
    passed_over: list[list[Any]]
    runs: list[NewRun]
    problem: str = ""


@dataclass(frozen=True)
class Claim:
    """A run in this worker's hands; `counter` fences every later write."""

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


@dataclass(frozen=True)
class RunUpdate:
    """A run leaves this worker's hands. claimable_at None with an ended status ends it and frees its lane."""

    claim: Claim
    status: RunStatus
    reason: str = ""
    reason_kind: str = ""
    step_index: int = -1
    connection_id: int = 0
    claimable_at: datetime | None = None
    memory: dict[str, Any] | None = None


@dataclass
class Changes:
    """Everything that one transaction of a worker writes."""

    openings: list[Opening] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    updates: list[RunUpdate] = field(default_factory=list)
    held: dict[int, Claim] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.openings or self.closings or self.updates)

    def of_run(self, run_id: int) -> Changes:
        """Return the part that is about one run."""
        return Changes(
            openings=[opening for opening in self.openings if opening.run_id == run_id],
            closings=[closing for closing in self.closings if closing.run_id == run_id],
            updates=[update for update in self.updates if update.claim.run_id == run_id],
            held={run_id: self.held[run_id]},
        )


def _json(value: Any) -> str | None:
    return None if value is None else dump_json(value)


class Ledger:
    """Writes run and delivery states for one worker, named `owner`."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self.owner = owner
        self._sql = database.sql
        self._lanes = Lanes(database)
        self._leases_seen_s: dict[Any, float] = {}

    # -- deciding

    def decide(self, decided: Sequence[DecidedEvent]) -> int:
        """Store verdicts and new runs; events that another worker decided meanwhile are left out.

        Returns how many runs are ready to be claimed.
        """
        now = micros(self._clock.now())
        with self._database.connect_for_write() as connection:
            open_ids = self._still_undecided(connection, [event.event_id for event in decided])
            mine = [event for event in decided if event.event_id in open_ids]
            if not mine:
                return 0
            connection.exec_driver_sql(
                self._sql("UPDATE event SET decided_at=?, label=?, passed_over=?, problem=? WHERE id=?"),
                [
                    (
                        now,
                        storable(e.label),
                        _json(e.passed_over) if e.passed_over else None,
                        storable(e.problem),
                        e.event_id,
                    )
                    for e in mine
                ],
            )
            return self._insert_runs(connection, [run for event in mine for run in event.runs], now)

    def _still_undecided(self, connection: SqlConnection, ids: Sequence[int]) -> set[int]:
        lock = "" if self._database.on_sqlite else " FOR UPDATE"
        found: set[int] = set()
        for chunk in _chunks(ids):
            sql = f"SELECT id FROM event WHERE decided_at IS NULL AND id IN ({_marks(chunk)}){lock}"  # noqa: S608
            found |= {row[0] for row in connection.exec_driver_sql(self._sql(sql), tuple(chunk))}
        return found

    def _insert_runs(self, connection: SqlConnection, runs: Sequence[NewRun], now: int) -> int:
        queued_lanes = sorted({run.lane for run in runs if run.lane and run.status == RunStatus.QUEUED})
        self._lanes.lock(connection, queued_lanes)
        busy = self._lanes.occupied(connection, queued_lanes)
        rows: list[tuple[Any, ...]] = []
        ready = 0
        for run in runs:
            queued = run.status == RunStatus.QUEUED
            free = queued and (run.lane is None or run.lane not in busy)
            if queued and run.lane:
                busy.add(run.lane)
            ready += free
            rows.append(
                (
                    run.recipe_id, run.version_id, run.event_id, 0, run.record_key, storable(run.label),
                    run.lane if queued else None, str(run.status), storable(run.reason), run.reason_kind, -1,
                    run.connection_id, now if free else None, 0, 0, _json(run.memory), now,
                    None if queued else now,
                )
            )  # fmt: skip
        if rows:
            connection.exec_driver_sql(self._sql(_INSERT_RUN), rows)
        return ready

    # -- claiming

    def claim(self, connection_id: int, limit: int) -> list[Claim]:
        """Take up to `limit` runs that are due and talk to this connection, oldest first."""
        now = self._clock.now()
        skip = "" if self._database.on_sqlite else " FOR UPDATE SKIP LOCKED"
        sql = _CLAIM.format(skip=skip)
        parameters = (
            str(RunStatus.RUNNING), self.owner, micros(now + LEASE), micros(now),
            connection_id, micros(now), limit,
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            rows = connection.exec_driver_sql(self._sql(sql), parameters).all()
        return sorted((_claim_of(row) for row in rows), key=lambda claim: claim.run_id)

    def due(self) -> set[int]:
        """Return the connections that something can be claimed for now; 0 stands for steps that talk to nobody."""
        now = micros(self._clock.now())
        with self._database.connect_for_read() as connection:
            return {row[0] for row in connection.exec_driver_sql(self._sql(_DUE), (now, now))}

    def renew(self, run_ids: Sequence[int]) -> None:
        """Lengthen the leases of the runs that are in this worker's hands.

        Only of those: a claim whose answer was lost on its way from the database is in nobody's hands.
        """
        until = micros(self._clock.now() + LEASE)
        with self._database.connect_for_write() as connection:
            for chunk in _chunks(run_ids):
                sql = f"UPDATE run SET lease_until=? WHERE lease_owner=? AND id IN ({_marks(chunk)})"  # noqa: S608
                connection.exec_driver_sql(self._sql(sql), (until, self.owner, *chunk))

    def recover(self, dead_owner: str | None = None) -> int:
        """Let runs go on whose worker is gone; returns how many were taken back.

        dead_owner: a prefix of owner names that the caller knows to be dead. Without it a lease counts as
        abandoned that nobody renewed for its whole length, watched from here: call this every some seconds. The
        wall clock says nothing, it may jump and differ from machine to machine.
        """
        with self._database.connect_for_read() as connection:
            sql = "SELECT id, lease_counter, lease_until, lease_owner FROM run WHERE lease_until IS NOT NULL"
            held = connection.exec_driver_sql(sql).all()
        if dead_owner is not None:
            abandoned = [row[:3] for row in held if row[3].startswith(dead_owner)]
        else:
            abandoned = self._unchanged([row[:3] for row in held])
        if not abandoned:
            return 0
        with self._database.connect_for_write() as connection:
            now = micros(self._clock.now())
            rows = [(str(RunStatus.QUEUED), now, *row) for row in abandoned]
            return connection.exec_driver_sql(self._sql(_TAKE_BACK), rows).rowcount

    def _unchanged(self, leases: Sequence[Any]) -> list[Any]:
        now_s = self._clock.monotonic_s()
        self._leases_seen_s = {lease: self._leases_seen_s.get(lease, now_s) for lease in leases}
        over_s = now_s - LEASE.total_seconds()
        return [lease for lease, seen_s in self._leases_seen_s.items() if seen_s <= over_s]

    def thaw(self, went_back: timedelta = timedelta(0)) -> None:
        """Make due again what a wall clock that was set back has put into the future.

        Queued runs are due at once. went_back: by how much, where it is known; retries come that much earlier, while
        a `wait` that an author asked for keeps its hour on the clock.
        """
        now, back = micros(self._clock.now()), went_back // timedelta(microseconds=1)
        queued = self._sql("UPDATE run SET claimable_at=? WHERE status='queued' AND claimable_at>?")
        retries = self._sql(
            "UPDATE run SET claimable_at=CASE WHEN claimable_at-?>? THEN claimable_at-? ELSE ? END "
            "WHERE status='waiting' AND reason_kind<>'wait' AND claimable_at>?"
        )
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(queued, (now, now))
            if back:
                connection.exec_driver_sql(retries, (back, now, back, now, now))

    # -- working

    def apply(self, changes: Changes) -> tuple[set[int], dict[tuple[int, int, int], int]]:
        """Write everything in one transaction.

        Returns the runs whose lease was lost (nothing of theirs was written) and the ids of new deliveries by
        (run, step, item).
        """
        now = micros(self._clock.now())
        with self._database.connect_for_write() as connection:
            lost = self._lost(connection, changes.held)
            self._close(connection, [c for c in changes.closings if c.run_id not in lost], now)
            ids = self._open(connection, [o for o in changes.openings if o.run_id not in lost], now)
            self._release(connection, [u for u in changes.updates if u.claim.run_id not in lost], now)
        return lost, ids

    def _lost(self, connection: SqlConnection, held: dict[int, Claim]) -> set[int]:
        lock = "" if self._database.on_sqlite else " FOR UPDATE"
        kept: set[int] = set()
        for chunk in _chunks(sorted(held)):
            sql = f"SELECT id, lease_counter FROM run WHERE lease_owner=? AND id IN ({_marks(chunk)}){lock}"  # noqa: S608
            for run_id, counter in connection.exec_driver_sql(self._sql(sql), (self.owner, *chunk)):
                if held[run_id].counter == counter:
                    kept.add(run_id)
        return set(held) - kept

    def _open(
        self, connection: SqlConnection, openings: Sequence[Opening], now: int
    ) -> dict[tuple[int, int, int], int]:
        again = [o for o in openings if o.delivery_id is not None]
        if again:
            connection.exec_driver_sql(
                self._sql(
                    "UPDATE delivery SET status=?, attempts=attempts+1, next_attempt_at=NULL WHERE id=?"
                ),
                [(str(o.status), o.delivery_id) for o in again],
            )
        ids: dict[tuple[int, int, int], int] = {}
        for chunk in _chunks([o for o in openings if o.delivery_id is None], 200):
            one = "(" + ", ".join("?" * 15) + ")"
            rows = [value for o in chunk for value in _opening_row(o, now)]
            sql = self._sql(_INSERT_DELIVERY.format(values=", ".join([one] * len(chunk))))
            for delivery_id, run_id, step_index, item_index in connection.exec_driver_sql(sql, tuple(rows)):
                ids[run_id, step_index, item_index] = delivery_id
        return ids

    def _close(self, connection: SqlConnection, closings: Sequence[Closing], now: int) -> None:
        if not closings:
            return
        connection.exec_driver_sql(
            self._sql(
                "UPDATE delivery SET status=?, reason=?, reason_kind=?, outputs=?, next_attempt_at=?, closed_at=? "
                "WHERE id=?"
            ),
            [
                (
                    str(c.status), storable(c.reason), c.reason_kind, _json(c.outputs),
                    micros(c.next_attempt_at) if c.next_attempt_at else None,
                    None if c.status == DeliveryStatus.WAITING else now, c.delivery_id,
                )
                for c in closings
            ],
        )  # fmt: skip
        tried = [(c.delivery_id, c.attempt) for c in closings if c.attempt is not None]
        if tried:
            connection.exec_driver_sql(
                self._sql(_INSERT_ATTEMPT),
                [
                    (
                        delivery_id, a.number, micros(a.started_at), a.duration_ms, a.outcome, storable(a.message),
                        _json(a.exchanges), a.batch_size,
                    )
                    for delivery_id, a in tried
                ],
            )  # fmt: skip

    def _release(self, connection: SqlConnection, updates: Sequence[RunUpdate], now: int) -> None:
        if not updates:
            return
        ended = [u for u in updates if u.claimable_at is None]
        lanes = self._lanes.of_runs(connection, [u.claim.run_id for u in ended])
        self._lanes.lock(connection, lanes)
        connection.exec_driver_sql(
            self._sql(_UPDATE_RUN),
            [
                (
                    str(u.status), storable(u.reason), u.reason_kind, u.step_index, u.connection_id,
                    micros(u.claimable_at) if u.claimable_at else None, _json(u.memory),
                    None if u.claimable_at else now, 1 if u.claimable_at else 0, u.claim.run_id,
                )
                for u in updates
            ],
        )  # fmt: skip
        self._lanes.let_next_go(connection, lanes, now)


def _claim_of(row: Any) -> Claim:
    run_id, recipe_id, version_id, event_id, counter, claims, step_index, connection_id, replay, memory = row
    kept = load_json(memory) if memory else {}
    return Claim(
        run_id, recipe_id, version_id, event_id, counter, claims, step_index, connection_id, replay, kept
    )


def _opening_row(o: Opening, now: int) -> tuple[Any, ...]:
    sending = o.status == DeliveryStatus.SENDING
    return (
        o.run_id, o.step_index, o.item_index, o.step_name, o.action, o.connection_id, str(o.status), storable(o.reason),
        o.reason_kind, _json(o.fields), _json(o.outputs), o.idempotency_key, 1 if sending else 0, now,
        None if sending else now,
    )  # fmt: skip


def _chunks(items: Sequence[Any], size: int = CHUNK) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _marks(items: Sequence[Any]) -> str:
    return ", ".join("?" * len(items))


_INSERT_RUN = """
INSERT INTO run (recipe_id, version_id, event_id, replay_number, record_key, label, lane, status, reason,
  reason_kind, step_index, connection_id, claimable_at, lease_counter, claims_without_end, memory, created_at,
  finished_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (recipe_id, event_id, replay_number) DO NOTHING
"""

# One look in the index for each connection: `SELECT DISTINCT` would read every run that waits.
_DUE = """
SELECT id FROM connection WHERE EXISTS (SELECT 1 FROM run WHERE connection_id=connection.id AND claimable_at<=?)
UNION ALL SELECT 0 WHERE EXISTS (SELECT 1 FROM run WHERE connection_id=0 AND claimable_at<=?)
"""

_CLAIM = """
UPDATE run SET status=?, lease_owner=?, lease_until=?, lease_counter=lease_counter+1,
  claims_without_end=claims_without_end+1, claimable_at=NULL, started_at=COALESCE(started_at, ?)
WHERE id IN (SELECT id FROM run WHERE connection_id=? AND claimable_at<=? ORDER BY claimable_at, id LIMIT ?{skip})
RETURNING id, recipe_id, version_id, event_id, lease_counter, claims_without_end, step_index, connection_id,
  replay_number, memory
"""

_TAKE_BACK = """
UPDATE run SET status=?, lease_owner=NULL, lease_until=NULL, claimable_at=?
WHERE id=? AND lease_counter=? AND lease_until=?
"""

_INSERT_DELIVERY = """
INSERT INTO delivery (run_id, step_index, item_index, step_name, action, connection_id, status, reason,
  reason_kind, fields, outputs, idempotency_key, attempts, created_at, closed_at)
VALUES {values}
ON CONFLICT (run_id, step_index, item_index) DO UPDATE SET status=excluded.status
RETURNING id, run_id, step_index, item_index
"""

_INSERT_ATTEMPT = """
INSERT INTO attempt (delivery_id, number, started_at, duration_ms, outcome, message, exchanges, batch_size)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (delivery_id, number) DO NOTHING
"""

_UPDATE_RUN = """
UPDATE run SET status=?, reason=?, reason_kind=?, step_index=?, connection_id=?, claimable_at=?, memory=?,
  finished_at=?, lane=CASE WHEN ?=1 THEN lane END, lease_owner=NULL, lease_until=NULL, claims_without_end=0
WHERE id=?
"""
