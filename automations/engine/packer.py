"""Rows that are an hour old are packed, slice by slice; every reader sees them as before.

On SQLite a row that shrinks where it is gives nothing back: only whole pages do. So a slice's rows are taken out
and put back under their own ids in one transaction; their pages come free, and the packed rows fill fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from automations.clock import Clock
from automations.model import packing
from automations.model.columns import micros, moment
from automations.model.database import Database

RIPE_AFTER: Final = timedelta(hours=1)
ROWS_AT_ONCE: Final = 300
NEAR: Final = 10
LEARN_FROM: Final = 64
LEARN_LEAST: Final = 20
LEARN_AGAIN_AFTER: Final = timedelta(days=14)


@dataclass(frozen=True)
class Packable:
    """A table with columns worth packing. ripe: rows that do not change any more. since: when a row was made."""

    table: str
    columns: tuple[str, ...]
    ripe: str
    since: str


PACKABLE: Final = (
    Packable("event", ("payload",), "decided_at IS NOT NULL", "received_at"),
    Packable("run", ("memory",), "status IN ('succeeded', 'filtered', 'cancelled')", "created_at"),
    Packable("delivery", ("fields", "outputs"), "closed_at IS NOT NULL", "created_at"),
    Packable("attempt", ("exchanges",), "1=1", "started_at"),
)


@dataclass(frozen=True)
class Packed:
    """rows: looked at. saved_bytes: of the rows themselves, before the file gives anything back. more: go on."""

    rows: int = 0
    saved_bytes: int = 0
    more: bool = False


class Packer:
    """One thread uses it; two at once, in two processes, only do work twice."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._words: dict[str, bytes | None] = {}

    def slice(self) -> Packed:
        """Pack the next rows that are ripe; `more` is False when none are left."""
        for one in PACKABLE:
            begun_after = self._mark(one)
            upto = id_before(self._database, one.table, one.since, self._clock.now() - RIPE_AFTER)
            if upto > begun_after:
                return self._pack(one, begun_after, upto)
        self._words.clear()
        return Packed()

    def _pack(self, one: Packable, after: int, upto: int) -> Packed:
        rows = self._rows(one, after, upto)
        if not rows:
            self._set_mark(one, upto)
            return Packed(more=True)
        changes: list[tuple[int, str, Any, Any]] = []
        for index, column in enumerate(one.columns):
            words = self._words_for(one, column, after, upto)
            if words:
                changes += [
                    (row[0], column, row[index + 1], packed)
                    for row in rows
                    if (packed := _packed(row[index + 1], words)) is not None
                ]
        last = rows[-1][0]
        if changes:
            self._write(one, changes)
        self._set_mark(one, last if len(rows) == ROWS_AT_ONCE else upto)
        return Packed(len(rows), sum(len(old) - len(new) for _, _, old, new in changes), more=True)

    def _rows(self, one: Packable, after: int, upto: int) -> Sequence[Any]:
        sql = (
            f"SELECT id, {', '.join(one.columns)} FROM {one.table} "  # noqa: S608 - our own names
            f"WHERE id > ? AND id <= ? AND {one.ripe} ORDER BY id LIMIT {ROWS_AT_ONCE}"
        )
        with self._database.connect_for_read() as connection:
            return connection.exec_driver_sql(self._database.sql(sql), (after, upto)).all()

    # -- writing

    def _write(self, one: Packable, changes: list[tuple[int, str, Any, Any]]) -> None:
        if self._database.on_sqlite:
            rewrite(self._database, one.table, changes)
            return
        with self._database.connect_for_write() as connection:
            for column in one.columns:
                rows = [(new, row_id, old) for row_id, name, old, new in changes if name == column]
                if rows:
                    sql = f"UPDATE {one.table} SET {column}=%s WHERE id=%s AND {column}=%s"  # noqa: S608
                    connection.exec_driver_sql(sql, rows)

    # -- words

    def _words_for(self, one: Packable, column: str, after: int, upto: int) -> bytes | None:
        name = f"packing.{one.table}.{column}"
        if name not in self._words:
            self._words[name] = self._chosen_words(one, column, name, after, upto)
        return self._words[name]

    def _chosen_words(self, one: Packable, column: str, name: str, after: int, upto: int) -> bytes | None:
        kept = self._fact(name)
        old = self._database.words(kept) if kept else None
        if kept and not self._is_old(kept):
            return old
        bodies = self._examples(one, column, after, upto)
        if len(bodies) < LEARN_LEAST:
            return old
        new = packing.shared_words(bodies)
        if old is not None and _size(bodies, new) > 0.9 * _size(bodies, old):
            new = old
        self._keep_words(name, new)
        return new

    def _examples(self, one: Packable, column: str, after: int, upto: int) -> list[bytes]:
        """Return bodies spread over what is to be packed."""
        step = max(1, (upto - after) // LEARN_FROM)
        sql = (
            f"SELECT {column} FROM {one.table} WHERE id >= ? AND id <= ? AND {column} IS NOT NULL "  # noqa: S608
            f"AND {one.ripe} ORDER BY id LIMIT 1"
        )
        found: list[bytes] = []
        with self._database.connect_for_read() as connection:
            for first in range(after + 1, upto + 1, step):
                row = connection.exec_driver_sql(self._database.sql(sql), (first, upto)).first()
                if row is not None and not packing.is_packed(row[0]):
                    found.append(_bytes(row[0]))
        return found

    def _is_old(self, digest: str) -> bool:
        with self._database.connect_for_read() as connection:
            sql = self._database.sql("SELECT made_at FROM packing_words WHERE digest=?")
            made = connection.exec_driver_sql(sql, (digest,)).scalar()
        return made is None or moment(made) < self._clock.now() - LEARN_AGAIN_AFTER

    def _keep_words(self, name: str, words: bytes) -> None:
        """Store the words before the first row that needs them."""
        digest = packing.digest_of(words)
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(
                self._database.sql(_KEEP_WORDS), (digest, words, micros(self._clock.now()))
            )
            connection.exec_driver_sql(self._database.sql(SET_FACT), (name, digest))

    # -- how far

    def _mark(self, one: Packable) -> int:
        return int(self._fact(f"packed.{one.table}") or 0)

    def _set_mark(self, one: Packable, upto: int) -> None:
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(SET_FACT), (f"packed.{one.table}", str(upto)))

    def _fact(self, name: str) -> str:
        with self._database.connect_for_read() as connection:
            sql = self._database.sql("SELECT value FROM installation WHERE name=?")
            return str(connection.exec_driver_sql(sql, (name,)).scalar() or "")


