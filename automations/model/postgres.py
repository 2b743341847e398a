"""How this program uses a PostgreSQL: every round trip costs it and the server a change of process.

So nothing is asked only to see whether the server is still there, a transaction begins with one message, and what
only reads has none. Statements that come again are prepared by the driver, which forgets all of them at each rollback.
"""

from __future__ import annotations

import select
import time
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError

from automations.model import arrays

_TRUSTED_S: Final = 5.0
_PLANS_LAST_S: Final = 10.0
#: A process that stands still within a transaction, or whose machine is gone, keeps its locks no longer.
STANDING_STILL_MS: Final = 60_000
#: This side finds out within a minute that the server's machine is gone, and the server by the settings below that
#: this one is; the system would wait for two hours and more.
_KEEPALIVES: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
# `PQTRANS_IDLE`, by number: the driver is loaded only where there is a PostgreSQL.
_IDLE: Final = 0
_BEGIN: Final = "BEGIN"
_BEGIN_UNHURRIED: Final = f"{_BEGIN}; SET LOCAL synchronous_commit=off"


def postgres_engine(url: str, pool_size: int) -> Engine:
    # The last one given back is the next one taken: it has the statements prepared, and was alive a moment ago.
    options = {name: value for name, value in _KEEPALIVES.items() if name not in make_url(url).query}
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_use_lifo=True,
        connect_args=options,
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi: Any, _record: Any) -> None:
        arrays.register(dbapi)
        with dbapi.cursor() as cursor:
            # Arrays are written in it, whatever the database or the environment prefers.
            cursor.execute("SET client_encoding = 'UTF8'")
            cursor.execute("SET synchronous_commit = on")
            cursor.execute("SET lock_timeout = '8s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = {STANDING_STILL_MS}")
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"):
                cursor.execute(f"SET {name} = {_KEEPALIVES[name.removeprefix('tcp_')]}")
            cursor.execute("SET timezone = 'UTC'")
            # What is asked here takes milliseconds; to compile it first takes a tenth of a second.
            cursor.execute("SET jit = off")
        dbapi.commit()

    @event.listens_for(engine, "checkin")
    def _note(_dbapi: Any, record: Any) -> None:
        record.info["seen_s"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _look(dbapi: Any, record: Any, _proxy: Any) -> None:
        seen_s = record.info.get("seen_s")
        if seen_s is None or (time.monotonic() - seen_s < _TRUSTED_S and not _has_word(dbapi)):
            return
        dialect: Any = engine.dialect
        try:
            dialect.do_ping(dbapi)
        except dialect.dbapi.Error as error:
            raise InvalidatePoolError from error

    return engine


def engine_that_looks_up(url: str, pool_size: int) -> Engine:
    """Return an engine for statements that look their rows up by key, however many, and never read a whole table.

    The planner would: the tables of a new installation are so small that reading all of them is best, plans are kept
    as they grow, and what it knows about them is a minute old. A plan without a choice may still be one for tables of
    one row, so plans are made anew, by the sizes that the tables have by then.
    """
    engine = postgres_engine(url, pool_size)

    @event.listens_for(engine, "connect")
    def _configure(dbapi: Any, _record: Any) -> None:
        with dbapi.cursor() as cursor:
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET enable_{way} = off")
        dbapi.commit()

    @event.listens_for(engine, "checkout")
    def _plan_anew(dbapi: Any, record: Any, _proxy: Any) -> None:
        now_s = time.monotonic()
        if now_s - record.info.setdefault("planned_s", now_s) >= _PLANS_LAST_S:
            # Without the driver, which would begin a transaction; where it fails, the next statement says so.
            dbapi.pgconn.exec_(b"DISCARD PLANS")
            record.info["planned_s"] = now_s

    return engine


def begin(cursor: Any, *, durable: bool, first: str = "") -> None:
    """Begin a transaction with one message; `commit` or `rollback` of its connection ends it, then `end`.

    first: statements that go with it, without values.
    """
    cursor.connection.autocommit = True
    # Several statements in one text cannot be prepared.
    begin_text = _BEGIN if durable else _BEGIN_UNHURRIED
    cursor.execute(f"{begin_text}; {first}" if first else begin_text, prepare=False)


def end(connection: Any) -> None:
    """Let a connection begin transactions by itself again, as SQLAlchemy expects.

    One whose transaction could not be ended is closed: whoever had it next would not notice that it commits by itself.
    """
    if connection.closed:
        return
    if connection.info.transaction_status != _IDLE:
        connection.close()
        return
    connection.autocommit = False


def _has_word(dbapi: Any) -> bool:
    """Tell whether the server said something unasked; most times, that it is going away."""
    if dbapi.closed:
        return True
    poll = select.poll()
    poll.register(dbapi.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))
