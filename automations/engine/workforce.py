"""How many calls each worker may have in flight for an account, so that all of them together keep its limit.

Every worker has its share of each limit, as many parts as there are workers. Who joins has no share until every
other worker has agreed to leave room for it, and a worker agrees only when it has no more in flight than that. So
any two that call at all have counted each other, and the shares of those who count each other never exceed the
limit. A connection where old calls are slow to come home is held back from newcomers alone; the rest begins at once.

Who leaves frees its share with its row. A row whose beats stood still for `DEAD_S` is taken away; its worker, if it
is only slow, has by then stopped calling by itself (`FENCE_S`), and joins again as a newcomer.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from automations.clock import Clock
from automations.engine.presence import BEAT_S, DEAD_S, Presence
from automations.errors import StorageUnavailableError
from automations.model.database import Database

LOOK_S = 1.0
LOOK_SOON_S = 0.2
FENCE_S = 9.0

InFlight = Mapping[int, tuple[int, int]]

_WORKERS = "SELECT id, beats, agreed, crowded FROM process WHERE role='worker'"
_TAKE_AWAY = "DELETE FROM process WHERE id=? AND beats=?"
_log = structlog.get_logger("workforce")


def share(limit: int, connection_id: int, worker: int, workers: Iterable[int]) -> int:
    """Return one worker's part of a limit: parts differ by one at most, and none is larger among more workers.

    Which workers have one more differs from connection to connection, so that accounts that allow one call at a time
    are spread over all. worker: is among the workers.
    """
    others = set(workers)
    least, left = divmod(limit, len(others))
    if not left:
        return least
    mine = _draw(connection_id, worker)
    before = sum(_draw(connection_id, other) < mine for other in others)
    return least + (before < left)


def _draw(connection_id: int, worker: int) -> bytes:
    return hashlib.sha256(f"{connection_id}/{worker}".encode()).digest()


@dataclass
class _Other:
    """What is known of another worker; since_s: when its beats were first seen to be what they are."""

    beats: int
    since_s: float
    agreed: frozenset[int]
    crowded: frozenset[int]


class Workforce:
    """One worker among its like. Used by the coordinating thread."""

    def __init__(self, database: Database, clock: Clock, presence: Presence) -> None:
        self._database = database
        self._clock = clock
        self._presence = presence
        self._others: dict[int, _Other] = {}
        self._workers: frozenset[int] = frozenset()
        self._said = ("", "")
        self._is_welcome = False
        self._held_back: frozenset[int] = frozenset()
        self._looked_s = -math.inf
        self._beat_s = -math.inf
        self._shares: dict[tuple[int, int], int] = {}

    def share(self, connection_id: int, limit: int) -> int:
        """Return how many calls of this connection this worker may have in flight now, 0 to `limit`."""
        if not self._is_welcome or connection_id in self._held_back:
            return 0
        if self._clock.monotonic_s() - self._beat_s > FENCE_S:
            return 0
        if len(self._workers) == 1:
            return limit
        key = connection_id, limit
        if key not in self._shares:
            self._shares[key] = share(limit, connection_id, self._presence.id, self._workers)
        return self._shares[key]

    def keep_up(self, in_flight: InFlight) -> None:
        """Look at the others, agree with them, and beat; most times there is nothing to do yet.

        in_flight: for each connection the calls in flight and the limit they left under.
        Raises StorageUnavailableError, SettingsError.
        """
        now_s = self._clock.monotonic_s()
        settled = self._is_welcome and not self._held_back and not self._said[1]
        if now_s - self._looked_s < (LOOK_S if settled else LOOK_SOON_S):
            return
        if not self._presence.id:
            self._enter(now_s)
        if not self._look(now_s):
            self._enter(now_s)
            self._look(now_s)
        if self._say(in_flight, now_s):
            self._weigh_welcome()
        self._looked_s = now_s

    def leave(self) -> None:
        """Give the share to the others; only when nothing is in flight any more."""
        self._is_welcome = False
        if self._presence.id:
            try:
                self._presence.leave()
            except StorageUnavailableError as error:
                _log.warning("workforce.not_left", message=error.message)

    # -- one look

    def _enter(self, now_s: float) -> None:
        """Come, or come again, as somebody whom nobody has counted yet."""
        self._is_welcome, self._said = False, ("", "")
        self._others.clear()
        self._presence.enter()
        self._beat_s = now_s

    def _look(self, now_s: float) -> bool:
        """Read who is there and take away the dead; False where this worker is not among them."""
        with self._database.connect_for_read() as connection:
            rows = {row[0]: tuple(row[1:]) for row in connection.exec_driver_sql(_WORKERS)}
        if rows.pop(self._presence.id, None) is None:
            return False
        for gone in self._others.keys() - rows.keys():
            del self._others[gone]
        for other, (beats, agreed, crowded) in rows.items():
            known = self._others.get(other)
            since_s = known.since_s if known is not None and known.beats == beats else now_s
            self._others[other] = _Other(beats, since_s, _numbers(agreed), _numbers(crowded))
        for other, seen in list(self._others.items()):
            if now_s - seen.since_s >= DEAD_S and self._take_away(other, seen.beats):
                del self._others[other]
        workers = frozenset({self._presence.id, *self._others})
        if workers != self._workers:
            self._workers = workers
            self._shares.clear()
        return True

    def _take_away(self, other: int, beats: int) -> bool:
        with self._database.connect_for_write() as connection:
            found = connection.exec_driver_sql(self._database.sql(_TAKE_AWAY), (other, beats))
        if found.rowcount:
            _log.warning("workforce.taken_away", worker=other)
        return bool(found.rowcount)

    def _say(self, in_flight: InFlight, now_s: float) -> bool:
        """Tell whom this worker leaves room for, and where it has not got so far yet; False where it came anew."""
        mine = self._presence.id
        crowded = [
            connection_id
            for connection_id, (calls, limit) in in_flight.items()
            if calls > share(limit, connection_id, mine, self._workers)
        ]
        said = _text(self._workers), _text(crowded)
        if said != self._said or now_s - self._beat_s >= BEAT_S:
            if not self._presence.beat(*said):
                self._enter(now_s)
                return False
            self._said, self._beat_s = said, now_s
        return True

    def _weigh_welcome(self) -> None:
        """Begin when all others leave room; what is crowded then is held back until it is not any more."""
        others = self._others.values()
        crowded = frozenset[int]().union(*(other.crowded for other in others))
        if self._is_welcome:
            self._held_back &= crowded
        elif all(self._presence.id in other.agreed for other in others):
            self._is_welcome, self._held_back = True, crowded


class Alone:
    """A worker that has no like, in a test or a benchmark: every account is for itself."""

    def share(self, connection_id: int, limit: int) -> int:
        return limit

    def keep_up(self, in_flight: InFlight) -> None:
        """Do nothing: there is nobody to look at."""

    def leave(self) -> None:
        """Do nothing: nobody waits for its share."""


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(number) for number in text.split(",") if number)


def _text(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