def rewrite(database: Database, table: str, changes: Sequence[tuple[int, str, Any, Any]]) -> None:
    """Put other values into rows of SQLite, and these and those between them into as few pages as they need.

    changes: (id, column, value as it was read, new value); a row that somebody changed meanwhile keeps its own.
    """
    wanted = {(row_id, column): (old, new) for row_id, column, old, new in changes}
    for first, last in stretches({row_id for row_id, _ in wanted}):
        _rewrite(database, table, first, last, wanted)


def stretches(ids: Collection[int]) -> list[tuple[int, int]]:
    """Return the first and last of ids that lie near each other: far more rows may lie between than are meant."""
    found: list[tuple[int, int]] = []
    for row_id in sorted(ids):
        if found and row_id - found[-1][1] <= NEAR:
            found[-1] = (found[-1][0], row_id)
        else:
            found.append((row_id, row_id))
    return found


def _rewrite(
    database: Database, table: str, first: int, last: int, wanted: Mapping[tuple[int, str], tuple[Any, Any]]
) -> None:
    with database.unchecked() as cursor:
        rows = cursor.execute(
            f"SELECT * FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608 - our own names
            (first, last),
        ).fetchall()
        names = [column[0] for column in cursor.description]
        at = names.index("id")
        renewed = [
            tuple(
                _renewed(wanted.get((row[at], name)), value) for name, value in zip(names, row, strict=True)
            )
            for row in rows
        ]
        cursor.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", (first, last))  # noqa: S608
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", renewed)  # noqa: S608


def _renewed(change: tuple[Any, Any] | None, value: Any) -> Any:
    return change[1] if change is not None and change[0] == value else value


def id_before(database: Database, table: str, column: str, at: datetime) -> int:
    """Return the highest id of a row made before `at`, 0 for none: found by halving, as ids grow with time."""
    with database.connect_for_read() as connection:
        lowest, highest = connection.exec_driver_sql(f"SELECT MIN(id), MAX(id) FROM {table}").one()  # noqa: S608
        if lowest is None:
            return 0
        below, above = lowest - 1, highest + 1
        sql = database.sql(
            f"SELECT id, {column} FROM {table} WHERE id > ? AND id < ? ORDER BY id LIMIT 1"  # noqa: S608
        )
        while above - below > 1:
            middle = (below + above) // 2
            row = connection.exec_driver_sql(sql, (middle - 1, above)).first()
            if row is None:
                above = middle
            elif row[1] < micros(at):
                below = row[0]
            else:
                above = middle
    return int(below if below >= lowest else 0)


def _packed(value: Any, words: bytes) -> Any:
    if value is None or packing.is_packed(value):
        return None
    return packing.pack_text(value, words) if isinstance(value, str) else packing.pack(bytes(value), words)


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)


def _size(bodies: Sequence[bytes], words: bytes) -> int:
    return sum(len(packing.pack(body, words) or body) for body in bodies)


SET_FACT = """
INSERT INTO installation (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=excluded.value
"""
_KEEP_WORDS = """
INSERT INTO packing_words (digest, words, made_at) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET made_at=excluded.made_at
"""
