"""What replays bring along, in and out of the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from automations.engine.done_before import Carried
from automations.engine.leases import in_chunks, marks
from automations.model.columns import dump_json, load_json, micros, moment, storable
from automations.model.database import Database
from automations.model.statements import Statements
from automations.model.states import DeliveryStatus

_COLUMNS = (
    "run_id, step_name, item_key, item_index, status, reason, fields, outputs, idempotency_key, tried_at"
)


def carried_by(database: Database, run_ids: Sequence[int]) -> dict[int, list[Carried]]:
    """Return what each of these runs brought along; those that brought nothing are left out."""
    if not run_ids:
        return {}
    with database.connect_for_read() as connection:
        return read_carried(database, connection, run_ids)


def read_carried(
    database: Database, connection: Statements, run_ids: Sequence[int]
) -> dict[int, list[Carried]]:
    """As `carried_by`, within a transaction of the caller."""
    found: dict[int, list[Carried]] = defaultdict(list)
    for chunk in in_chunks(run_ids):
        sql = f"SELECT {_COLUMNS} FROM carried_effect WHERE run_id IN ({marks(chunk)})"  # noqa: S608
        for run_id, *rest in connection.exec_driver_sql(database.sql(sql), tuple(chunk)):
            found[run_id].append(_carried(rest))
    return found


def store_carried(database: Database, connection: Statements, effects: Sequence[tuple[int, Carried]]) -> None:
    """Store effects with the new runs that bring them along, each as (run id, effect)."""
    if not effects:
        return
    sql = f"INSERT INTO carried_effect ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    connection.exec_driver_sql(
        database.sql(sql),
        [
            (
                run_id, e.step_name, e.item_key, e.item_index, str(e.status), storable(e.reason),
                json_or_none(e.fields), json_or_none(e.outputs), e.idempotency_key, micros(e.tried_at),
            )
            for run_id, e in effects
        ],
    )  # fmt: skip


def json_or_none(value: Any) -> str | None:
    return None if value is None else dump_json(value)


def _carried(row: Sequence[Any]) -> Carried:
    step_name, item_key, item_index, status, reason, fields, outputs, key, tried_at = row
    return Carried(
        step_name, item_key, item_index, DeliveryStatus(status), reason,
        load_json(fields) if fields else None, load_json(outputs) if outputs else None, key, moment(tried_at),
    )  # fmt: skip
