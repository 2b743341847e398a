"""Everything that keeps the database small, in order: by age, by room, packing, giving back. Long work in slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final

from automations.clock import Clock
from automations.engine.disk import Disk
from automations.engine.job_kinds import JobKind, JobView, Slice
from automations.engine.packer import Packer
from automations.engine.retention import Removed, Retention
from automations.engine.usage import UsageBook

AT_MOST: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Tidied:
    """What was done so far. phase: what is under way, in words."""

    phase: str = ""
    runs: int = 0
    events: int = 0
    emptied: int = 0
    packed: int = 0
    given_back_bytes: int = 0

    def plus(self, phase: str, done: Removed) -> Tidied:
        return replace(
            self,
            phase=phase,
            runs=self.runs + done.runs,
            events=self.events + done.events,
            emptied=self.emptied + done.emptied,
        )


class Tidying(JobKind):
    """Removes what is old or too much, packs what is left, gives the room back and notes what it takes now."""

    name: ClassVar[str] = "tidying"
    title: ClassVar[str] = "Tidying the history"
    unit: ClassVar[str] = "runs and events"
    words: ClassVar[Mapping[str, str]] = {"done": "looked at", "made": "removed", "skipped": "packed"}

    def __init__(
        self, clock: Clock, retention: Retention, packer: Packer, disk: Disk, usage: UsageBook
    ) -> None:
        self._clock = clock
        self._retention = retention
        self._packer = packer
        self._disk = disk
        self._usage = usage
        self._phases: tuple[tuple[str, Callable[[int], Removed]], ...] = (
            ("removing old runs", retention.remove_old_runs),
            ("removing old events", retention.remove_old_events),
            ("making room: oldest runs", retention.remove_oldest_runs),
            ("making room: content of events", retention.empty_oldest_events),
        )

    # -- at once

    def run(
        self, tell: Callable[[Tidied], object] = lambda _: None, rest: Callable[[float], object] | None = None
    ) -> Tidied:
        """Do all of it, `AT_MOST` long; what is left then is done the next time. tell: hears of every batch.

        rest: waits so many seconds between batches, so that others can write; None: no rest.
        """
        done = Tidied()
        until_s = self._clock.monotonic_s() + AT_MOST.total_seconds()
        cursor: Mapping[str, Any] | None = {}
        while cursor is not None and self._clock.monotonic_s() < until_s:
            begun_s = self._clock.monotonic_s()
            cursor, done = self._step(cursor, done)
            tell(done)
            if rest is not None:
                rest(self._clock.monotonic_s() - begun_s)
        return done

    # -- as a job

    def sentence(self, job: JobView) -> str:
        return "removes what is older than it need be, or too much, packs the rest and gives the room back"

    def slice(self, job: JobView, room: int) -> Slice:
        cursor, done = self._step(job.cursor or {}, Tidied())
        removed = done.runs + done.events + done.emptied
        finished = cursor is None
        return Slice(
            cursor=cursor,
            done=removed + done.packed,
            made=removed,
            skipped=done.packed,
            finished=finished,
            reason="" if finished else done.phase,
        )

    def _step(self, cursor: Mapping[str, Any], so_far: Tidied) -> tuple[Mapping[str, Any] | None, Tidied]:
        """Do one batch; return where the next begins, None after the last, and what was done in all."""
        phase, after = int(cursor.get("phase", 0)), int(cursor.get("after", 0))
        if phase < len(self._phases):
            words, act = self._phases[phase]
            batch = act(after)
            following = (
                {"phase": phase + 1} if batch.after is None else {"phase": phase, "after": batch.after}
            )
            return following, so_far.plus(words, batch)
        if phase == len(self._phases):
            packed = self._packer.slice()
            following = {"phase": phase if packed.more else phase + 1}
            return following, replace(so_far, phase="packing", packed=so_far.packed + packed.rows)
        self._retention.forget_what_is_over()
        given = sum(self._disk.give_back())
        self._usage.look()
        return None, replace(
            so_far, phase="giving room back", given_back_bytes=so_far.given_back_bytes + given
        )
