"""A run and everything that is about the same happening in the same recipe: what it replays, what replayed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as SqlConnection

from automations.engine.carrying import read_carried
from automations.engine.contracts import JsonObject
from automations.engine.done_before import Carried
from automations.engine.leases import in_chunks, marks
from automations.model.columns import load_json, moment
from automations.model.database import Database
from automations.model.states import ENDED_RUNS, DeliveryStatus, RunStatus


@dataclass(frozen=True)
class EarlierRun:
    """A run as planning a replay needs it; the names are those of `model.history.Run`."""

    id: int
    recipe_id: int
    version_id: int
    event_id: int
    replay_number: int
    replay_of: int | None
    replay_job_id: int | None
    record_key: str
    label: str
    status: RunStatus
    reason: str
    step_index: int
    memory: JsonObject

    @property
    def ended(self) -> bool:
        return self.status in ENDED_RUNS


@dataclass(frozen=True)
class EarlierDelivery:
    """A delivery of one of them; the names are those of `model.history.Delivery`."""

    run_id: int
    step_index: int
    item_index: int
    item_key: str
    step_name: str
    action: str
    connection_id: int
    status: DeliveryStatus
    reason: str
    reason_kind: str
    fields: JsonObject | None
    outputs: JsonObject | None
    idempotency_key: str
    created_at: datetime

    @property
    def closed(self) -> bool:
        """Its effect is there, or was found to be there already; a condition that said no is no effect."""
        done_already = self.status == DeliveryStatus.SKIPPED and self.outputs is not None
        return self.status == DeliveryStatus.SUCCEEDED or done_already

    @property
    def in_doubt(self) -> bool:
        """It may have been done: its answer never came, and nobody has found out since."""
        unknown = self.reason_kind == "unknown" and self.status != DeliveryStatus.SUCCEEDED
        return self.status == DeliveryStatus.SENDING or (unknown and self.fields is not None)


@dataclass
class Family:
    """runs: by id. carried: what each of them brought along itself, by run."""

    runs: dict[int, EarlierRun] = field(default_factory=dict)
    deliveries: list[EarlierDelivery] = field(default_factory=list)
    carried: dict[int, list[Carried]] = field(default_factory=dict)

    def replays_of(self, run: EarlierRun) -> list[EarlierRun]:
        """Return the runs that came after this one, oldest first."""
        return [
            r for r in sorted(self.runs.values(), key=lambda r: r.id) if r.replay_number > run.replay_number
        ]


class Families:
    """Reads families within a transaction of the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = database.sql

    def read(self, connection: SqlConnection, run_ids: Sequence[int], *, lock: bool) -> dict[int, Family]:
        """Return the family of each run by the run's id; a run that is gone has none.

        lock: keep the rows until the transaction ends. What a worker is writing just now is not waited for, because
        it may be waiting for the lane; such a run reads as running.
        """
        kin = self._kin(connection, run_ids)
        held = self._lock(connection, kin) if lock and not self._database.on_sqlite else kin
        runs = {run.id: run for run in self._runs(connection, kin, held)}
        return self._grouped(connection, runs, run_ids)

    def _kin(self, connection: SqlConnection, run_ids: Sequence[int]) -> list[int]:
        known: set[int] = set()
        fresh: set[int] = set(run_ids)
        while fresh:
            known |= fresh
            found: set[int] = set()
            for chunk in in_chunks(sorted(fresh)):
                for row in connection.exec_driver_sql(
                    self._sql(_KIN.format(marks=marks(chunk))), tuple(chunk) * 3
                ):
                    found.add(row[0])
            fresh = found - known
        return sorted(known)

    def _lock(self, connection: SqlConnection, ids: Sequence[int]) -> Collection[int]:
        held: set[int] = set()
        for chunk in in_chunks(ids):
            sql = f"SELECT id FROM run WHERE id IN ({marks(chunk)}) ORDER BY id FOR UPDATE SKIP LOCKED"  # noqa: S608
            held |= {row[0] for row in connection.exec_driver_sql(self._sql(sql), tuple(chunk))}
        return held

    def _runs(
        self, connection: SqlConnection, ids: Sequence[int], held: Collection[int]
    ) -> Iterable[EarlierRun]:
        for chunk in in_chunks(ids):
            sql = f"SELECT {_RUN_COLUMNS} FROM run WHERE id IN ({marks(chunk)})"  # noqa: S608
            for row in connection.exec_driver_sql(self._sql(sql), tuple(chunk)):
                values = list(row)
                values[9] = RunStatus(row[9]) if row[0] in held else RunStatus.RUNNING
                values[12] = load_json(row[12]) if row[12] else {}
                yield EarlierRun(*values)

    def _grouped(
        self, connection: SqlConnection, runs: dict[int, EarlierRun], run_ids: Sequence[int]
    ) -> dict[int, Family]:
        families = _families(runs.values())
        for delivery in self._deliveries(connection, list(runs)):
            families[delivery.run_id].deliveries.append(delivery)
        for run_id, effects in read_carried(self._database, connection, list(runs)).items():
            families[run_id].carried[run_id] = effects
        return {run_id: families[run_id] for run_id in run_ids if run_id in families}

    def _deliveries(self, connection: SqlConnection, run_ids: Sequence[int]) -> Iterable[EarlierDelivery]:
        for chunk in in_chunks(run_ids):
            sql = f"SELECT {_DELIVERY_COLUMNS} FROM delivery WHERE run_id IN ({marks(chunk)}) ORDER BY id"  # noqa: S608
            for row in connection.exec_driver_sql(self._sql(sql), tuple(chunk)):
                values = list(row)
                values[7], values[13] = DeliveryStatus(row[7]), moment(row[13])
                values[10], values[11] = _json(row[10]), _json(row[11])
                yield EarlierDelivery(*values)


