"""Long work that survives everything: backfills, replays of many, sweeps.

A job is done in slices. A worker takes one slice of a job that is due, under a lease, and writes the counts and the
new cursor only while the lease is still its own; whoever comes next goes on from that cursor. Between what a slice
wrote and its cursor the process may die: the slice then comes again, and its kind knows what it made already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.job_kinds import JobKind, JobView, Slice
from automations.engine.leases import LEASE
from automations.errors import (
    AutomationError,
    CredentialsError,
    InputError,
    NotFoundError,
    StorageUnavailableError,
    UnavailableError,
)
from automations.model.columns import dump_json, micros, storable
from automations.model.database import Database
from automations.model.job import Job
from automations.model.states import OPEN_JOBS, JobState

ROOM = 200
WAIT_AT_MOST = timedelta(minutes=15)
BACK_OFF_S = (5.0, 15.0, 60.0, 300.0, 900.0)
_STEADY_S = 5.0

_log = structlog.get_logger("jobs")


class Jobs:
    """kinds: by name. ring: tells the workers that something may be due. Thread-safe."""

    def __init__(
        self, database: Database, clock: Clock, kinds: Mapping[str, JobKind], ring: Callable[[], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._leases_seen_s: dict[Any, float] = {}
        self.kinds = kinds

    # -- for people

    def start(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        recipe_id: int | None = None,
        connection_id: int | None = None,
        rate_per_minute: int | None = None,
        by: str = "",
        alone: str | None = None,
    ) -> Job:
        """Ask for a job; the next free worker begins it.

        by: who asked. alone: two jobs with the same text here are never open at the same time. Raises InputError
        when one is, or for a rate below 1.
        """
        if rate_per_minute is not None and rate_per_minute < 1:
            raise InputError(f"A rate of {rate_per_minute} a minute would never end; give 1 or more.")
        now = self._clock.now()
        job = Job(
            kind=self.kinds[kind].name, params=dict(params), recipe_id=recipe_id, connection_id=connection_id,
            alone=alone, rate_per_minute=rate_per_minute, created_by=by, created_at=now, due_at=now,
        )  # fmt: skip
        try:
            with self._database.write() as session:
                session.add(job)
        except IntegrityError:
            raise _open_already(job) from None
        self._ring()
        return job

    def get(self, job_id: int) -> Job:
        """Raises NotFoundError."""
        with self._database.read() as session:
            found = session.get(Job, job_id)
        if found is None:
            raise NotFoundError(f"There is no job {job_id}. `automations job list` shows them.")
        return found

    def list(self, limit: int = 50, *, kind: str = "", recipe_id: int | None = None) -> Sequence[Job]:
        """Return the newest first."""
        query = select(Job).order_by(col(Job.id).desc()).limit(limit)
        if kind:
            query = query.where(col(Job.kind) == kind)
        if recipe_id is not None:
            query = query.where(col(Job.recipe_id) == recipe_id)
        with self._database.read() as session:
            return list(session.exec(query))

    def open(self) -> Sequence[Job]:
        """Return those that have not ended, oldest first."""
        states = [str(state) for state in OPEN_JOBS]
        with self._database.read() as session:
            return list(session.exec(select(Job).where(col(Job.state).in_(states)).order_by(col(Job.id))))

    def sentence(self, job: Job) -> str:
        """Return what a job does, for a person."""
        kind = self.kinds.get(job.kind)
        return kind.sentence(JobView.of(job)) if kind is not None else f"{job.kind}, which is not known here"

    def pause(self, job_id: int) -> Job:
        """Stop it after the slice under way. Raises InputError when it has ended, NotFoundError."""
        return self._turn_to(job_id, {JobState.QUEUED, JobState.RUNNING}, JobState.PAUSED)

    def resume(self, job_id: int) -> Job:
        """Let a paused or failed one go on from where it stopped. Raises InputError, NotFoundError."""
        try:
            job = self._turn_to(job_id, {JobState.PAUSED, JobState.FAILED}, JobState.QUEUED)
        except IntegrityError:
            raise _open_already(self.get(job_id)) from None
        self._ring()
        return job

    def cancel(self, job_id: int) -> Job:
        """End it; what it made stays. Raises InputError when it has ended, NotFoundError."""
        return self._turn_to(job_id, OPEN_JOBS | {JobState.FAILED}, JobState.CANCELLED)

    def _turn_to(self, job_id: int, since: set[JobState] | frozenset[JobState], state: JobState) -> Job:
        self.get(job_id)
        now = self._clock.now()
        with self._database.write() as session:
            job = session.exec(select(Job).where(col(Job.id) == job_id).with_for_update()).one()
            if job.state == state:
                return job
            if job.state not in since:
                raise InputError(
                    f"Job {job_id} is {JobState(job.state).value} and cannot become {state.value} any more.",
                    status=409,
                )
            job.state, job.reason, job.tries, job.due_at = state, "", 0, now
            job.finished_at = now if state == JobState.CANCELLED else None
        return job

    # -- for workers

    def work_due(self, owner: str) -> bool:
        """Do one slice of the job that is due the longest; False when none is.

        owner: as in the ledger; one thread an owner. A slice whose lease was lost meanwhile counts for nothing.
        Raises StorageUnavailableError; the slice then comes again.
        """
        job = self._claim(owner)
        if job is None:
            return False
        kind = self.kinds.get(job.kind)
        if kind is None:
            self._close(job, Slice(job.cursor, reason="its connector is not installed"), JobState.FAILED)
            return True
        room = room_of(job.rate_per_minute)
        try:
            done = kind.slice(JobView.of(job), room)
        except StorageUnavailableError:
            raise
        except UnavailableError as error:
            self._close(job, self._later(job, error), JobState.RUNNING, failed=True)
        except AutomationError as error:
            state = JobState.PAUSED if isinstance(error, CredentialsError) else JobState.FAILED
            self._close(job, Slice(job.cursor, reason=error.message), state)
        except Exception as error:  # noqa: BLE001 - a bug ends its own job and nothing else
            _log.exception("job.failed", job_id=job.id, kind=job.kind)
            reason = f"it failed unexpectedly with {type(error).__name__}; report this"
            self._close(job, Slice(job.cursor, reason=reason), JobState.FAILED)
        else:
            self._close(job, _at_rate(job, done), _state_after(done))
        return True

    def recover(self, dead_owner: str | None = None) -> int:
        """Let jobs go on whose worker is gone; returns how many were taken back.

        As with runs: a prefix of owners known to be dead, or leases that nobody touched for their whole length,
        watched from here, whatever the wall clock says.
        """
        with self._database.connect_for_read() as connection:
            sql = "SELECT id, lease_counter, lease_owner FROM job WHERE lease_owner IS NOT NULL"
            held = [tuple(row) for row in connection.exec_driver_sql(sql)]
        if dead_owner is not None:
            gone = [lease for lease in held if lease[2].startswith(dead_owner)]
        else:
            now_s = self._clock.monotonic_s()
            self._leases_seen_s = {lease: self._leases_seen_s.get(lease, now_s) for lease in held}
            gone = [
                lease
                for lease, seen_s in self._leases_seen_s.items()
                if now_s - seen_s >= LEASE.total_seconds()
            ]
        if not gone:
            return 0
        with self._database.connect_for_write() as connection:
            return connection.exec_driver_sql(self._database.sql(_TAKE_BACK), gone).rowcount

    def _claim(self, owner: str) -> Job | None:
        now = self._clock.now()
        due = (micros(now), micros(now + WAIT_AT_MOST))
        with self._database.connect_for_read() as connection:
            if connection.exec_driver_sql(self._database.sql(_DUE), (owner, *due)).first() is None:
                return None
        skip = "" if self._database.on_sqlite else " FOR UPDATE SKIP LOCKED"
        parameters = (
            str(JobState.RUNNING), owner, micros(now + LEASE), micros(now), owner, *due
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            sql = self._database.sql(_CLAIM.format(skip=skip))
            row = connection.exec_driver_sql(sql, parameters).first()
        if row is None:
            return None
        return self.get(row[0])

    def _later(self, job: Job, error: UnavailableError) -> Slice:
        wait_s = BACK_OFF_S[min(job.tries, len(BACK_OFF_S) - 1)]
        return Slice(job.cursor, reason=error.message, wait_s=max(wait_s, error.retry_after_s or 0.0))

    def _close(self, job: Job, done: Slice, state: JobState, *, failed: bool = False) -> None:
        """Write what a slice did, unless another has the job by now.

        One that a person stopped or resumed meanwhile stays so, unless nothing is left: it would begin at the start.
        """
        now = self._clock.now()
        due_at = now + min(timedelta(seconds=done.wait_s), WAIT_AT_MOST)
        ended = state in {JobState.DONE, JobState.FAILED}
        cursor = dump_json(dict(done.cursor)) if done.cursor is not None else None
        parameters = (
            cursor, done.expected, done.done, done.made, done.skipped, done.failed,
            job.tries + 1 if failed else 0, micros(due_at),
            str(state), storable(done.reason), micros(now) if ended else None, job.id, job.lease_counter,
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            sql = _CLOSE.format(turned=_NOT_CANCELLED if state == JobState.DONE else _UNTOUCHED)
            written = connection.exec_driver_sql(self._database.sql(sql), parameters).rowcount
        if not written:
            _log.warning("job.lease_lost", job_id=job.id, kind=job.kind)


def _open_already(job: Job) -> InputError:
    return InputError(
        f"Another {job.kind} of the same is open already; `automations job list` shows it. Wait for it, or cancel it.",
        status=409,
    )


def room_of(rate_per_minute: int | None) -> int:
    """Return how much one slice may make: a few seconds' worth of the rate, so that it flows evenly."""
    if rate_per_minute is None:
        return ROOM
    return max(1, min(ROOM, int(rate_per_minute * _STEADY_S / 60)))


