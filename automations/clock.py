"""The one source of time, so that tests can hold it.

Times are aware and UTC. Durations inside one process come from `monotonic_s`, which never jumps.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

CLOCK_NOISE = timedelta(seconds=1)


class Clock(Protocol):
    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


class ClockWatch:
    """Notices when the wall clock was set back: it then says less than has passed by the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now, self._now_s = clock.now(), clock.monotonic_s()

    def went_back(self) -> timedelta:
        """Return by how much the clock was set back since the last question; zero where it was not."""
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        missing = self._now + timedelta(seconds=now_s - self._now_s) - now
        self._now, self._now_s = now, now_s
        return missing if missing > CLOCK_NOISE else timedelta(0)
