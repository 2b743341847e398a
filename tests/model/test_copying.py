"""Everything from one database into another, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from automations.errors import InputError
from automations.model.connection import Connection
from automations.model.copying import BATCH_ROWS, LEFT_OUT, copy_all
from automations.model.database import Database
from automations.model.history import Event
from automations.model.person import Installation

AT = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def silent(table: str, done: int, total: int) -> None:
    """Watch nothing."""


def opened(url: str) -> Database:
    made = Database(url)
    made.migrate()
    return made


@pytest.fixture(params=["to postgresql", "to sqlite"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str
) -> Iterator[tuple[Database, Database]]:
    """Give a source with its tables and an empty target, one of each kind."""
    file = f"sqlite:///{tmp_path / 'automations.db'}"
    source, target = (file, postgres_url) if request.param == "to postgresql" else (postgres_url, file)
    made = opened(source), Database(target)
    yield made
    for one in made:
        one.close()


def contents(database: Database) -> dict[str, list[Any]]:
    """Return every row of every table as its model reads it."""
    with database.connect_for_read() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key))
            ]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


def furnish(database: Database, events: int = 0) -> None:
    """Store an account and events that it sent."""
    with database.write() as session:
        session.add(Connection(id=1, name="née ☃", kind="toy", sealed="gAAAAA", created_at=AT, updated_at=AT))
        session.flush()
        session.add_all(event(number) for number in range(events))


def event(number: int, **more: Any) -> Event:
    given = {
        "connection_id": 1, "dedupe_key": f"key-{number}", "topic": "thing", "record_key": f"thing:{number}",
        "received_at": AT, "payload": b'{"n": "\xc3\xa9"}',
    }  # fmt: skip
    return Event(**{**given, **more})


def test_every_row_arrives_as_it_was(pair: tuple[Database, Database]) -> None:
    source, target = pair
    furnish(source, 2 * BATCH_ROWS + 7)
    with source.write() as session:
        session.add(Installation(name="odd", value="née\n☃ 'quoted' \\ "))
    told: list[tuple[str, int, int]] = []
    copied = copy_all(source, target, lambda *one: told.append(one))
    assert contents(target) == contents(source)
    assert next(one.rows for one in copied if one.table == "event") == 2 * BATCH_ROWS + 7
    assert [one for one in told if one[0] == "event"] == [
        ("event", done, 2 * BATCH_ROWS + 7) for done in (BATCH_ROWS, 2 * BATCH_ROWS, 2 * BATCH_ROWS + 7)
    ]


def test_numbers_go_on_and_none_is_given_twice(pair: tuple[Database, Database]) -> None:
    source, target = pair
    furnish(source, 5)
    with source.write() as session:
        session.execute(text("DELETE FROM event WHERE id >= 4"))
    copy_all(source, target, silent)
    with target.write() as session:
        added = event(9)
        session.add(added)
        session.flush()
        assert added.id == 6


def test_a_table_that_was_never_used_begins_at_one(pair: tuple[Database, Database]) -> None:
    source, target = pair
    furnish(source)
    copy_all(source, target, silent)
    with target.write() as session:
        added = event(1)
        session.add(added)
        session.flush()
        assert added.id == 1


def test_a_full_target_is_refused_and_left_alone(pair: tuple[Database, Database]) -> None:
    source, target = pair
    with source.write() as session:
        session.add(Installation(name="a", value="source"))
    target.migrate()
    with target.write() as session:
        session.add(Installation(name="b", value="target"))
    before = contents(target)
    with pytest.raises(InputError, match="not empty: installation has rows"):
        copy_all(source, target, silent)
    assert contents(target) == before


def test_a_copy_that_is_stopped_leaves_the_target_empty(pair: tuple[Database, Database]) -> None:
    source, target = pair
    furnish(source, 3 * BATCH_ROWS)

    def stop(table: str, done: int, total: int) -> None:
        if table == "event" and done > BATCH_ROWS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_all(source, target, stop)
    assert not any(contents(target).values())
    copy_all(source, target, silent)
    assert contents(target) == contents(source)


def test_a_database_is_not_copied_into_itself(tmp_path: Path) -> None:
    source = opened(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(InputError, match="the same database"):
        copy_all(source, source, silent)
    source.close()