def _at_rate(job: Job, done: Slice) -> Slice:
    """Return the slice with the wait that its rate asks for."""
    if job.rate_per_minute is None:
        return done
    return replace(done, wait_s=max(done.wait_s, done.made * 60 / job.rate_per_minute))


def _state_after(done: Slice) -> JobState:
    if done.finished:
        return JobState.DONE
    return JobState.PAUSED if done.pause else JobState.RUNNING


_OPEN_AND_DUE = """state IN ('queued', 'running') AND (lease_owner IS NULL OR lease_owner=?)
  AND (due_at<=? OR due_at>?)"""
_DUE = f"SELECT 1 FROM job WHERE {_OPEN_AND_DUE} LIMIT 1"  # noqa: S608 - no values in it

_CLAIM = f"""
UPDATE job SET state=?, lease_owner=?, lease_until=?, lease_counter=lease_counter+1,
  started_at=COALESCE(started_at, ?)
WHERE id=(SELECT id FROM job WHERE {_OPEN_AND_DUE} ORDER BY due_at, lease_counter, id LIMIT 1{{skip}})
RETURNING id
"""  # noqa: S608 - no values in it

_UNTOUCHED = "state='running'"
_NOT_CANCELLED = "state IN ('running', 'queued', 'paused')"
_CLOSE = """
UPDATE job SET cursor=?, expected=COALESCE(?, expected), done=done+?, made=made+?, skipped=skipped+?,
  failed=failed+?, tries=?, due_at=?, lease_owner=NULL, lease_until=NULL,
  state=CASE WHEN {turned} THEN ? ELSE state END, reason=CASE WHEN {turned} THEN ? ELSE reason END,
  finished_at=CASE WHEN {turned} THEN ? ELSE finished_at END
WHERE id=? AND lease_counter=?
"""

_TAKE_BACK = (
    "UPDATE job SET lease_owner=NULL, lease_until=NULL WHERE id=? AND lease_counter=? AND lease_owner=?"
)
