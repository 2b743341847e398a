"""Transactions and migrations, on both databases."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from automations.errors import SettingsError, StorageUnavailableError
from automations.model import database as database_module
from automations.model.database import Database
from automations.model.person import Installation


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'automations.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()


def test_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.connect_for_read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_changes_nothing_and_keeps_what_is_there(database: Database) -> None:
    with database.write() as session:
        session.add(Installation(name="here", value="1"))
    database.migrate()
    with database.read() as session:
        assert session.get_one(Installation, "here").value == "1"


def test_several_processes_may_migrate_at_once(url: str) -> None:
    troubles: list[Exception] = []

    def migrate() -> None:
        database = Database(url)
        try:
            database.migrate()
        except Exception as error:  # noqa: BLE001 - told after the join
            troubles.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_a_database_of_a_newer_program_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num='9999'"))
    with pytest.raises(SettingsError, match="newer version"):
        database.migrate()
    with database.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_a_block_that_fails_writes_nothing(database: Database) -> None:
    with contextlib.suppress(KeyError), database.write() as session:
        session.add(Installation(name="half", value="1"))
        session.flush()
        raise KeyError
    with contextlib.suppress(KeyError), database.connect_for_write() as connection:
        connection.execute(text("INSERT INTO installation (name, value) VALUES ('half', '1')"))
        raise KeyError
    with database.read() as session:
        assert session.get(Installation, "half") is None


def test_readers_and_writers_at_once_lose_no_update(database: Database) -> None:
    with database.write() as session:
        session.add(Installation(name="count", value="0"))

    def count_up() -> None:
        for _ in range(25):
            with database.connect_for_write() as connection:
                sql = (
                    "UPDATE installation SET value=CAST(CAST(value AS INTEGER)+1 AS TEXT) WHERE name='count'"
                )
                connection.execute(text(sql))
            with database.read() as session:
                session.get_one(Installation, "count")

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(Installation, "count").value == "150"


def test_no_free_connection_is_told_as_trouble_with_the_database(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url, pool_size=1)
    database.migrate()
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.05)
    first, second, third = (database.connect_for_read() for _ in range(3))
    with first, second, pytest.raises(StorageUnavailableError):
        third.__enter__()
    database.close()


def test_an_address_that_cannot_be_reached_is_trouble_with_the_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with pytest.raises(StorageUnavailableError):
        database.migrate()
    database.close()


def test_an_sqlite_that_can_damage_databases_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old:
        sqlite_version = "3.40.1"

    monkeypatch.setattr(database_module, "sqlite_driver", lambda: Old)
    with pytest.raises(SettingsError, match=r"3\.40\.1"):
        Database(f"sqlite:///{tmp_path}/x.db")


def test_sqlite_is_set_as_the_promises_need(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    with database.connect_for_read() as connection:

        def pragma(name: str) -> Any:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert [pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")] == ["wal", 2, 1]
    database.close()


def test_a_write_that_found_no_lock_leaves_the_connection_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 30)
    database = Database(f"sqlite:///{tmp_path / 'automations.db'}")

    def refused() -> None:
        with database.write_plain(durable=False):
            pass

    with database.connect_for_write(), pytest.raises(StorageUnavailableError):
        refused()
    for _ in range(4):
        with database.write_plain() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_only_who_migrates_loads_what_migrates() -> None:
    code = "import sys, automations.assembly, automations.web.app; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rows_are_checked_again_after_a_commit_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db", pool_size=1)
    bare = database.bare

    class NoRoom:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cursor, name)

        def execute(self, sql: str) -> Any:
            if sql == "COMMIT":
                raise database_module.sqlite_driver().OperationalError("database or disk is full")
            return self._cursor.execute(sql)

    @contextmanager
    def without_room() -> Iterator[Any]:
        with bare() as cursor:
            yield NoRoom(cursor)

    monkeypatch.setattr(database, "bare", without_room)
    with pytest.raises(StorageUnavailableError), database.unchecked() as cursor:
        cursor.execute("CREATE TABLE note (id INTEGER)")
    with database.connect_for_read() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM sqlite_master").scalar() == 0
    database.close()
