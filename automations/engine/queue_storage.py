"""Where Huey keeps wake-ups: a SQLite file on one machine, PostgreSQL or Redis between machines.

Each waits without polling: the file for the machine's doorbell, PostgreSQL for a notification, Redis in a blocking
pop. A queue that is away is asked again every second, with one line in the log when it goes and one when it is back.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from automations.engine.doorbell import Doorbell
from automations.engine.queue_library import (
    Huey,
    PostgresStorage,
    RedisHuey,
    RedisStorage,
    SqliteHuey,
    SqliteStorage,
    with_postgres,
    with_redis,
)
from automations.errors import SettingsError

NAME = "automations"
WAIT_S = 5.0
POP_S = 1
RETRY_S = 1.0
PATIENCE_S = 3
LET_OTHERS_S = 0.02
WORK_FIRST_S = 0.008
IN_VAIN_MAX = 1
_TABLES_LOCK = 4_150_222

# Nothing in the queue is worth a wait for the disk, and a server that does not answer must not be waited for.
_POSTGRES_OPTIONS = "-c synchronous_commit=off -c statement_timeout=5000 -c lock_timeout=3000"
_log = structlog.get_logger("queue")


class _Patient:
    """What all three share: trouble with the queue ends no thread and fills no log.

    Wake-ups are never revoked, so nothing is looked up or written about that, twice for each one heard.
    """

    bell: Doorbell
    #: Whether the worker behind it has nothing to do just now; called from the queue's thread.
    is_free: Callable[[], bool] = staticmethod(lambda: True)
    #: Told of a wake-up before it is taken, where this worker is likely to get it; told of it again when it is taken.
    on_sign: Callable[[], None] = staticmethod(lambda: None)
    queue_size: Callable[[], int]
    enqueue: Callable[[bytes], None]
    _away = False

    def _take(self) -> Any:
        """Return the next wake-up, None where none came in time. Raises what the queue's library raises."""
        raise NotImplementedError

    def dequeue(self) -> Any:
        try:
            found = self._take()
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue is asked again
            if not self._away:
                _log.warning("queue.away", error=type(error).__name__)
            self._away = True
            self.bell.wait(RETRY_S)
            return None
        if self._away:
            _log.info("queue.back")
            self._away = False
        return found

    def put_if_empty(self, data: bytes) -> None:
        """Put in a wake-up unless anything is in the queue that nobody has taken yet."""
        if self.queue_size() == 0:
            self.enqueue(data)

    def peek_many(self, keys: Any) -> dict[str, bytes]:
        return {}

    def delete_data(self, key: Any) -> bool:
        return False


class _FileStorage(_Patient, SqliteStorage):  # type: ignore[misc]
    """A SQLite file. One write lock in it at a time, so it is for one machine."""

    blocking = True

    def __init__(self, *args: Any, bell: Doorbell, **kwargs: Any) -> None:
        self.bell = bell
        super().__init__(*args, **kwargs)

    def _take(self) -> Any:
        found = SqliteStorage.dequeue(self)
        if found is None:
            self.bell.wait(WAIT_S)
            found = SqliteStorage.dequeue(self)
        return found


class _PostgresQueue(_Patient, PostgresStorage):  # type: ignore[misc]
    """PostgreSQL: one unlogged table, and a notification that makes every waiting worker look for it once.

    Which of them looks first settles by itself: who came too late, or is busy, looks a moment later. Who got
    the last one and is free goes to work while it takes this one out of the table.
    """

    def __init__(self, *args: Any, bell: Doorbell, **kwargs: Any) -> None:
        self.bell = bell
        self._tables_made = False
        self._emptied: Any = None
        self._looks_in_vain = 0
        super().__init__(*args, create_tables=False, table_prefix="automations_wake", **kwargs)

    def _create_connection(self) -> Any:
        """Connect, and make the tables at the first time; `if not exists` alone does not stand two at once."""
        connection = self._connect()
        if not self._tables_made:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TABLES_LOCK,))
                for statement in self.ddl:
                    connection.execute(statement.replace("create table", "create unlogged table"))
            self._tables_made = True
        return connection

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        self._put(data, priority or 0)

    def put_if_empty(self, data: bytes) -> None:
        # Asking first would be one statement more between an event and its work.
        self._put(data, 0, f"NOT EXISTS (SELECT 1 FROM {self.table_task} WHERE queue=%(queue)s)")  # noqa: S608

    def _put(self, data: bytes, priority: float, where: str = "true") -> None:
        text = (
            f"WITH put AS (INSERT INTO {self.table_task} (queue, data, priority) "  # noqa: S608
            f"SELECT %(queue)s, %(data)s, %(priority)s WHERE {where} RETURNING 1) "
            "SELECT pg_notify(%(channel)s, '') FROM put"
        )
        self.sql(text, {"queue": self.name, "data": data, "priority": priority, "channel": self.channel})

    def _take(self) -> Any:
        """Listen first, look then, wait last: what comes in between has rung already.

        Where the last look found nothing, and this connection has listened since, there is nothing to look for yet.
        """
        connection = self._listen_conn()
        is_empty, self._emptied = connection is self._emptied, None
        if is_empty:
            self.bell.wait(WAIT_S, connection.fileno())
        is_told = _forget_notifications(connection) and is_empty
        if is_told:
            if self._is_likely_first():
                self.on_sign()
                # At the same moment the two would wait for each other.
                time.sleep(WORK_FIRST_S)
            else:
                self._let_others()
                _forget_notifications(connection)
        found = self._dequeue()
        if is_told:
            self._looks_in_vain = 0 if found is not None else self._looks_in_vain + 1
        if found is None:
            self._emptied = connection
        return found

    def _is_likely_first(self) -> bool:
        return not self._looks_in_vain and self.is_free()

    def _let_others(self) -> None:
        """Wait a moment where another worker is likely to be quicker: one that is free, and was the last time.

        All are told of each wake-up and one gets it. Were the others to look at the same moment, that would take time
        from the one that goes to work.
        """
        if self._looks_in_vain >= IN_VAIN_MAX:
            time.sleep(LET_OTHERS_S)
            return
        ends_s = time.monotonic() + LET_OTHERS_S
        while not self.is_free() and time.monotonic() < ends_s:
            time.sleep(LET_OTHERS_S / 10)


