"""A long history in little time: what a worker really did, copied row by row inside the database.

Every copy has ids, keys and times of its own, so each index has as many entries as a grown history has. The
copies of one block lie a step of time apart, the newest last, as if they had come one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Column, Connection, Table
from sqlmodel import SQLModel

from automations.model.columns import UtcTime
from automations.model.database import Database

TABLES = ("event", "run", "delivery", "attempt")
RECORDS = 100_000
_BLOCKS_AT_ONCE = 20


def multiply(database: Database, blocks: int, step_us: int) -> None:
    """Copy all runs with what belongs to them until there are `blocks` of them.

    step_us: microseconds between two blocks; what is there becomes the oldest.
    """
    with _bulk(database) as connection:
        spans = {name: _number(connection, f"SELECT MAX(id) FROM {name}") for name in TABLES}
        for name in TABLES:
            _move(connection, _table(name), -blocks * step_us)
        connection.exec_driver_sql("COMMIT")
        for start in range(1, blocks, _BLOCKS_AT_ONCE):
            connection.exec_driver_sql("BEGIN")
            for block in range(start, min(start + _BLOCKS_AT_ONCE, blocks)):
                for name in TABLES:
                    connection.exec_driver_sql(_copy(_table(name), block, step_us, spans))
            connection.exec_driver_sql("COMMIT")
        if not database.on_sqlite:
            for name in TABLES:
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT MAX(id) FROM {name}))"
                )
                # Autovacuum does this by itself, a minute later.
                connection.exec_driver_sql(f"VACUUM ANALYZE {name}")


@contextmanager
def _bulk(database: Database) -> Iterator[Connection]:
    """Give a connection that leaves commits to the caller and does not wait for the disk."""
    with database.engine.connect() as plain:
        if database.on_sqlite:
            connection = plain
            # SQLAlchemy has begun a transaction, in which `synchronous` cannot be set.
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
            connection.exec_driver_sql("PRAGMA cache_size=-400000")
        else:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("SET synchronous_commit = off")
        connection.exec_driver_sql("BEGIN")
        yield connection
        plain.invalidate()


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def _number(connection: Connection, sql: str) -> int:
    return int(connection.exec_driver_sql(sql).scalar() or 0)


def _times(table: Table) -> list[str]:
    return [column.name for column in table.columns if isinstance(column.type, UtcTime)]


def _move(connection: Connection, table: Table, by_us: int) -> None:
    moved = ", ".join(f"{name}={name}+({by_us})" for name in _times(table))
    connection.exec_driver_sql(f"UPDATE {table.name} SET {moved}")


def _copy(table: Table, block: int, step_us: int, spans: Mapping[str, int]) -> str:
    names = [column.name for column in table.columns]
    values = [_copied(column, block, step_us, spans) for column in table.columns]
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM {table.name} WHERE id<={spans[table.name]}"
    )


def _copied(column: Column[object], block: int, step_us: int, spans: Mapping[str, int]) -> str:
    name, table = column.name, column.table.name
    if name == "id":
        return f"id+{block * spans[table]}"
    for key in column.foreign_keys:
        target = key.target_fullname.partition(".")[0]
        if target in spans:
            return f"{name}+{block * spans[target]}"
    if isinstance(column.type, UtcTime):
        return f"{name}+{block * step_us}"
    if name == "dedupe_key":
        return f"dedupe_key || '-{block}'"
    if name == "record_key":
        event = f"({'id' if table == 'event' else 'event_id'}+{block * spans['event']})"
        # The remainder, without the sign that the drivers take for a mark.
        return f"'deal:' || ({event}-{event}/{RECORDS}*{RECORDS})"
    return name
