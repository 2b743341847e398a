"""Events onto disk. An arrival is answered only after the commit that holds it.

Requests that come at the same moment share one transaction: each hands its rows to the one committing
thread and waits for the commit they ended up in. A process that dies before the commit has answered nobody.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import structlog

from automations.clock import Clock
from automations.engine.contracts import Arrival
from automations.errors import StorageUnavailableError
from automations.model.columns import micros, storable_key
from automations.model.database import Database
from automations.model.packing import guarded
from automations.model.statements import Statements
from automations.model.states import EventOrigin

_log = structlog.get_logger("intake")

GROUP_MAX = 200
ACCEPT_TIMEOUT_S = 9.0
TELL_EVERY_S = 0.02
_COLUMNS = (
    "connection_id", "dedupe_key", "topic", "record_key", "origin",
    "occurred_at", "received_at", "payload", "label", "problem",
)  # fmt: skip


@dataclass(frozen=True)
class Accepted:
    """event_id: None when it was here already (`duplicate`)."""

    event_id: int | None

    @property
    def duplicate(self) -> bool:
        return self.event_id is None


class _Waiting:
    """Rows on their way to disk. A bare lock is what waits: a `Future` takes four times as long to make and set."""

    __slots__ = ("_answer", "_error", "_gate", "hops", "rows")

    def __init__(self, rows: list[tuple[Any, ...]], hops: Sequence[int]) -> None:
        self.rows = rows
        self.hops = hops
        self._answer: list[Accepted] = []
        self._error: BaseException | None = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def stored(self, answer: list[Accepted]) -> None:
        self._answer = answer
        self._gate.release()

    def failed(self, error: BaseException) -> None:
        self._error = error
        self._gate.release()

    def result(self, timeout_s: float) -> list[Accepted]:
        """Wait for the commit. Raises what it failed with, or TimeoutError."""
        if not self._gate.acquire(timeout=timeout_s):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._answer


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
        self._database = database
        self._clock = clock
        self._on_accepted = on_accepted
        self._inbox: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
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
        if not self._has_room():
            raise StorageUnavailableError(
                "The disk is nearly full: what is left is kept for work under way. Make room; `automations doctor` "
                "says more."
            )
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
        waiting = _Waiting(rows, [arrival.hops for arrival in arrivals])
        self._ensure_committer()
        self._inbox.put(waiting)
        try:
            return waiting.result(ACCEPT_TIMEOUT_S)
        except TimeoutError:
            raise StorageUnavailableError(
                "The event could not be stored in time. Send it again in some seconds."
            ) from None

    def close(self) -> None:
        """Commit what waits, then end the committing thread."""
        thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            thread.join(timeout=ACCEPT_TIMEOUT_S)

    def _ensure_committer(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._commit_forever, name="intake", daemon=True)
                    self._thread.start()

    def _commit_forever(self) -> None:
        ends = False
        while not ends:
            first = self._next()
            if first is None:
                break
            group = [first]
            while len(group) < GROUP_MAX:
                try:
                    following = self._inbox.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ends = True
                    break
                group.append(following)
            self._commit(group)
        self._tell()

    def _next(self) -> _Waiting | None:
        """Return what comes next; tell of what was stored before as soon as it is time."""
        while self._is_to_tell:
            left_s = self._told_s + TELL_EVERY_S - self._clock.monotonic_s()
            if left_s > 0:
                with suppress(queue.Empty):
                    return self._inbox.get(timeout=left_s)
            self._tell()
        return self._inbox.get()

    def _tell(self) -> None:
        if self._is_to_tell:
            self._is_to_tell, self._told_s = False, self._clock.monotonic_s()
            try:
                self._on_accepted()
            except Exception as error:  # noqa: BLE001 - what is stored is stored; workers look by themselves, too
                _log.warning("intake.not_told", error=type(error).__name__)

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            with self._database.write_plain() as connection:
                stored = insert_events(connection, [row for waiting in group for row in waiting.rows])
                note_hops(connection, stored, [hops for waiting in group for hops in waiting.hops])
        except BaseException as error:  # noqa: BLE001 - every waiting request must hear of it
            for waiting in group:
                waiting.failed(error)
            return
        answers = iter(stored)
        for waiting in group:
            waiting.stored([Accepted(next(answers)) for _ in waiting.rows])
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
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    found: dict[tuple[int, str], int] = {}
    for start in range(0, len(rows), GROUP_MAX):
        chunk = rows[start : start + GROUP_MAX]
        parameters = tuple(chain.from_iterable(chunk))
        for connection_id, key, event_id in connection.exec_driver_sql(_insert(mark, len(chunk)), parameters):
            found[connection_id, key] = event_id
    return [found.pop((row[0], row[1]), None) for row in rows]


@lru_cache(maxsize=2 * GROUP_MAX)
def _insert(mark: str, rows: int) -> str:
    one = "(" + ", ".join([mark] * len(_COLUMNS)) + ")"
    return (
        f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES {', '.join([one] * rows)} "  # noqa: S608 - marks only
        "ON CONFLICT (connection_id, dedupe_key) DO NOTHING RETURNING connection_id, dedupe_key, id"
    )
