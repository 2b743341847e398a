"""Events onto disk. An arrival is answered only after the commit that holds it.

Requests that come at the same moment share one transaction: each hands its rows to the one committing
thread, which tells of the commit they ended up in. A process that dies before the commit has answered nobody.

A request may wait in its thread (`accept`) or leave word how it is to be answered (`accept_later`), which keeps no
thread waiting and wakes none.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog

from automations.clock import Clock
from automations.engine.contracts import Arrival
from automations.engine.waiting import ACCEPT_TIMEOUT_S, Accepted, Gate, Later, Outcome, Tell, told
from automations.errors import StorageUnavailableError
from automations.model.columns import micros, storable_key
from automations.model.database import Database
from automations.model.kept import KeptConnection
from automations.model.many import BYTES, INTEGER, TEXT, insert
from automations.model.packing import guarded
from automations.model.statements import Statements
from automations.model.states import EventOrigin

_log = structlog.get_logger("intake")

GROUP_MAX = 200
LATER_MAX = 64
LATER_BYTES_MAX = 64 * 1024
TELL_EVERY_S = 0.02
#: How long a group that follows another waits for more to come, and for how many at most.
TOGETHER_S = 0.003
TOGETHER_MAX = 12

_INSERT = insert(
    "event",
    {
        "connection_id": INTEGER, "dedupe_key": TEXT, "topic": TEXT, "record_key": TEXT, "origin": TEXT,
        "occurred_at": INTEGER, "received_at": INTEGER, "payload": BYTES, "label": TEXT, "problem": TEXT,
    },
    "ON CONFLICT (connection_id, dedupe_key) DO NOTHING RETURNING connection_id, dedupe_key, id",
)  # fmt: skip


class _HandedIn:
    """Rows on their way to disk, and who is told of their commit."""

    __slots__ = ("hops", "rows", "tell")

    def __init__(self, rows: list[tuple[Any, ...]], hops: Sequence[int], tell: Tell) -> None:
        self.rows = rows
        self.hops = hops
        self.tell = tell


class Intake:
    """Takes arrivals from many threads.

    has_room: False while nothing new may be taken, so that what came before can be finished.
    `on_accepted` is called after a commit that stored something: at once after the first, then every `TELL_EVERY_S`
    while one follows another, and always after the last.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_accepted: Callable[[], None],
        *,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._has_room = has_room
        self._connection = KeptConnection(database)
        self._on_sqlite = database.on_sqlite
        self._clock = clock
        self._on_accepted = on_accepted
        self._inbox: queue.SimpleQueue[_HandedIn | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._later = Later(clock)
        self._is_to_tell = False
        self._told_s = -math.inf

    def accept(
        self,
        connection_id: int,
        arrivals: Sequence[Arrival],
        origin: EventOrigin = EventOrigin.HOOK,
    ) -> list[Accepted]:
        """Store the arrivals and return once they are on disk, one answer an arrival, in order.

        Raises StorageUnavailableError when they could not be stored, or not in time: sent again, they are new or
        known already, and never twice.
        """
        if not arrivals:
            return []
        self._refuse_without_room()
        gate = Gate()
        self._hand_in(connection_id, arrivals, origin, gate.open)
        return gate.result()

    def accept_later(self, connection_id: int, arrivals: Sequence[Arrival], then: Tell) -> None:
        """Store the arrivals and call `then` once: after the commit, or with the error that `accept` would raise.

        Another thread calls it, for which everybody waits, so it must be quick. While many wait, or where much came,
        this thread waits, too, before it calls: what waits takes memory, and who waits takes nothing more.

        Raises StorageUnavailableError when the disk is nearly full; then it is not called.
        """
        self._refuse_without_room()
        if len(self._later) < LATER_MAX and sum(len(one.payload) for one in arrivals) <= LATER_BYTES_MAX:
            tell = self._later.add(then)
            try:
                self._hand_in(connection_id, arrivals, EventOrigin.HOOK, tell)
            except Exception as error:  # noqa: BLE001 - who waits is told now, and not once more when the time is up
                tell(error)
            return
        outcome: Outcome
        try:
            outcome = self.accept(connection_id, arrivals)
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            outcome = error
        then(outcome)

    def _refuse_without_room(self) -> None:
        if not self._has_room():
            raise StorageUnavailableError(
                "The disk is nearly full: what is left is kept for work under way. Make room; `automations doctor` "
                "says more."
            )

    def _hand_in(
        self, connection_id: int, arrivals: Sequence[Arrival], origin: EventOrigin, tell: Tell
    ) -> None:
        received_at = micros(self._clock.now())
        rows = [
            (
                connection_id, storable_key(arrival.dedupe_key), storable_key(arrival.topic),
                storable_key(arrival.record_key), str(origin),
                micros(arrival.occurred_at) if arrival.occurred_at else None,
                received_at, guarded(arrival.payload), "", "",
            )
            for arrival in arrivals
        ]  # fmt: skip
        self._ensure_committer()
        self._inbox.put(_HandedIn(rows, [arrival.hops for arrival in arrivals], tell))

    def close(self) -> None:
        """Commit what waits, then end the committing thread."""
        thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            thread.join(timeout=ACCEPT_TIMEOUT_S)
        self._later.stop()

    def _ensure_committer(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._commit_forever, name="intake", daemon=True)
                    self._thread.start()
                    self._later.start()

    def _commit_forever(self) -> None:
        last = 0
        while (first := self._next()) is not None:
            group = self._group(first, min(2 * last, TOGETHER_MAX) if last > 1 else 0)
            last = len(group)
            self._commit(group)
        self._connection.give_back()
        self._tell()

    def _group(self, first: _HandedIn, worth: int) -> list[_HandedIn]:
        """Return what is committed together: all that is here, and what comes within a moment up to `worth`.

        A commit costs PostgreSQL more than the rows in it, so under load a group may be twice the last one. SQLite's
        take less than the wait.
        """
        group = [first]
        ends_s = time.monotonic() + (0.0 if self._on_sqlite else TOGETHER_S)
        while len(group) < GROUP_MAX:
            left_s = ends_s - time.monotonic() if len(group) < worth else 0.0
            try:
                following = self._inbox.get(timeout=left_s) if left_s > 0 else self._inbox.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._inbox.put(None)
                break
            group.append(following)
        return group

    def _next(self) -> _HandedIn | None:
        """Return what comes next. Before, tell of what was stored as soon as it is time, and then rest."""
        while self._is_to_tell:
            left_s = self._told_s + TELL_EVERY_S - self._clock.monotonic_s()
            if left_s > 0:
                with suppress(queue.Empty):
                    return self._inbox.get(timeout=left_s)
            self._tell()
        with suppress(queue.Empty):
            return self._inbox.get(timeout=TELL_EVERY_S)
        self._connection.give_back()
        return self._inbox.get()

    def _tell(self) -> None:
        if self._is_to_tell:
            self._is_to_tell, self._told_s = False, self._clock.monotonic_s()
            try:
                self._on_accepted()
            except Exception as error:  # noqa: BLE001 - what is stored is stored; workers look by themselves, too
                _log.warning("intake.not_told", error=type(error).__name__)

    def _commit(self, group: list[_HandedIn]) -> None:
        try:
            rows = [row for one in group for row in one.rows]
            hops = [count for one in group for count in one.hops]
            is_one = len(rows) <= GROUP_MAX and not any(hops)
            with self._connection.write(one_statement=is_one) as connection:
                stored = insert_events(connection, rows)
                note_hops(connection, stored, hops)
        except BaseException as error:  # noqa: BLE001 - everybody in it must hear of it
            for one in group:
                told(one.tell, error)
            return
        answers = iter(stored)
        for one in group:
            told(one.tell, [Accepted(next(answers)) for _ in one.rows])
        self._is_to_tell = self._is_to_tell or any(event_id is not None for event_id in stored)


def note_hops(connection: Statements, stored: Sequence[int | None], hops: Sequence[int]) -> None:
    """Note how many runs lie behind the new events whose senders said so."""
    rows = [(event_id, count) for event_id, count in zip(stored, hops, strict=True) if event_id and count]
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(
            f"INSERT INTO lineage (event_id, chain, depth) VALUES ({mark}, '', {mark})",  # noqa: S608 - marks only
            rows,
        )


def insert_events(connection: Statements, rows: Sequence[tuple[Any, ...]]) -> list[int | None]:
    """Insert what is new; return one id a row, None for a row whose dedupe key is known already."""
    found: dict[tuple[int, str], int] = {}
    for start in range(0, len(rows), GROUP_MAX):
        for connection_id, key, event_id in _INSERT.returned(connection, rows[start : start + GROUP_MAX]):
            found[connection_id, key] = event_id
    return [found.pop((row[0], row[1]), None) for row in rows]
