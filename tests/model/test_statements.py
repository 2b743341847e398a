"""Plain statements: what a block writes is there or not, whoever else writes meanwhile."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from automations.errors import StorageUnavailableError
from automations.model.database import Database

INSERT = "INSERT INTO note (id, words) VALUES (?, ?)"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    on_postgres = request.param == "postgres"
    database = Database(
        request.getfixturevalue("postgres_url") if on_postgres else f"sqlite:///{tmp_path / 'a.db'}"
    )
    with database.connect_for_write() as connection:
        connection.exec_driver_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT)")
    yield database
    database.close()


def count(database: Database) -> int:
    with database.read_plain() as connection:
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM note").scalar())


@pytest.mark.parametrize("durable", [True, False])
def test_what_a_block_writes_is_there_after_it(notes: Database, durable: bool) -> None:
    with notes.write_plain(durable=durable) as connection:
        connection.exec_driver_sql(notes.sql(INSERT), [(1, "one"), (2, "two")])
        connection.exec_driver_sql(notes.sql(INSERT), (3, "three"))
    with notes.read_plain() as connection:
        rows = connection.exec_driver_sql("SELECT id, words FROM note ORDER BY id")
        assert [tuple(row) for row in rows] == [(1, "one"), (2, "two"), (3, "three")]
        changed = connection.exec_driver_sql(notes.sql("SELECT words FROM note WHERE id=?"), (4,))
        assert changed.first() is None


@pytest.mark.parametrize("durable", [True, False])
def test_a_block_that_fails_writes_nothing(notes: Database, durable: bool) -> None:
    def fail() -> None:
        with notes.write_plain(durable=durable) as connection:
            connection.exec_driver_sql(notes.sql(INSERT), (1, "one"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count(notes) == 0
    with notes.write_plain() as connection:
        connection.exec_driver_sql(notes.sql(INSERT), (1, "one"))
    assert count(notes) == 1


def test_each_read_sees_what_is_committed_at_its_own_moment(notes: Database) -> None:
    with notes.read_plain() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM note").scalar() == 0
        with notes.write_plain() as other:
            other.exec_driver_sql(notes.sql(INSERT), (1, "one"))
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM note").scalar() == 1


def test_a_connection_that_broke_is_told_and_not_used_again(notes: Database) -> None:
    if notes.on_sqlite:
        pytest.skip("SQLite's connections end with their process")

    def break_it() -> None:
        with notes.read_plain() as connection:
            me = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with notes.read_plain() as other:
                other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (me,))
            time.sleep(0.1)
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StorageUnavailableError):
        break_it()
    assert count(notes) == 0


def test_a_writer_waits_for_the_one_before_it_and_then_goes_on_at_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.connect_for_write() as connection:
        connection.exec_driver_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT)")
    order: list[str] = []

    def second() -> None:
        with database.write_plain(durable=False) as connection:
            order.append("second")
            connection.exec_driver_sql(INSERT, (2, "two"))

    with database.write_plain() as connection:
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.05)
        order.append("first")
        connection.exec_driver_sql(INSERT, (1, "one"))
    waiting.join(timeout=10)
    assert order == ["first", "second"]
    assert count(database) == 2
    database.close()


def test_what_need_not_wait_for_the_disk_leaves_the_others_waiting_for_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", pool_size=1)
    for durable in (False, True):
        with database.write_plain(durable=durable) as connection:
            found = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            assert found == (2 if durable else 1)
    with database.read_plain() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 8_000
    database.close()