def _forget_notifications(connection: Any) -> bool:
    """Read what has arrived and return whether anything had.

    Raises OperationalError where the server closed the connection.
    """
    connection.pgconn.consume_input()
    has_come = False
    while connection.pgconn.notifies() is not None:
        has_come = True
    return has_come


class _RedisQueue(_Patient, RedisStorage):  # type: ignore[misc]
    """Redis: a list, and the blocking pop."""

    def __init__(self, *args: Any, bell: Doorbell, **kwargs: Any) -> None:
        self.bell = bell
        super().__init__(*args, read_timeout=POP_S, **kwargs)

    def _take(self) -> Any:
        return RedisStorage.dequeue(self)


class _MakesHuey(Protocol):
    def __call__(self, url: str, bell: Doorbell) -> Huey: ...


def make_huey(url: str, bell: Doorbell) -> Huey:
    """Return the queue at this address; nothing is connected before its first use.

    Raises SettingsError where there is no such kind of address, or its library is not installed.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    make = _KINDS.get(scheme)
    if make is None:
        raise SettingsError(
            f"AUTOMATIONS_QUEUE_URL begins with {scheme!r}, which no queue here does. Leave it empty, or write "
            "postgresql+psycopg://…, redis://… or sqlite:///…"
        )
    return make(url, bell)


def _in_file(url: str, bell: Doorbell) -> Huey:
    return SqliteHuey(
        NAME,
        storage_class=_FileStorage,
        results=False,
        store_none=False,
        filename=url.removeprefix("sqlite:///"),
        fsync=False,
        bell=bell,
    )


def _in_postgres(url: str, bell: Doorbell) -> Huey:
    try:
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            "AUTOMATIONS_QUEUE_URL is no address. Write postgresql+psycopg://user:password@host/database."
        ) from error
    with_postgres()
    return Huey(
        NAME,
        storage_class=_PostgresQueue,
        results=False,
        store_none=False,
        dsn=dsn,
        bell=bell,
        connect_timeout=PATIENCE_S,
        tcp_user_timeout=PATIENCE_S * 1000,
        keepalives_idle=10,
        keepalives_interval=5,
        options=_POSTGRES_OPTIONS,
        application_name=f"{NAME} wake-ups",
    )


def _in_redis(url: str, bell: Doorbell) -> Huey:
    if importlib.util.find_spec("redis") is None:
        raise SettingsError(
            "AUTOMATIONS_QUEUE_URL names a Redis, and the package for it is not installed. Install it with "
            "`pip install 'automations[redis]'`, or leave the setting empty."
        )
    with_redis()
    from redis import ConnectionPool

    try:
        pool = ConnectionPool.from_url(
            url, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S, health_check_interval=30
        )
    except ValueError as error:
        raise SettingsError("AUTOMATIONS_QUEUE_URL is no address. Write redis://host:6379/0.") from error
    return RedisHuey(
        NAME, storage_class=_RedisQueue, results=False, store_none=False, connection_pool=pool, bell=bell
    )


_KINDS: dict[str, _MakesHuey] = {
    "sqlite": _in_file,
    "postgresql": _in_postgres,
    "redis": _in_redis,
    "rediss": _in_redis,
}
