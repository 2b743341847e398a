"""Statements about many rows do the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.model.database import Database
from automations.model.many import FEW, INTEGER, TEXT, Column, among, insert, update

COLUMNS = {"name": TEXT, "amount": INTEGER}
INSERT = insert("thing", COLUMNS, "ON CONFLICT (name) DO NOTHING")
TELLING = insert("thing", COLUMNS, "ON CONFLICT (name) DO NOTHING RETURNING id, name")
UPDATE = update(
    "thing",
    [Column("amount"), Column("note", TEXT, becomes="CASE WHEN {}='' THEN thing.note ELSE 'set' END")],
    also="times=times+1",
    where="name<>'closed'",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    of_postgres = request.param == "postgresql"
    url = str(request.getfixturevalue("postgres_url")) if of_postgres else f"sqlite:///{tmp_path}/x.db"
    made = Database(url)
    number = "BIGSERIAL" if of_postgres else "INTEGER"
    with made.connect_for_write() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE thing (id {number} PRIMARY KEY, name TEXT UNIQUE, amount BIGINT, note TEXT, "
            "times INTEGER DEFAULT 0)"
        )
    yield made
    made.close()


def rows(database: Database) -> list[tuple[object, ...]]:
    with database.read_plain() as connection:
        sql = "SELECT name, amount, note, times FROM thing ORDER BY id"
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_rows_are_inserted_in_their_order_and_known_ones_left_out(database: Database) -> None:
    names = [f"n{number * 7919 % 1000}" for number in range(1000)]
    with database.write_plain() as connection:
        assert INSERT.run(connection, [("n3", None)]) == 1
        INSERT.run(connection, [(name, 2**40 + n) for n, name in enumerate(names)])
    assert [row[0] for row in rows(database)] == ["n3", *(name for name in names if name != "n3")]
    assert rows(database)[0][1] is None


@pytest.fixture(params=[0, 10 * FEW])
def beside(request: pytest.FixtureRequest) -> int:
    """How many other rows are in the same statement: with none it is written out on PostgreSQL, else it has arrays."""
    return int(request.param)


def test_what_was_inserted_is_returned(database: Database, beside: int) -> None:
    others = [(f"z{number}", number) for number in range(beside)]
    with database.write_plain() as connection:
        INSERT.run(connection, [("b", 1)])
        found = TELLING.returned(connection, [("a", 1), ("b", 2), ("c", None), *others])
        assert sorted(row[1] for row in found) == sorted(["a", "c", *(name for name, _ in others)])


def test_rows_are_changed_by_their_ids_and_the_later_of_two_counts(database: Database, beside: int) -> None:
    nowhere = [(1, "x", 1_000 + number) for number in range(beside)]
    with database.write_plain() as connection:
        INSERT.run(connection, [("a", 1), ("b", 2), ("closed", 3), ("d", 4)])
        assert UPDATE.run(connection, [(10, "", 1), (20, "x", 2), (30, "x", 3), (40, "x", 99), *nowhere]) == 2
        UPDATE.run(connection, [(50, "", 4), (60, "x", 4), *nowhere])
    found = rows(database)
    assert found[:3] == [("a", 10, None, 1), ("b", 20, "set", 1), ("closed", 3, None, 0)]
    assert found[3][:3] == ("d", 60, "set")


def test_values_among_which_one_looks(database: Database) -> None:
    with database.write_plain() as connection:
        INSERT.run(connection, [("a", 1), ("b", 2), ("c", 3)])
        which, values = among(connection, "name", ["a", "c", "z"])
        found = connection.exec_driver_sql(f"SELECT amount FROM thing WHERE {which} ORDER BY id", values)
        assert [row[0] for row in found] == [1, 3]
