"""New runs: each joins its lane, and may be claimed at once where nobody is in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automations.engine.changes import Claim, NewRun
from automations.engine.lanes import Lanes
from automations.engine.leases import Taker, in_chunks
from automations.model.columns import dump_json, storable
from automations.model.database import Database
from automations.model.many import INTEGER, TEXT, insert
from automations.model.statements import Statements
from automations.model.states import RunStatus


class Newcomers:
    """Inserts runs within a transaction of the caller."""

    def __init__(self, database: Database) -> None:
        self._lanes = Lanes(database)

    def insert(
        self,
        connection: Statements,
        runs: Sequence[NewRun],
        now: int,
        taker: Taker | None = None,
        occupied: set[str] | None = None,
    ) -> list[Claim]:
        """Insert what is not there yet; return what the taker has of it. now: microseconds, as stored.

        occupied: those of the lanes joined that have a run in them, where they are locked already.

        What may be claimed at once and what the taker has room for is claimed with its first row: a claim of its own
        would change nearly every index of the run once more, and comes a transaction later.
        """
        busy = occupied
        if busy is None:
            lanes = lanes_joined(runs)
            self._lanes.lock(connection, lanes)
            busy = self._lanes.occupied(connection, lanes)
        rows: list[tuple[Any, ...]] = []
        taken: dict[tuple[int, int, int], NewRun] = {}
        for run in runs:
            queued = run.status == RunStatus.QUEUED
            free = queued and (run.lane is None or run.lane not in busy)
            if queued and run.lane:
                busy.add(run.lane)
            if free and taker is not None and taker.room.get(run.connection_id, 0) > 0:
                taker.room[run.connection_id] -= 1
                taken[run.recipe_id, run.event_id, run.replay_number] = run
                rows.append(_row(run, now, queued=True, free=False, taker=taker))
            else:
                rows.append(_row(run, now, queued=queued, free=free))
        if not taken:
            if rows:
                _INSERT.run(connection, rows)
            return []
        claims = []
        for chunk in in_chunks(rows, _RETURNED_AT_ONCE):
            for run_id, *which in _INSERT_TAKEN.returned(connection, chunk):
                if (which[0], which[1], which[2]) in taken:
                    claims.append(_first_claim(run_id, taken[which[0], which[1], which[2]]))
        return claims


def lanes_joined(runs: Sequence[NewRun]) -> list[str]:
    """Return the lanes that these runs come to stand in."""
    return sorted({run.lane for run in runs if run.lane and run.status == RunStatus.QUEUED})


def _row(run: NewRun, now: int, *, queued: bool, free: bool, taker: Taker | None = None) -> tuple[Any, ...]:
    status = run.status if taker is None else RunStatus.RUNNING
    return (
        run.recipe_id, run.version_id, run.event_id, run.replay_number, run.replay_of, run.replay_job_id,
        run.record_key, storable(run.label), run.lane if queued else None, str(status), storable(run.reason),
        run.reason_kind, -1, run.connection_id, now if free else None, 0 if taker is None else 1, 0,
        dump_json(run.memory) if run.memory is not None else None, now, None if queued else now,
        taker and taker.owner, taker and taker.until, taker and now,
    )  # fmt: skip


def _first_claim(run_id: int, run: NewRun) -> Claim:
    return Claim(
        run_id=run_id,
        recipe_id=run.recipe_id,
        version_id=run.version_id,
        event_id=run.event_id,
        counter=1,
        claims_without_end=0,
        step_index=-1,
        connection_id=run.connection_id,
        replay_number=run.replay_number,
        memory=dict(run.memory or {}),
        lane=run.lane,
    )


_RETURNED_AT_ONCE = 200

_COLUMNS = {
        "recipe_id": INTEGER, "version_id": INTEGER, "event_id": INTEGER, "replay_number": INTEGER,
        "replay_of": INTEGER, "replay_job_id": INTEGER, "record_key": TEXT, "label": TEXT, "lane": TEXT,
        "status": TEXT, "reason": TEXT, "reason_kind": TEXT, "step_index": INTEGER,
        "connection_id": INTEGER, "claimable_at": INTEGER, "lease_counter": INTEGER, "claims_without_end": INTEGER,
        "memory": TEXT, "created_at": INTEGER, "finished_at": INTEGER, "lease_owner": TEXT, "lease_until": INTEGER,
        "started_at": INTEGER,
    }  # fmt: skip
_ONCE = "ON CONFLICT (recipe_id, event_id, replay_number) DO NOTHING"

_INSERT = insert("run", _COLUMNS, _ONCE)
_INSERT_TAKEN = insert("run", _COLUMNS, f"{_ONCE} RETURNING id, recipe_id, event_id, replay_number")
