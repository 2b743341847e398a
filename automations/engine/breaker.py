"""Breakers: a connection that does not answer is left alone, and asked once every half minute whether it is back.

Every worker counts what its calls came to and adds its failures to the row that all share; where nothing fails,
nothing is written. While a breaker is open no call leaves but the probe of one worker, and no try is used up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from automations.clock import Clock
from automations.engine import signals
from automations.errors import AutomationError, OutcomeUnknownError, StorageUnavailableError, UnavailableError
from automations.model.columns import dump_json, load_json, micros, moment, storable
from automations.model.database import Database

CALLS_MIN = 10
FAILED_SHARE = 0.7
WINDOW = timedelta(minutes=5)
PART_S = 30
PROBE_EVERY = timedelta(seconds=30)
TOLD_EVERY_S = 1.0
_log = structlog.get_logger("breaker")


def is_no_answer(error: AutomationError | None) -> bool:
    """Tell whether a call came to nothing because the other side is not there.

    One that says when to come again is there, and so is one that refuses; our own database is not the other side.
    """
    if isinstance(error.__cause__ if error else None, StorageUnavailableError):
        return False
    if isinstance(error, UnavailableError):
        return error.retry_after_s is None and not error.whole_connection
    return isinstance(error, OutcomeUnknownError)


def says_nothing(error: AutomationError | None) -> bool:
    """Tell whether a failed call lets nobody know if the other side is there."""
    ours = isinstance(error.__cause__ if error else None, StorageUnavailableError)
    return ours or (isinstance(error, UnavailableError) and not is_no_answer(error))


def opens(calls: float, failures: float) -> bool:
    """Tell whether so many failures among the calls of the last five minutes are too many."""
    # A record of a batch counts as its part of a call, and parts add up to a little less than the whole.
    return calls > CALLS_MIN - 0.01 and failures >= FAILED_SHARE * calls


@dataclass
class _Counted:
    """What one worker has counted and not told yet: part of the window -> [calls, failures]."""

    parts: dict[int, list[float]]
    told_s: float = -math.inf

    def add(self, part: int, weight: float, *, failed: bool) -> None:
        if part not in self.parts:
            self.parts = {**within(self.parts, part), part: [0.0, 0.0]}
        count = self.parts[part]
        count[0] += weight
        count[1] += weight if failed else 0.0

    @property
    def total(self) -> tuple[float, float]:
        return sum(c for c, _ in self.parts.values()), sum(f for _, f in self.parts.values())


def within(parts: dict[int, list[float]], newest: int) -> dict[int, list[float]]:
    """Return the parts that lie within the window that ends with `newest`."""
    oldest = newest - WINDOW // timedelta(seconds=PART_S)
    return {part: count for part, count in parts.items() if part > oldest}


class Breakers:
    """Used by the coordinating thread of one worker, named `owner`."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._counted: dict[int, _Counted] = {}
        self._open: dict[int, datetime] = {}
        self._probing: dict[int, datetime] = {}

    # -- what is known

    def read(self, open_now: dict[int, datetime]) -> None:
        """Take over which are open and when each may be probed, as all workers have it."""
        self._open = open_now
        self._probing = {key: until for key, until in self._probing.items() if key in open_now}

    def until(self, connection_id: int) -> datetime | None:
        """Return when an open breaker's work is due again; None while it is closed."""
        return self._open.get(connection_id)

    def may_be_probed(self, connection_id: int) -> bool:
        """Tell whether one call may leave although the breaker is open: this worker's probe, or any worker's next."""
        now = self._clock.now()
        return self.is_probing(connection_id) or self._open.get(connection_id, now) <= now

    def is_probing(self, connection_id: int) -> bool:
        """Tell whether the probe is this worker's, and still out or about to leave."""
        return self._probing.get(connection_id, datetime.min.replace(tzinfo=UTC)) > self._clock.now()

    def take_probe(self, connection_id: int) -> bool:
        """Make the next probe this worker's; False when it is another's."""
        now = self._clock.now()
        until = now + PROBE_EVERY
        parameters = (micros(until), self._owner, connection_id, micros(now))
        with self._database.connect_for_write() as connection:
            mine = connection.exec_driver_sql(self._database.sql(_PROBE), parameters).rowcount == 1
        self._open[connection_id] = until
        if mine:
            self._probing[connection_id] = until
        return mine

    # -- what comes back

    def came_back(self, connection_id: int, error: AutomationError | None, weight: float = 1.0) -> None:
        """Count a call that is over. weight: its part of a call, less than 1 for one record of many."""
        if not connection_id or says_nothing(error):
            return
        failed = is_no_answer(error)
        try:
            if connection_id in self._open:
                if failed:
                    self._failed_again(connection_id)
                else:
                    self._close(connection_id)
            else:
                self._count(connection_id, error.message if error else "", weight, failed=failed)
        except StorageUnavailableError as trouble:
            # What came back must be written first of all; the next call that fails is counted again.
            _log.warning("breaker.not_counted", connection_id=connection_id, message=trouble.message)

    def _count(self, connection_id: int, reason: str, weight: float, *, failed: bool) -> None:
        counted = self._counted.setdefault(connection_id, _Counted({}))
        counted.add(int(self._clock.now().timestamp()) // PART_S, weight, failed=failed)
        if not failed:
            return
        now_s = self._clock.monotonic_s()
        if now_s - counted.told_s >= TOLD_EVERY_S or opens(*counted.total):
            self._tell(connection_id, counted, reason)
            counted.told_s = now_s

    def _tell(self, connection_id: int, counted: _Counted, reason: str) -> None:
        """Add what was counted here to the shared row, and open the breaker when that is too much."""
        now = self._clock.now()
        lock = "" if self._database.on_sqlite else " FOR UPDATE"
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(_MAKE), (connection_id,))
            sql = self._database.sql(f"SELECT calls, opened_at FROM breaker WHERE connection_id=?{lock}")  # noqa: S608
            calls, opened_at = connection.exec_driver_sql(sql, (connection_id,)).one()
            parts = {int(part): [c, f] for part, c, f in load_json(calls)}
            for part, (c, f) in counted.parts.items():
                before = parts.setdefault(part, [0.0, 0.0])
                parts[part] = [before[0] + c, before[1] + f]
            parts = within(parts, int(now.timestamp()) // PART_S)
            is_new = opened_at is None and opens(
                sum(c for c, _ in parts.values()), sum(f for _, f in parts.values())
            )
            kept = dump_json([[part, *count] for part, count in sorted(parts.items())])
            connection.exec_driver_sql(self._database.sql(_KEEP), (kept, connection_id))
            until = now + PROBE_EVERY
            if is_new:
                row = (micros(now), micros(until), storable(reason), connection_id)
                connection.exec_driver_sql(self._database.sql(_OPEN), row)
        counted.parts = {}
        if is_new:
            self._open[connection_id] = until
            del self._counted[connection_id]
            _log.warning("breaker.opened", connection_id=connection_id)
            signals.tell("breaker-opened", connection_id=connection_id, reason=reason)

    def _failed_again(self, connection_id: int) -> None:
        """The probe failed: wait as long again. Calls that left before it opened change nothing."""
        if self._probing.pop(connection_id, None) is None:
            return
        until = self._clock.now() + PROBE_EVERY
        with self._database.connect_for_write() as connection:
            sql = self._database.sql("UPDATE breaker SET probe_at=?, prober='' WHERE connection_id=?")
            connection.exec_driver_sql(sql, (micros(until), connection_id))
        self._open[connection_id] = until

    def _close(self, connection_id: int) -> None:
        with self._database.connect_for_write() as connection:
            sql = self._database.sql("DELETE FROM breaker WHERE connection_id=?")
            connection.exec_driver_sql(sql, (connection_id,))
        self._open.pop(connection_id, None)
        self._probing.pop(connection_id, None)
        self._counted.pop(connection_id, None)
        _log.info("breaker.closed", connection_id=connection_id)
        signals.tell("breaker-closed", connection_id=connection_id)


_MAKE = """
INSERT INTO breaker (connection_id, calls, prober, reason) VALUES (?, '[]', '', '')
ON CONFLICT (connection_id) DO NOTHING
"""
_KEEP = "UPDATE breaker SET calls=? WHERE connection_id=?"
_OPEN = "UPDATE breaker SET opened_at=?, probe_at=?, reason=? WHERE connection_id=?"
_PROBE = """
UPDATE breaker SET probe_at=?, prober=? WHERE connection_id=? AND opened_at IS NOT NULL AND probe_at<=?
"""


@dataclass(frozen=True)
class OpenBreaker:
    """A connection that does not answer. next_try_at: when one call may try whether it is back."""

    connection_id: int
    opened_at: datetime
    next_try_at: datetime
    reason: str


class OpenBreakers:
    """What pages and commands show. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, OpenBreaker]:
        """Return the connections that do not answer, by id."""
        sql = "SELECT connection_id, opened_at, probe_at, reason FROM breaker WHERE opened_at IS NOT NULL"
        with self._database.connect_for_read() as connection:
            rows = connection.exec_driver_sql(sql).all()
        return {
            number: OpenBreaker(number, moment(opened_at), moment(probe_at or opened_at), reason)
            for number, opened_at, probe_at, reason in rows
        }
