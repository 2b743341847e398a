"""Replays on disk: the new runs, what they bring along, and the end of what they replace, in one transaction.

If the process dies on any line, either all of it is there or nothing is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as SqlConnection

from automations.engine.carrying import json_or_none, store_carried
from automations.engine.changes import NewRun
from automations.engine.contracts import Occurrence
from automations.engine.decide import Ruling, Verdict
from automations.engine.decider import StoredEvent
from automations.engine.done_before import CARRIED
from automations.engine.intake import insert_events
from automations.engine.leases import in_chunks, marks
from automations.engine.newcomers import Newcomers
from automations.engine.replay_plan import Plan
from automations.model.columns import micros, storable, storable_key
from automations.model.database import Database
from automations.model.packing import guarded
from automations.model.states import EventOrigin, RunStatus


@dataclass(frozen=True)
class Replay:
    """A plan with what it is about. verdict: what the conditions say now; None where they were judged before.

    edited: the payload in place of the event's own; None where it stays.
    """

    plan: Plan
    event: StoredEvent
    occurrence: Occurrence
    verdict: Verdict | None
    edited: bytes | None = None
    job_id: int | None = None


class ReplayWriting:
    """The statements, each within a transaction of the caller that holds the lanes and the families' rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = database.sql
        self._newcomers = Newcomers(database)

    def write(self, connection: SqlConnection, replays: Sequence[Replay], at: datetime) -> dict[int, int]:
        """Write them all; return the new run of each old one."""
        now = micros(at)
        runs = [self._new_run(connection, replay, now) for replay in replays]
        self._newcomers.insert(connection, runs, now)
        made = self._ids(connection, runs)
        store_carried(
            self._database, connection,
            [(made[r.plan.old.id], effect) for r in replays for effect in r.plan.carried],
        )  # fmt: skip
        self._keep(connection, [(made[r.plan.old.id], r.plan) for r in replays], now)
        self._end_parked(connection, [(made[r.plan.old.id], r.plan) for r in replays], now)
        return made

    def _new_run(self, connection: SqlConnection, replay: Replay, now: int) -> NewRun:
        plan, recipe = replay.plan, replay.plan.recipe
        event_id, record_key = replay.event.id, replay.event.record_key
        if replay.edited is not None:
            record_key = replay.occurrence.record_key or record_key
            event_id = self._new_event(connection, replay, record_key, now)
        status, reason, kind = _state(replay.verdict)
        memory = dict(plan.memory)
        if replay.verdict is not None and replay.verdict.ruling is Ruling.UNDETERMINED:
            memory["undetermined"] = True
        return NewRun(
            recipe_id=recipe.recipe_id,
            version_id=recipe.version_id,
            event_id=event_id,
            record_key=record_key,
            label=replay.occurrence.label or plan.old.label,
            lane=recipe.lane(record_key),
            status=status,
            reason=reason,
            reason_kind=kind,
            connection_id=_first_connection(plan, memory) if status == RunStatus.QUEUED else 0,
            memory=memory or None,
            replay_number=plan.number,
            replay_of=plan.old.id,
            replay_job_id=replay.job_id,
        )

    def _new_event(self, connection: SqlConnection, replay: Replay, record_key: str, now: int) -> int:
        """Store the edited payload as an event that is decided already: no other recipe sees it."""
        event, occurrence = replay.event, replay.occurrence
        row = (
            event.connection_id, f"replay-{replay.plan.old.id}-{secrets.token_hex(8)}", event.topic,
            storable_key(record_key), str(EventOrigin.REPLAY),
            micros(event.occurred_at) if event.occurred_at else None, now, guarded(replay.edited or b""),
            storable(occurrence.label), "",
        )  # fmt: skip
        (event_id,) = insert_events(connection, [row])
        assert event_id is not None
        connection.exec_driver_sql(self._sql("UPDATE event SET decided_at=? WHERE id=?"), (now, event_id))
        return event_id

    def _ids(self, connection: SqlConnection, runs: Sequence[NewRun]) -> dict[int, int]:
        wanted = {(run.replay_of, run.event_id, run.replay_number) for run in runs}
        found: dict[int, int] = {}
        for chunk in in_chunks([run.replay_of for run in runs]):
            sql = (
                f"SELECT id, replay_of, event_id, replay_number FROM run WHERE replay_of IN ({marks(chunk)})"  # noqa: S608
            )
            for run_id, *key in connection.exec_driver_sql(self._sql(sql), tuple(chunk)):
                if tuple(key) in wanted:
                    found[key[0]] = run_id
        return found

    def _keep(self, connection: SqlConnection, plans: Sequence[tuple[int, Plan]], now: int) -> None:
        """Show what came before the step where a run begins, as rows of its own that are closed."""
        rows: dict[tuple[int, int, int], tuple[Any, ...]] = {}
        for run_id, plan in plans:
            for kept in plan.kept:
                d = kept.delivery
                rows[run_id, kept.step.index, d.item_index] = (
                    run_id, kept.step.index, d.item_index, d.item_key, kept.step.name, d.action, d.connection_id,
                    str(d.status), storable(kept.reason), CARRIED if d.closed else d.reason_kind,
                    json_or_none(d.fields), json_or_none(d.outputs), d.idempotency_key, 0, now, now,
                )  # fmt: skip
        if rows:
            connection.exec_driver_sql(self._sql(_INSERT_KEPT), list(rows.values()))

    def _end_parked(self, connection: SqlConnection, plans: Sequence[tuple[int, Plan]], now: int) -> None:
        """End what waited for a person: the new run does its work, so that *Try now* there would do it twice."""
        rows = [
            (
                str(RunStatus.CANCELLED),
                storable(f"replayed as run {run_id}; it had stopped: {run.reason}"),
                now,
                run.id,
            )
            for run_id, plan in plans
            for run in plan.family.runs.values()
            if run.status == RunStatus.PARKED
        ]
        if rows:
            sql = "UPDATE run SET status=?, reason=?, reason_kind='replayed', finished_at=? WHERE id=?"
            connection.exec_driver_sql(self._sql(sql), rows)


def _state(verdict: Verdict | None) -> tuple[RunStatus, str, str]:
    if verdict is None or verdict.ruling in (Ruling.PASSED, Ruling.UNDETERMINED):
        return RunStatus.QUEUED, "", ""
    status = RunStatus.PARKED if verdict.ruling is Ruling.BROKEN else RunStatus.FILTERED
    return status, verdict.reason, verdict.ruling.value


def _first_connection(plan: Plan, memory: dict[str, Any]) -> int:
    """Return whom the new run talks to first: the trigger's account where something must be looked up."""
    if memory.get("undetermined") or (plan.recipe.needs and "related" not in memory):
        return plan.recipe.connection.id
    return plan.recipe.steps[plan.begin].connection_id if plan.begin < len(plan.recipe.steps) else 0


_INSERT_KEPT = """
INSERT INTO delivery (run_id, step_index, item_index, item_key, step_name, action, connection_id, status, reason,
  reason_kind, fields, outputs, idempotency_key, attempts, created_at, closed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
