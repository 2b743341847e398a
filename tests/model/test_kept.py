"""A kept connection writes as any other, and what fails with it is undone and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.errors import StorageUnavailableError
from automations.model import kept as kept_module
from automations.model.database import Database, sqlite_driver
from automations.model.kept import KeptConnection


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'kept.db'}")
    with made.write_plain() as connection:
        connection.exec_driver_sql("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
    yield made
    made.close()


def things(database: Database) -> list[int]:
    with database.read_plain() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT id FROM thing ORDER BY id")]


def put(kept: KeptConnection, *ids: int) -> None:
    with kept.write() as connection:
        for id in ids:
            connection.exec_driver_sql("INSERT INTO thing VALUES (?)", (id,))


def borrowed(database: Database) -> int:
    return int(database.engine.pool.checkedout())  # type: ignore[attr-defined]


def test_it_is_kept_until_it_is_given_back(database: Database) -> None:
    kept = KeptConnection(database)
    put(kept, 1)
    put(kept, 2)
    assert (things(database), borrowed(database)) == ([1, 2], 1)
    kept.give_back()
    kept.give_back()
    assert borrowed(database) == 0
    put(kept, 3)
    assert things(database) == [1, 2, 3]


def test_what_fails_is_undone_and_the_next_goes_on(database: Database) -> None:
    kept = KeptConnection(database)
    put(kept, 1)
    with pytest.raises(sqlite_driver().IntegrityError):
        put(kept, 2, 1)
    assert (things(database), borrowed(database)) == ([1], 0)
    put(kept, 2)
    assert things(database) == [1, 2]


def test_a_lock_that_lasts_is_told_as_the_database_tells_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "BUSY_TIMEOUT_MS", 50)
    kept = KeptConnection(database)
    with database.write_plain(), pytest.raises(StorageUnavailableError):
        put(kept, 1)
    assert borrowed(database) == 0
    put(kept, 1)
    assert things(database) == [1]


def test_a_file_that_cannot_be_opened_is_told_as_the_database_tells_it(tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path / 'nowhere' / 'kept.db'}")
    with pytest.raises(StorageUnavailableError):
        put(KeptConnection(away), 1)
    away.close()
