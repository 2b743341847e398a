"""What is remembered of one account between calls, and how work on one thing in it is kept apart."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import delete
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.budget import Budget
from automations.engine.contracts import BudgetLeft, DirectoryLike, Pool
from automations.errors import StorageUnavailableError, UnavailableError
from automations.model.columns import dump_json, micros, storable_key
from automations.model.connection import Directory, Identity
from automations.model.database import Database

HELD_AT_MOST = timedelta(seconds=120)
WAITED_AT_MOST_S = 10.0
ASK_EVERY_S = 0.05

_log = structlog.get_logger("account")
LEFT_TO_LIVE = 0.2

_PUT = """
INSERT INTO directory (connection_id, name, entries, fetched_at) VALUES (?, ?, ?, ?)
ON CONFLICT (connection_id, name) DO UPDATE SET entries=excluded.entries, fetched_at=excluded.fetched_at
"""

_REMEMBER = """
INSERT INTO identity (connection_id, entity, field, value, remote_id, seen_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (connection_id, entity, field, value)
DO UPDATE SET remote_id=excluded.remote_id, seen_at=excluded.seen_at
"""

# What ends much later than a hold of now would was taken before the clock was set back.
_TAKE = """
INSERT INTO exclusive (connection_id, key, holder, until) VALUES (?, ?, ?, ?)
ON CONFLICT (connection_id, key) DO UPDATE SET holder=excluded.holder, until=excluded.until
WHERE exclusive.until < ? OR exclusive.until > ?
RETURNING holder
"""


class _Turn:
    """Whose turn it is for one key in this process, and how many want it."""

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0


class StoredMemory(DirectoryLike):
    """Lists are read once and written through; identities and holds live in the database, shared by all workers.

    worker: the name of the worker that this is a part of; with it, its successor ends the holds that it left.
    """

    def __init__(self, database: Database, clock: Clock, connection_id: int, worker: str = "") -> None:
        self._database = database
        self._clock = clock
        self._connection_id = connection_id
        self._worker = worker
        self._lists: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._here: dict[str, _Turn] = {}
        self._held: dict[str, str] = {}
        self._budget = Budget(database, clock, connection_id)

    # -- lists

    def get(self, name: str) -> Any | None:
        return self._loaded().get(name)

    def put(self, name: str, entries: Any) -> None:
        parameters = (self._connection_id, name, dump_json(entries), micros(self._clock.now()))
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(_PUT), parameters)
        with self._lock:
            if self._lists is not None:
                self._lists[name] = entries

    def reload(self) -> None:
        """Read the lists again at the next `get`, where another process may have written them."""
        with self._lock:
            self._lists = None

    def _loaded(self) -> dict[str, Any]:
        with self._lock:
            if self._lists is None:
                with self._database.read() as session:
                    rows = session.exec(
                        select(Directory).where(col(Directory.connection_id) == self._connection_id)
                    )
                    self._lists = {row.name: row.entries for row in rows}
            return self._lists

    # -- identities

    def known(self, entity: str, field: str, value: str) -> str | None:
        with self._database.read() as session:
            row = session.get(Identity, (self._connection_id, entity, field, storable_key(value)))
            return row.remote_id if row is not None else None

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None:
        parameters = (
            self._connection_id, entity, field, storable_key(value), remote_id, micros(self._clock.now())
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(_REMEMBER), parameters)

    def forget(self, entity: str, field: str, value: str) -> None:
        with self._database.write() as session:
            session.execute(
                delete(Identity).where(
                    col(Identity.connection_id) == self._connection_id,
                    col(Identity.entity) == entity,
                    col(Identity.field) == field,
                    col(Identity.value) == storable_key(value),
                )
            )

    # -- budgets

    def spend(self, pool: Pool, cost: int, spare: float = 0.0) -> float:
        return self._budget.spend(pool, cost, spare)

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        self._budget.observe(pool, most, left)

    def left(self, pool: Pool) -> BudgetLeft | None:
        """Return what is left of a budget now; None while no limit is known."""
        return self._budget.left(pool)

    # -- one at a time

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        with self._turn_here(key):
            holder = f"{self._worker} {secrets.token_hex(8)}".lstrip()
            self._take(key, holder)
            self._held[holder] = key
            try:
                yield
            finally:
                del self._held[holder]
                self._give_back(key, holder)

    def renew_holds(self) -> None:
        """Keep what is held just now: looking a record up page by page may take longer than a hold lasts.

        Called as often as leases are renewed. Who stands still longer than that has lost its lease before its hold.
        """
        held = list(self._held.items())
        if not held:
            return
        until = micros(self._clock.now() + HELD_AT_MOST)
        sql = self._database.sql("UPDATE exclusive SET until=? WHERE connection_id=? AND key=? AND holder=?")
        with self._database.connect_for_write() as connection:
            for holder, key in held:
                connection.exec_driver_sql(sql, (until, self._connection_id, storable_key(key), holder))

    @contextmanager
    def _turn_here(self, key: str) -> Iterator[None]:
        """Queue up within this process first; a key that nobody wants any more is forgotten."""
        with self._lock:
            turn = self._here.setdefault(key, _Turn())
            turn.wanted += 1
        try:
            if not turn.lock.acquire(timeout=WAITED_AT_MOST_S):
                raise _busy(key)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._here[key]

    def _take(self, key: str, holder: str) -> None:
        deadline_s = time.monotonic() + WAITED_AT_MOST_S
        while not self._taken(key, holder):
            if time.monotonic() > deadline_s:
                raise _busy(key)
            time.sleep(ASK_EVERY_S)

    def _taken(self, key: str, holder: str) -> bool:
        now = self._clock.now()
        until = now + HELD_AT_MOST
        impossible = until + HELD_AT_MOST
        parameters = (
            self._connection_id, storable_key(key), holder, micros(until), micros(now), micros(impossible)
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            row = connection.exec_driver_sql(self._database.sql(_TAKE), parameters).first()
        return row is not None

    def _give_back(self, key: str, holder: str) -> None:
        sql = self._database.sql("DELETE FROM exclusive WHERE connection_id=? AND key=? AND holder=?")
        try:
            with self._database.connect_for_write() as connection:
                connection.exec_driver_sql(sql, (self._connection_id, storable_key(key), holder))
        except StorageUnavailableError as error:
            # What was done under it is done; the hold ends by itself.
            _log.warning("hold.not_given_back", connection_id=self._connection_id, message=error.message)


def _busy(key: str) -> UnavailableError:
    what = key.split(":", 1)[0]
    return UnavailableError(
        f"Another delivery is working on the same {what} just now. This one is tried again.",
        retry_after_s=2.0,
    )


class SparingMemory(DirectoryLike):
    """For work that can wait, such as a backfill: it leaves a part of every budget to what just happened."""

    can_wait = True

    def __init__(self, inner: StoredMemory, spare: float = LEFT_TO_LIVE) -> None:
        self._inner = inner
        self._spare = spare

    def get(self, name: str) -> Any | None:
        return self._inner.get(name)

    def put(self, name: str, entries: Any) -> None:
        self._inner.put(name, entries)

    def known(self, entity: str, field: str, value: str) -> str | None:
        return self._inner.known(entity, field, value)

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None:
        self._inner.remember(entity, field, value, remote_id)

    def forget(self, entity: str, field: str, value: str) -> None:
        self._inner.forget(entity, field, value)

    def alone(self, key: str) -> AbstractContextManager[None]:
        return self._inner.alone(key)

    def spend(self, pool: Pool, cost: int) -> float:
        return self._inner.spend(pool, cost, self._spare)

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        self._inner.observe(pool, most, left)


class ReadOnlyMemory(DirectoryLike):
    """For test-runs: what is remembered may be read; what the test learns lasts as long as the test."""

    def __init__(self, inner: DirectoryLike) -> None:
        self._inner = inner
        self._lists: dict[str, Any] = {}

    def get(self, name: str) -> Any | None:
        return self._lists[name] if name in self._lists else self._inner.get(name)

    def put(self, name: str, entries: Any) -> None:
        self._lists[name] = entries

    def known(self, entity: str, field: str, value: str) -> str | None:
        return self._inner.known(entity, field, value)

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None:
        """A test makes nothing that could be found again."""

    def forget(self, entity: str, field: str, value: str) -> None:
        """What is remembered stays for real runs."""

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        yield

    def spend(self, pool: Pool, cost: int) -> float:
        """A test is a person waiting: it never waits for a budget, and the next answer tells what it cost."""
        return 0.0

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        """Nothing of a test lasts."""
