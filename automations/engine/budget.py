"""How much may still be asked of an account: kept in the database, so that all workers spend from one purse.

A rolling window is counted in ten parts of itself and looks one part further back than it must, so that no
stretch of its length ever holds more than the limit. A day's window begins at midnight UTC; its tokens are
taken in small blocks, so that not every call costs a transaction.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection as SqlConnection

from automations.clock import Clock
from automations.engine.contracts import BudgetLeft, Pool
from automations.model.columns import micros
from automations.model.database import Database

PARTS = 10
UNKNOWN_FOR_S = 10.0
AGREED_FOR_S = 5.0
BLOCKS = 1_000

_SECOND = 1_000_000
_MAKE = """
INSERT INTO allowance (connection_id, pool, most, spent, changed_at) VALUES (?, ?, NULL, '[]', ?)
ON CONFLICT (connection_id, pool) DO NOTHING
"""
_READ = "SELECT most, spent FROM allowance WHERE connection_id=? AND pool=?"
_WRITE = "UPDATE allowance SET most=?, spent=?, changed_at=? WHERE connection_id=? AND pool=?"

Spent = list[list[int]]


def counted(spent: Spent, pool: Pool, now_us: int) -> Spent:
    """Return the parts of `spent` that still count at `now_us`."""
    part = _part(pool, now_us)
    oldest = part - PARTS if pool.rolling else part
    return [entry for entry in spent if oldest <= entry[0] <= part]


def take(spent: Spent, pool: Pool, most: int, cost: int, now_us: int) -> tuple[Spent, float]:
    """Return what is spent afterwards, and 0; or what is spent now, and the seconds until `cost` may fit."""
    live = counted(spent, pool, now_us)
    over = sum(amount for _, amount in live) + cost - most
    if over <= 0:
        return _with(live, _part(pool, now_us), cost), 0.0
    for part, amount in live:
        over -= amount
        if over <= 0:
            return live, _wait_s(part, pool, now_us)
    # It can never fit whole; the next window may have another limit.
    return live, _wait_s(_part(pool, now_us), pool, now_us)


def _part_us(pool: Pool) -> int:
    whole = round(pool.window_s * _SECOND)
    return max(1, whole // PARTS) if pool.rolling else whole


def _part(pool: Pool, now_us: int) -> int:
    return now_us // _part_us(pool)


def _with(live: Spent, part: int, cost: int) -> Spent:
    if live and live[-1][0] == part:
        return [*live[:-1], [part, live[-1][1] + cost]]
    return [*live, [part, cost]]


def _wait_s(part: int, pool: Pool, now_us: int) -> float:
    """Return the seconds until `part` does not count any more."""
    gone = part + (PARTS + 1 if pool.rolling else 1)
    return max(gone * _part_us(pool) - now_us, 1_000) / _SECOND


@dataclass
class _Held:
    """Tokens of a day that this process took out of the database and has not spent yet."""

    part: int
    tokens: int


class Budget:
    """One account's budgets. Thread-safe."""

    def __init__(self, database: Database, clock: Clock, connection_id: int) -> None:
        self._database = database
        self._clock = clock
        self._connection_id = connection_id
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._unknown_until_s: dict[str, float] = {}
        self._agreed: dict[str, tuple[int, float]] = {}

    def spend(self, pool: Pool, cost: int, spare: float = 0.0) -> float:
        """Take `cost` out of the pool, all or nothing. Returns the seconds to wait first; 0: taken.

        spare: the part of the limit, 0 to 1, that must remain for others. Without a known limit all may go.
        """
        if pool.limit is None and self._clock.monotonic_s() < self._unknown_until_s.get(pool.name, 0.0):
            return 0.0
        if spare <= 0 and self._spent_of_held(pool, cost):
            return 0.0
        now_us = micros(self._clock.now())
        with self._database.connect_for_write() as connection:
            most, spent = self._row(connection, pool, now_us)
            if most is None:
                self._unknown_until_s[pool.name] = self._clock.monotonic_s() + UNKNOWN_FOR_S
                return 0.0
            usable = int(most * (1 - spare))
            block = cost if pool.rolling or spare > 0 else max(cost, most // BLOCKS)
            after, wait_s = take(spent, pool, usable, block, now_us)
            if wait_s and block > cost:
                block = cost
                after, wait_s = take(spent, pool, usable, cost, now_us)
            if not wait_s:
                self._write(connection, pool, most, after, now_us)
        if not wait_s and block > cost:
            self._hold(pool, _part(pool, now_us), block - cost)
        return wait_s

    def _hold(self, pool: Pool, part: int, tokens: int) -> None:
        with self._lock:
            held = self._held.setdefault(pool.name, _Held(part, 0))
            if held.part != part:
                held = self._held[pool.name] = _Held(part, 0)
            held.tokens += tokens

    def _spent_of_held(self, pool: Pool, cost: int) -> bool:
        with self._lock:
            held = self._held.get(pool.name)
            if held is None or held.tokens < cost or held.part != _part(pool, micros(self._clock.now())):
                return False
            held.tokens -= cost
            return True

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        """Take down what the other side says: the limit, and what is left of it.

        It counts what others spent, too. Nearly always it agrees, and then it is written only every few seconds.
        """
        known, until_s = self._agreed.get(pool.name, (None, 0.0))
        pressing = left is not None and left * 20 < most
        if known == most and not pressing and self._clock.monotonic_s() < until_s:
            return
        now_us = micros(self._clock.now())
        with self._database.connect_for_write() as connection:
            before, spent = self._row(connection, pool, now_us)
            after = counted(spent, pool, now_us)
            if left is not None and not pool.rolling:
                after = _agreed(after, pool, most, left, now_us)
            if after != spent or before != most:
                self._write(connection, pool, most, after, now_us)
        self._unknown_until_s.pop(pool.name, None)
        self._agreed[pool.name] = (most, self._clock.monotonic_s() + AGREED_FOR_S)
        if pressing:
            with self._lock:
                self._held.pop(pool.name, None)

    def left(self, pool: Pool) -> BudgetLeft | None:
        """Return what is left now as far as it is known here; None while no limit is known."""
        now_us = micros(self._clock.now())
        with self._database.connect_for_read() as connection:
            found = connection.exec_driver_sql(
                self._database.sql(_READ), (self._connection_id, pool.name)
            ).first()
        most = pool.limit if pool.limit is not None or found is None else found[0]
        if most is None:
            return None
        spent = counted(_read(found[1]), pool, now_us) if found else []
        return BudgetLeft(pool, max(0, most - sum(amount for _, amount in spent)), most)

    def _row(self, connection: SqlConnection, pool: Pool, now_us: int) -> tuple[int | None, Spent]:
        """Return the limit and what is spent, the row held until the transaction ends."""
        place = (self._connection_id, pool.name)
        hold = "" if self._database.on_sqlite else " FOR UPDATE"
        read = self._database.sql(_READ + hold)
        found = connection.exec_driver_sql(read, place).first()
        if found is None:
            connection.exec_driver_sql(self._database.sql(_MAKE), (*place, now_us))
            found = connection.exec_driver_sql(read, place).first()
        assert found is not None
        return (pool.limit if pool.limit is not None else found[0]), _read(found[1])

    def _write(self, connection: SqlConnection, pool: Pool, most: int, spent: Spent, now_us: int) -> None:
        text = orjson.dumps(spent).decode()
        connection.exec_driver_sql(
            self._database.sql(_WRITE), (most, text, now_us, self._connection_id, pool.name)
        )


def _read(text: str) -> Spent:
    found: Spent = orjson.loads(text)
    return found


def _agreed(ours: Spent, pool: Pool, most: int, left: int, now_us: int) -> Spent:
    """Return what is spent of the day by the other side's count.

    Answers overtake each other, so a count that is a little lower than ours is only older; one that is much lower
    says that its day began anew.
    """
    theirs, known = most - left, sum(amount for _, amount in ours)
    if known - most // 50 - 100 <= theirs <= known:
        return ours
    return [[_part(pool, now_us), max(0, theirs)]]
