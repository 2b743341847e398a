"""One, two and four worker processes on SQLite and on PostgreSQL: what gets through, how soon, in how much memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.delivery import paced, share_of
from bench.figures import Figure
from bench.installation import BATCHED, SINGLE
from bench.rest import peak_of
from bench.sending import Passage, passage, through
from bench.setting import Setting
from bench.speed import Pace

COUNTS = (1, 2, 4)
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_PACED = 100


@dataclass
class _Found:
    """What so many workers came to, round by round. times_ms: of all rounds, shortest first at the end."""

    most_mb: float
    batched: list[Passage] = field(default_factory=list)
    single: list[Passage] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)

    @property
    def batched_per_s(self) -> list[float]:
        return [passed.per_s for passed in self.batched]

    @property
    def single_per_s(self) -> list[float]:
        return [passed.per_s for passed in self.single]

    @property
    def accepted_per_s(self) -> list[float]:
        return [passed.accepted_per_s for passed in self.batched]


def measure_on_sqlite(setting: Setting) -> list[Figure]:
    return _measured(setting, "sqlite")


def measure_on_postgres(setting: Setting) -> list[Figure]:
    with setting.on_postgres() as elsewhere:
        return _measured(elsewhere, "postgres")


def _measured(setting: Setting, database: str) -> list[Figure]:
    found = {workers: _found(setting, workers) for workers in COUNTS}
    return [figure for workers in COUNTS for figure in _figures(database, workers, found)]


def _found(setting: Setting, workers: int) -> _Found:
    """Pass once while the memory is watched, then in rounds that are timed, with the machine looked at between them.

    Looking at the memory of six processes four times a second takes a tenth of a core from them, and holds each of
    them up meanwhile.
    """
    with setting.installation.serve(workers=workers) as (process, port):
        through(setting, BATCHED, setting.sink, port, 50)
        with peak_of(process) as peak:
            _both_ways(setting, port)
        paced(setting, port, 20)
        found = _Found(peak[0])
        for _ in range(setting.rounds):
            with setting.machine.watched() as pace:
                batched, single = _both_ways(setting, port)
                found.times_ms += paced(setting, port, setting.scaled(_PACED))
            found.batched.append(batched)
            found.single.append(single)
            found.pace.looks += pace.looks
    found.times_ms.sort()
    return found


def _both_ways(setting: Setting, port: int) -> tuple[Passage, Passage]:
    batched = passage(setting, BATCHED, setting.sink, port, setting.scaled(5_000))
    return batched, passage(setting, SINGLE, setting.sink, port, setting.scaled(2_000))


def _figures(database: str, workers: int, found: dict[int, _Found]) -> list[Figure]:
    key, here, one = f"{database}_{workers}w", found[workers], found[1]
    place = f"{DATABASES[database]}, {workers} worker{'s' if workers > 1 else ''}"

    def rate(
        name: str, title: str, rounds: list[float], alone: list[float],
        at_least: float | None = None, speed: float = 1.0,
    ) -> Figure:  # fmt: skip
        limit, beside = (statistics.median(alone), "one worker") if workers > 1 else (None, "")
        return Figure(f"{key}_{name}_per_s", f"{place}: {title}", "/s", rounds, limit, beside,
                      at_least=at_least, speed=speed)  # fmt: skip

    return [
        rate("accepted", "accepted meanwhile", here.accepted_per_s, one.accepted_per_s),
        rate("batched", "through to a batchable target", here.batched_per_s, one.batched_per_s, 2_000,
             here.pace.speed),
        rate("single", "through, one call each", here.single_per_s, one.single_per_s, 800,
             here.pace.calls_speed),
        Figure(f"{key}_p50_ms", f"{place}: end to end at 20/s, median", "ms", [share_of(here.times_ms, 0.5)],
               at_most=8, speed=here.pace.speed),
        Figure(f"{key}_p99_ms", f"{place}: end to end at 20/s, 99th percentile", "ms", [share_of(here.times_ms, 0.99)],
               at_most=30, speed=here.pace.speed),
        # What is to be reached is said of `serve` as it comes, with one worker on two cores.
        Figure(f"{key}_mb", f"{place}: memory at its highest meanwhile", "MB", [here.most_mb],
               at_most=250 if workers == 1 else None),
    ]  # fmt: skip


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "workers": measure_on_sqlite,
    "workers-postgres": measure_on_postgres,
}
