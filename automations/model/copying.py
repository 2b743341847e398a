"""All that an installation has stored, copied from one database into another, SQLite or PostgreSQL.

One transaction writes everything, so a copy that is stopped on the way leaves the other database as empty as it was.
Values travel as they are stored, so nothing is decoded, decrypted or rounded on the way. The source is read in one
transaction, too, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import MetaData, Table, func, select, text

from automations.errors import InputError, StorageUnavailableError
from automations.model.database import Database

BATCH_ROWS = 1_000
# Who runs is no part of what is stored; the tables' version is what the program makes it.
LEFT_OUT = frozenset({"process", "alembic_version"})
_WAKE_UPS = "automations_wake_"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Copied:
    """One table and how many rows of it were copied."""

    table: str
    rows: int


def copy_all(source: Database, target: Database, progress: Progress) -> list[Copied]:
    """Copy every table into an empty database and count both; the target's tables are made first.

    progress: told the table, the rows copied of it by now, and all of its rows. Raises InputError where the target is
    the source or holds anything, StorageUnavailableError where what arrived is not what left.
    """
    if source.engine.url == target.engine.url:
        raise InputError("Both are the same database. Name an empty one to copy into.")
    target.migrate()
    with source.connect_for_read(steady=True) as reading, target.connect_for_write() as writing:
        if not source.on_sqlite:
            reading.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for waiting, database in ((reading, source), (writing, target)):
            # Either stands still while the other has much to do.
            if not database.on_sqlite:
                waiting.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        tables = list(_tables(reading))
        there = {table.name: table for table in _tables(writing)}
        _refuse_full(writing, there.values())
        if target.on_sqlite:
            writing.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        copied = []
        for table in tables:
            rows = _copy(reading, writing, table, there[table.name], progress)
            _set_counter(reading, writing, table)
            copied.append(Copied(table.name, rows))
        return copied


def _tables(connection: SqlConnection) -> Iterator[Table]:
    """Yield the tables as they stand in the database, those that others refer to first."""
    found = MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        if table.name not in LEFT_OUT and not table.name.startswith(_WAKE_UPS):
            yield table


def _refuse_full(connection: SqlConnection, tables: Any) -> None:
    for table in tables:
        if connection.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
            raise InputError(
                f"The database to copy into is not empty: {table.name} has rows. Nothing was copied; name an empty one."
            )


def _copy(
    reading: SqlConnection, writing: SqlConnection, table: Table, there: Table, progress: Progress
) -> int:
    """Copy one table in batches, by its primary key; return how many rows arrived."""
    total = reading.execute(select(func.count()).select_from(table)).scalar_one()
    keys = list(table.primary_key.columns)
    done = 0
    everything = select(table).order_by(*keys).execution_options(stream_results=True, yield_per=BATCH_ROWS)
    with reading.execute(everything) as rows:
        for batch in rows.mappings().partitions(BATCH_ROWS):
            writing.execute(there.insert(), [dict(row) for row in batch])
            done += len(batch)
            progress(table.name, done, total)
    arrived = writing.execute(select(func.count()).select_from(there)).scalar_one()
    if arrived != total:
        raise StorageUnavailableError(
            f"Of {total} rows of {table.name}, {arrived} arrived. Nothing was copied; stop everything that uses "
            "either database, and try again."
        )
    return done


# -- counters: a number that was given once is never given again, also where its row is gone


def _set_counter(reading: SqlConnection, writing: SqlConnection, table: Table) -> None:
    last = _last_number(reading, table)
    if last is None:
        return
    if writing.dialect.name == "sqlite":
        # Only tables that count up for ever have a row here, and only once something was inserted.
        if _counts_for_ever(writing, table.name):
            writing.execute(text("DELETE FROM sqlite_sequence WHERE name=:name"), {"name": table.name})
            writing.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"),
                {"name": table.name, "seq": last},
            )
        return
    sequence = _sequence_of(writing, table)
    if sequence is not None and last > 0:
        writing.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})


def _last_number(connection: SqlConnection, table: Table) -> int | None:
    """Return the highest number that the table gave to a row; None where it gives none."""
    keys = list(table.primary_key.columns)
    if len(keys) != 1 or keys[0].name != "id":
        return None
    newest = connection.execute(select(func.max(keys[0]))).scalar_one() or 0
    if not isinstance(newest, int):
        return None
    if connection.dialect.name == "sqlite":
        if not _counts_for_ever(connection, table.name):
            return newest
        counted = connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name=:name"), {"name": table.name}
        ).scalar()
        return max(newest, counted or 0)
    sequence = _sequence_of(connection, table)
    if sequence is None:
        return newest
    used = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608 - its own name
    return max(newest, used[0] if used[1] else 0)


def _counts_for_ever(connection: SqlConnection, table: str) -> bool:
    made = connection.execute(
        text("SELECT sql FROM sqlite_master WHERE name=:name"), {"name": table}
    ).scalar()
    return "AUTOINCREMENT" in str(made).upper()


def _sequence_of(connection: SqlConnection, table: Table) -> str | None:
    found = connection.execute(
        text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name}
    ).scalar()
    return None if found is None else str(found)
