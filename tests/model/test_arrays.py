"""Arrays come back from PostgreSQL as they were given."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from automations.model.arrays import array_of, bigints, blobs, texts
from automations.model.database import Database
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres


class Colour(StrEnum):
    RED = "red"


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    yield database
    database.close()


def given_back(database: Database, array: Any, kind: str) -> list[Any]:
    with database.read_plain() as connection:
        rows = connection.exec_driver_sql(f"SELECT one FROM unnest(%b::{kind}[]) AS one", (array,)).all()
    return [bytes(value) if kind == "bytea" and value is not None else value for (value,) in rows]


@pytest.mark.parametrize(
    "values",
    [
        [], [0], [7, 7, 7], [None, None], [1, None, 3], [True, False], [1, True],
        [-(2**63), 2**63 - 1, 0, 1_795_348_800_000_000], list(range(1_000)),
    ],
)  # fmt: skip
def test_whole_numbers(database: Database, values: list[int | None]) -> None:
    assert given_back(database, bigints(values), "bigint") == values


@pytest.mark.parametrize(
    "values",
    [
        [], [""], ["a", "a"], [None], [None, "a", ""], ["ä", "😀", '"', "\\", "{}", "NULL", "a,b", "\n"],
        [Colour.RED, "blue"], ["x" * 100_000, "y"],
    ],
)  # fmt: skip
def test_texts(database: Database, values: list[str | None]) -> None:
    assert given_back(database, texts(values), "text") == values


@pytest.mark.parametrize("values", [[], [b""], [b"\x00\xff", b"a" * 70_000], [b"a", None], [b"a", b"a"]])
def test_bytes(database: Database, values: list[bytes | None]) -> None:
    assert given_back(database, blobs(values), "bytea") == values


def test_values_tell_their_kind() -> None:
    assert array_of(["a"]) == texts(["a"])
    assert array_of([1]) == bigints([1])


def test_a_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(struct.error):
        bigints([2**63, 1])
    with pytest.raises(struct.error):
        bigints([2**63])


def test_a_database_in_another_encoding(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as connection:
        connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    database = Database(postgres_server.url("latin"))
    try:
        with database.write_plain() as connection:
            connection.exec_driver_sql("CREATE TABLE mark (name text)")
            connection.exec_driver_sql("INSERT INTO mark VALUES (%s)", ("é",))
        for engine in (database.read_plain, database.write_one_plain):
            with engine() as connection:
                found = connection.exec_driver_sql(
                    "SELECT name FROM mark WHERE name=ANY(%b)", (texts(["é", "x"]),)
                )
                assert found.all() == [("é",)]
    finally:
        database.close()
        with postgres_server.connect() as connection:
            connection.execute("DROP DATABASE latin WITH (FORCE)")


def test_arrays_of_any_length_are_one_prepared_statement(database: Database) -> None:
    with database.read_plain() as connection:
        for length in range(1, 12):
            connection.exec_driver_sql("SELECT COUNT(*) FROM unnest(%b::bigint[])", (bigints(range(length)),))
        found = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%%COUNT(*) FROM unnest%%'"
        )
        assert found.scalar() == 1


def test_a_single_statement_is_written_whole_or_not_at_all(database: Database) -> None:
    with database.write_plain() as connection:
        connection.exec_driver_sql("CREATE TABLE mark (id bigint PRIMARY KEY)")
    insert = "INSERT INTO mark SELECT * FROM unnest(%b::bigint[])"
    with database.write_one_plain() as connection:
        connection.exec_driver_sql(insert, (bigints([1, 2]),))
    with (
        pytest.raises(database.engine.dialect.dbapi.IntegrityError),
        database.write_one_plain() as connection,
    ):  # type: ignore[union-attr]
        connection.exec_driver_sql(insert, (bigints([3, 1]),))
    with database.read_plain() as connection:
        assert connection.exec_driver_sql("SELECT id FROM mark ORDER BY id").all() == [(1,), (2,)]