def _json(text: Any) -> Any:
    return load_json(text) if text else None


def _families(runs: Iterable[EarlierRun]) -> dict[int, Family]:
    """Return every run's family: runs of one happening, and runs linked by their replays, belong together."""
    families: dict[int, Family] = {}
    by_event: dict[tuple[int, int], Family] = {}
    listed = sorted(runs, key=lambda run: run.id)
    waiting: dict[int, list[Family]] = defaultdict(list)
    for run in listed:
        family = by_event.setdefault((run.recipe_id, run.event_id), Family())
        family.runs[run.id] = run
        families[run.id] = family
        if run.replay_of is not None:
            waiting[run.replay_of].append(family)
    for parent_id, children in waiting.items():
        for child in children:
            _join(families, families.get(parent_id), child)
    return families


def _join(families: dict[int, Family], parent: Family | None, child: Family) -> None:
    child = families[next(iter(child.runs))]
    if parent is None or parent is child:
        return
    parent.runs |= child.runs
    for run_id in child.runs:
        families[run_id] = parent


# Of each run: the one it replays, those that replay it, and those of the same event in the same recipe.
_KIN = """
SELECT replay_of FROM run WHERE replay_of IS NOT NULL AND id IN ({marks})
  AND EXISTS (SELECT 1 FROM run p WHERE p.id=run.replay_of)
UNION SELECT id FROM run WHERE replay_of IN ({marks})
UNION SELECT o.id FROM run r JOIN run o ON o.event_id=r.event_id AND o.recipe_id=r.recipe_id WHERE r.id IN ({marks})
"""
_RUN_COLUMNS = """id, recipe_id, version_id, event_id, replay_number, replay_of, replay_job_id, record_key, label,
  status, reason, step_index, memory"""
_DELIVERY_COLUMNS = """run_id, step_index, item_index, item_key, step_name, action, connection_id, status, reason,
  reason_kind, fields, outputs, idempotency_key, created_at"""
