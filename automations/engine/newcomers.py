"""New runs: each joins its lane, and may be claimed at once where nobody is in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automations.engine.changes import NewRun
from automations.engine.lanes import Lanes
from automations.model.columns import dump_json, storable
from automations.model.database import Database
from automations.model.many import INTEGER, TEXT, insert
from automations.model.statements import Statements
from automations.model.states import RunStatus


class Newcomers:
    """Inserts runs within a transaction of the caller."""

    def __init__(self, database: Database) -> None:
        self._lanes = Lanes(database)

    def insert(self, connection: Statements, runs: Sequence[NewRun], now: int) -> int:
        """Insert what is not there yet; return how many may be claimed at once. now: microseconds, as stored."""
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
            rows.append(_row(run, now, queued=queued, free=free))
        if rows:
            _INSERT.run(connection, rows)
        return ready


def _row(run: NewRun, now: int, *, queued: bool, free: bool) -> tuple[Any, ...]:
    return (
        run.recipe_id, run.version_id, run.event_id, run.replay_number, run.replay_of, run.replay_job_id,
        run.record_key, storable(run.label), run.lane if queued else None, str(run.status), storable(run.reason),
        run.reason_kind, -1, run.connection_id, now if free else None, 0, 0,
        dump_json(run.memory) if run.memory is not None else None, now, None if queued else now,
    )  # fmt: skip


_INSERT = insert(
    "run",
    {
        "recipe_id": INTEGER, "version_id": INTEGER, "event_id": INTEGER, "replay_number": INTEGER,
        "replay_of": INTEGER, "replay_job_id": INTEGER, "record_key": TEXT, "label": TEXT, "lane": TEXT,
        "status": TEXT, "reason": TEXT, "reason_kind": TEXT, "step_index": INTEGER,
        "connection_id": INTEGER, "claimable_at": INTEGER, "lease_counter": INTEGER, "claims_without_end": INTEGER,
        "memory": TEXT, "created_at": INTEGER, "finished_at": INTEGER,
    },
    "ON CONFLICT (recipe_id, event_id, replay_number) DO NOTHING",
)  # fmt: skip
