"""Huey without what it loads for queues that are not in use: Redis with its asyncio, PostgreSQL's driver, and
the standard library's SQLite beside the one that the database uses.
"""

from __future__ import annotations

import importlib

from automations.absent import absent
from automations.model.database import sqlite_driver

with absent("redis", "psycopg", "sqlite3"):
    from huey import Huey, RedisHuey, SqliteHuey, crontab
    from huey import storage as _storage
    from huey.storage import PostgresStorage, RedisStorage, SqliteStorage

__all__ = [
    "Huey",
    "PostgresStorage",
    "RedisHuey",
    "RedisStorage",
    "SqliteHuey",
    "SqliteStorage",
    "crontab",
    "with_postgres",
    "with_redis",
]

_sqlite = sqlite_driver()
_storage.sqlite3 = _sqlite
SqliteStorage.integrity_error = _sqlite.IntegrityError
SqliteStorage.operational_error = _sqlite.OperationalError


def with_postgres() -> None:
    """Give Huey the driver that its queue in PostgreSQL needs."""
    _storage.psycopg = importlib.import_module("psycopg")


def with_redis() -> None:
    """Give Huey the library that its queue in Redis needs. Raises ImportError where it is not installed."""
    redis = importlib.import_module("redis")
    _storage.ConnectionPool, _storage.Redis = redis.ConnectionPool, redis.Redis
    _storage.ConnectionError, _storage.TimeoutError = redis.ConnectionError, redis.TimeoutError
    RedisStorage.redis_client = redis.Redis
