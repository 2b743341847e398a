"""Statements about many rows: one after another on SQLite, all in one on PostgreSQL.

A statement on PostgreSQL costs more than a row in it, and one text for any number of rows is prepared once: the values
travel as one array a column (`model.arrays`). A few rows, for which making arrays would cost more than all else, are
written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from automations.model.arrays import array_of, bigints, blobs, texts
from automations.model.statements import Statements

INTEGER: Final = "bigint"
TEXT: Final = "text"
BYTES: Final = "bytea"
FEW: Final = 4
_VALUES: Final = "VALUES "


@dataclass(frozen=True)
class Column:
    """A column that each row brings a value for. becomes: what it is set to, with `{}` for the value."""

    name: str
    kind: str = INTEGER
    becomes: str = "{}"


class ForMany:
    """One statement in three ways of speaking; a row has its values in the order of the columns.

    each: with a `?` a value, for SQLite. together: for PostgreSQL, with `{rows}` where the rows stand.
    kinds: of the values. last_of_each: where two rows are about one id, the later one counts.
    """

    def __init__(self, each: str, together: str, kinds: Sequence[str], *, last_of_each: bool = False) -> None:
        self._each = each
        self._few = {count: together.format(rows=_written_out(kinds, count)) for count in range(1, FEW + 1)}
        self._many = together.format(rows=unnested(kinds))
        self._kinds = kinds
        self._last_of_each = last_of_each
        self._each_for: dict[int, str] = {}

    def run(self, connection: Statements, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for these rows, at least one; return how many were inserted or changed."""
        if connection.dialect.name == "sqlite":
            return int(connection.exec_driver_sql(self._each, list(rows)).rowcount)
        if self._last_of_each:
            rows = list({row[-1]: row for row in rows}.values())
        return int(self._run_together(connection, rows).rowcount)

    def returned(self, connection: Statements, rows: Sequence[tuple[Any, ...]]) -> Iterable[Any]:
        """Run it for these rows, no more than a statement may name, and return what it returns.

        On SQLite insertions only.
        """
        if connection.dialect.name != "sqlite":
            return self._run_together(connection, rows)  # type: ignore[no-any-return]
        sql = self._each_for.get(len(rows))
        if sql is None:
            head, values, tail = self._each.partition(_VALUES)
            one = tail[: tail.index(")") + 1]
            every = ", ".join([one] * len(rows))
            sql = self._each_for[len(rows)] = f"{head}{values}{every}{tail.removeprefix(one)}"
        return connection.exec_driver_sql(sql, tuple(chain.from_iterable(rows)))  # type: ignore[no-any-return]

    def _run_together(self, connection: Statements, rows: Sequence[tuple[Any, ...]]) -> Any:
        if len(rows) <= FEW:
            return connection.exec_driver_sql(self._few[len(rows)], tuple(chain.from_iterable(rows)))
        return connection.exec_driver_sql(self._many, by_column(self._kinds, rows))


def insert(table: str, columns: Mapping[str, str], then: str = "") -> ForMany:
    """Insert rows in their order, so that their ids have it, too. columns: each with its kind."""
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    return ForMany(
        f"INSERT INTO {table} ({names}) {_VALUES}({marks}) {then}",
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608
        f"FROM {{rows}} AS v({names}, place) ORDER BY place {then}",
        list(columns.values()),
    )


def by_column(kinds: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> tuple[bytes, ...]:
    """Return the values of rows as an array for each column."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return tuple(_ARRAYS[kind](()) for kind in kinds)
    return tuple(_ARRAYS[kind](values) for kind, values in zip(kinds, columns, strict=True))


def unnested(kinds: Iterable[str]) -> str:
    """Return where rows stand in a statement for PostgreSQL that is given `by_column`."""
    return f"unnest({_arrays(kinds)}) WITH ORDINALITY"


def update(
    table: str, columns: Sequence[Column], *, also: str = "", where: str = "", then: str = ""
) -> ForMany:
    """Change the rows whose ids are given, as the last value of each row.

    also: what is set alike for all. where: a further condition. then: what comes after it, for `returned`.
    """
    tail = f", {also}" if also else ""
    condition = (f" AND {where}" if where else "") + (f" {then}" if then else "")
    each = ", ".join(f"{one.name}={one.becomes.format('?')}" for one in columns)
    together = ", ".join(f"{one.name}={one.becomes.format(f'v.value_{n}')}" for n, one in enumerate(columns))
    names = ", ".join([*(f"value_{n}" for n in range(len(columns))), "which", "place"])
    return ForMany(
        f"UPDATE {table} SET {each}{tail} WHERE id=?{condition}",  # noqa: S608 - names only
        f"UPDATE {table} SET {together}{tail} FROM {{rows}} AS v({names}) "  # noqa: S608
        f"WHERE {table}.id=v.which{condition}",
        [*(one.kind for one in columns), INTEGER],
        last_of_each=True,
    )


def among(connection: Statements, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """Return the condition that a column has one of these values, and what to give with it."""
    if connection.dialect.name == "sqlite":
        return f"{column} IN ({', '.join('?' * len(values))})", tuple(values)
    return f"{column}=ANY(%b)", (array_of(values),)


def chosen(connection: Statements, column: str, select: str) -> str:
    """Return the condition that a column is among what a sub-select gives, which runs once.

    PostgreSQL may run one in `IN` again for each row, with what a `LIMIT` or `SKIP LOCKED` finds the next time.
    """
    return (
        f"{column} IN ({select})" if connection.dialect.name == "sqlite" else f"{column}=ANY(ARRAY({select}))"
    )


_ARRAYS: Final[Mapping[str, Callable[[Sequence[Any]], bytes]]] = {INTEGER: bigints, TEXT: texts, BYTES: blobs}


def _arrays(kinds: Iterable[str]) -> str:
    return ", ".join(f"%b::{kind}[]" for kind in kinds)


def _written_out(kinds: Sequence[str], count: int) -> str:
    values = ", ".join(f"%s::{kind}" for kind in kinds)
    return f"(VALUES {', '.join(f'({values}, {place})' for place in range(count))})"
