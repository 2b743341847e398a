"""Who waits for a commit, and how each hears of it: a thread at a gate, or a sender who is answered later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from automations.clock import Clock
from automations.errors import StorageUnavailableError

ACCEPT_TIMEOUT_S = 9.0
_LOOK_EVERY_S = 0.5

_log = structlog.get_logger("intake")


@dataclass(frozen=True)
class Accepted:
    """event_id: None when it was here already (`duplicate`)."""

    event_id: int | None

    @property
    def duplicate(self) -> bool:
        return self.event_id is None


#: What became of what was handed in: an answer for each arrival, in order, or why there is none.
Outcome = list[Accepted] | BaseException
Tell = Callable[[Outcome], None]


class Gate:
    """Where a thread waits. A bare lock: a `Future` takes four times as long to make and set."""

    __slots__ = ("_lock", "_outcome")

    def __init__(self) -> None:
        self._outcome: Outcome = []
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._lock.release()

    def result(self) -> list[Accepted]:
        """Wait for the commit. Raises what it failed with, or StorageUnavailableError."""
        if not self._lock.acquire(timeout=ACCEPT_TIMEOUT_S):
            raise _too_late()
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


class Later:
    """Those who are answered later. Each is told once: of the commit, or that it did not come in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Whoever takes one out tells it; taking out is one step for every thread.
        self._waiting: dict[object, tuple[Tell, float]] = {}
        self._ended = threading.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, tell: Tell) -> Tell:
        """Return what tells of the commit, unless it came too late."""
        waiting, mark = self._waiting, object()
        waiting[mark] = tell, self._clock.monotonic_s()

        def tell_once(outcome: Outcome) -> None:
            if waiting.pop(mark, None) is not None:
                tell(outcome)

        return tell_once

    def start(self) -> None:
        """Tell from now on who waits too long, until `stop`; one that did so before ends."""
        self.stop()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, args=(self._ended,), name="intake-watch", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def tell_late(self) -> None:
        """Tell everybody who waited too long."""
        oldest_s = self._clock.monotonic_s() - ACCEPT_TIMEOUT_S
        for mark, (tell, since_s) in list(self._waiting.items()):
            if since_s <= oldest_s and self._waiting.pop(mark, None) is not None:
                told(tell, _too_late())

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOK_EVERY_S):
            self.tell_late()


def told(tell: Tell, outcome: Outcome) -> None:
    """Tell one, so that the others are told whatever happens."""
    try:
        tell(outcome)
    except Exception as error:  # noqa: BLE001 - it is stored or it is not; who asked is gone
        _log.warning("intake.not_answered", error=type(error).__name__)


def _too_late() -> StorageUnavailableError:
    return StorageUnavailableError("The event could not be stored in time. Send it again in some seconds.")
