"""The one way to the database: settings of every connection, read and write transactions, migrations.

SQLite: WAL, `synchronous=FULL`, foreign keys, a busy time-out, all read back at start. Write transactions
begin IMMEDIATE: one that reads first and writes later would fail at once with SQLITE_BUSY_SNAPSHOT.
The library must be 3.51.3 or newer where several processes write: older ones can corrupt a WAL file
(sqlite.org, "WAL-reset bug", March 2026), hence the `pysqlite3` driver, whose wheel carries its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from automations.errors import SettingsError, StorageUnavailableError
from automations.model import packing, postgres
from automations.model.statements import PlainConnection, Statements, begin_immediate, plain

BUSY_TIMEOUT_MS = 8_000
OLDEST_SAFE_SQLITE = (3, 51, 3)
_MIGRATION_LOCK = 4_150_221


def sqlite_driver() -> ModuleType:
    """Return the SQLite driver in use: `pysqlite3` where it is installed, else the standard library's."""
    try:
        from pysqlite3 import dbapi2

        return dbapi2  # type: ignore[no-any-return]
    except ImportError:
        import sqlite3

        return sqlite3


class Database:
    """Opens transactions. Safe to share between threads; make a new one after a fork."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = url
        self.on_sqlite = url.startswith("sqlite")
        self.engine = (
            _sqlite_engine(url, pool_size) if self.on_sqlite else postgres.postgres_engine(url, pool_size)
        )
        # Connects when it is first used.
        self._by_key = self.engine if self.on_sqlite else postgres.engine_that_looks_up(url, pool_size)
        self._reading = (
            self.engine if self.on_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        packing.ask_also(self)

    @contextmanager
    def read(self, *, steady: bool = False) -> Iterator[Session]:
        """Yield a session that writes nothing.

        steady: whether it may fetch rows bit by bit. PostgreSQL takes a transaction for that, three messages more.
        """
        engine = self.engine if steady else self._reading
        with self._translated(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session; everything in it is committed together when the block ends, or nothing is.

        Raises StorageUnavailableError when the database is locked too long, full or away.
        """
        with self._translated(), Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"begin": "IMMEDIATE"})
            try:
                yield session
            except BaseException:
                session.rollback()
                raise
            session.commit()

    @contextmanager
    def connect_for_write(self) -> Iterator[SqlConnection]:
        """Yield a bare connection in a write transaction, for the paths where every microsecond counts."""
        with self._translated(), self.engine.connect() as connection:
            connection = connection.execution_options(begin="IMMEDIATE")
            with connection.begin():
                yield connection

    @contextmanager
    def connect_for_read(self, *, steady: bool = False) -> Iterator[SqlConnection]:
        """Yield a bare connection that writes nothing. steady: as `read` has it."""
        with self._translated(), (self.engine if steady else self._reading).connect() as connection:
            yield connection

    @contextmanager
    def write_plain(self, *, durable: bool = True, first: str = "") -> Iterator[Statements]:
        """Yield the driver's connection in a write transaction. Raises StorageUnavailableError as `write` does.

        durable: whether it is on disk when the block ends. What may be lost by a machine that loses its power
        need not wait for the disk; a durable transaction brings everything before it to the disk too, so nothing
        is ever lost from the middle. first: what PostgreSQL is told in the same message that begins it, without values.
        """
        with self._plain() as (connection, cursor):
            try:
                if self.on_sqlite:
                    if not durable:
                        cursor.execute("PRAGMA synchronous=NORMAL")
                    begin_immediate(cursor, BUSY_TIMEOUT_MS)
                else:
                    postgres.begin(cursor, durable=durable, first=first)
                yield connection
                cursor.connection.commit()
            except BaseException:
                cursor.connection.rollback()
                raise
            finally:
                # Also where the lock was not free: whoever has this connection next relies on it.
                if not self.on_sqlite:
                    postgres.end(cursor.connection)
                elif not durable:
                    cursor.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def read_plain(self) -> Iterator[Statements]:
        """Yield the driver's connection; each statement sees what is committed at its own moment."""
        with self._each_alone() as connection:
            yield connection

    @contextmanager
    def write_one_plain(self) -> Iterator[Statements]:
        """Yield the driver's connection for one statement that writes, on disk when it returns, or not written at all.

        On PostgreSQL it needs no transaction around it: one message in place of three or four.
        Raises StorageUnavailableError as `write` does.
        """
        with self.write_plain() if self.on_sqlite else self._each_alone() as connection:
            yield connection

    @contextmanager
    def _each_alone(self) -> Iterator[Statements]:
        with self._plain() as (connection, cursor):
            if not self.on_sqlite:
                cursor.connection.autocommit = True
            try:
                yield connection
            finally:
                if not self.on_sqlite:
                    postgres.end(cursor.connection)

    @contextmanager
    def _plain(self) -> Iterator[tuple[PlainConnection, Any]]:
        driver: Any = self.engine.dialect.dbapi
        with self._translated():
            try:
                with plain(self._by_key) as found:
                    yield found
            except driver.OperationalError as error:
                raise OperationalError(None, None, error) from error

    def sql(self, text: str) -> str:
        """Return a statement written with `?` marks in this database's own marks."""
        return text if self.on_sqlite else text.replace("?", "%s")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, PoolTimeout) as error:
            raise StorageUnavailableError(
                "The database cannot be used just now (locked, full or away). Try again in some seconds; "
                "`automations doctor` says more."
            ) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise StorageUnavailableError("The database connection was lost. Try again.") from error
            raise

    def migrate(self) -> None:
        """Bring the tables to this program's version. One process at a time on PostgreSQL (advisory lock).

        Raises SettingsError when the database is newer than this program.
        """
        # Imported here: only one short process migrates, and Alembic takes 11 MB of each that loads it.
        from automations.model import migrating

        with self.connect_for_read() as connection:
            migrating.refuse_newer(connection)
        with self.connect_for_write() as connection:
            if not self.on_sqlite:
                # Another process may be at it, and a large table takes its time.
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            migrating.upgrade(connection)

    @contextmanager
    def bare(self) -> Iterator[Any]:
        """Yield a cursor of SQLite's driver outside any transaction, for what begins its own.

        Raises StorageUnavailableError as the others do.
        """
        with self._translated():
            try:
                connection = self.engine.raw_connection()
                cursor = connection.cursor()
                try:
                    yield cursor
                finally:
                    cursor.close()
                    connection.close()
            except sqlite_driver().OperationalError as error:
                raise OperationalError(None, None, error) from error

    @contextmanager
    def unchecked(self) -> Iterator[Any]:
        """Yield a cursor of SQLite's driver in a write transaction in which rows that others refer to may be away
        for a moment; whoever asks puts them back before the end.
        """
        with self.bare() as cursor:
            cursor.execute("PRAGMA foreign_keys=OFF")
            try:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except BaseException:
                    # A full disk may have ended it already; one left open would keep the switch below from working.
                    if cursor.connection.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
            finally:
                cursor.execute("PRAGMA foreign_keys=ON")

    def words(self, digest: str) -> bytes | None:
        """Return the words that packed rows name so."""
        with self.connect_for_read() as connection:
            found = connection.exec_driver_sql(
                self.sql("SELECT words FROM packing_words WHERE digest=?"), (digest,)
            ).first()
        return bytes(found[0]) if found else None

    def close(self) -> None:
        packing.ask_no_more(self)
        self.engine.dispose()
        self._by_key.dispose()


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    driver = sqlite_driver()
    version = tuple(int(part) for part in re.findall(r"\d+", driver.sqlite_version))
    if version < OLDEST_SAFE_SQLITE:
        raise SettingsError(
            f"The SQLite library is {driver.sqlite_version}; versions before 3.51.3 can damage a database that "
            "several processes write. Install the package pysqlite3, or set AUTOMATIONS_DATABASE_URL to PostgreSQL."
        )
    engine = create_engine(url, module=driver, pool_size=pool_size, max_overflow=pool_size, pool_timeout=10)

    @event.listens_for(engine, "connect")
    def _configure(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        if cursor.execute("PRAGMA page_count").fetchone()[0] == 0:
            # Only an empty file takes it; without it, freed pages never go back to the disk.
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma, value, reads_back in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}={value}")
            found = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
            if found != reads_back:
                raise SettingsError(
                    f"SQLite answered {found!r} for {pragma}, wanted {reads_back!r}. The instance folder must "
                    "be on a local disk."
                )
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: SqlConnection) -> None:
        if connection.get_execution_options().get("begin") != "IMMEDIATE":
            connection.exec_driver_sql("BEGIN DEFERRED")
            return
        cursor = connection.connection.cursor()
        try:
            begin_immediate(cursor, BUSY_TIMEOUT_MS)
        except driver.OperationalError as error:
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error
        finally:
            cursor.close()

    return engine


_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("busy_timeout", str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("cache_size", "-16000", -16000),
    ("temp_store", "MEMORY", 2),
    ("journal_size_limit", "67108864", 67108864),
)
