"""Huey loads what the queue in use needs, and nothing for the others."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from automations.engine.queue import WakeUps
from automations.engine.queue_library import SqliteStorage
from automations.model.database import sqlite_driver

_LOADED = """
import sys
from automations.engine.queue import WakeUps
others = {"redis", "psycopg", "sqlite3"} & set(sys.modules)
from automations.model.database import sqlite_driver
print(sorted(others - {sqlite_driver().__name__.partition(".")[0]}))
"""


def test_no_other_queue_is_loaded_for() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_file_is_written_by_the_driver_of_the_database(tmp_path: Path) -> None:
    wake_ups = WakeUps(f"sqlite:///{tmp_path}/queue.db", tmp_path)
    try:
        assert isinstance(wake_ups._huey.storage, SqliteStorage)
        assert isinstance(wake_ups._huey.storage.conn, sqlite_driver().Connection)
        assert wake_ups._huey.storage.operational_error is sqlite_driver().OperationalError
    finally:
        wake_ups.close()


def test_redis_is_there_for_its_queue(tmp_path: Path) -> None:
    if importlib.util.find_spec("redis") is None:
        pytest.skip("the package redis is not installed")
    import redis

    wake_ups = WakeUps("redis://127.0.0.1:9", tmp_path)
    try:
        assert isinstance(wake_ups._huey.storage.conn, redis.Redis)
        # Nobody listens there: the library says so, in the error that Huey knows.
        with pytest.raises(redis.ConnectionError):
            wake_ups._huey.storage.queue_size()
    finally:
        wake_ups.close()
