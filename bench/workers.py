"""One, two and four worker processes on SQLite and on PostgreSQL: what is accepted and what gets through."""

from __future__ import annotations

from collections.abc import Callable

from bench.figures import Figure
from bench.installation import BATCHED, SINGLE
from bench.sending import Passage, passage, through
from bench.setting import Setting

_COUNTS = (1, 2, 4)


def measure_on_sqlite(setting: Setting) -> list[Figure]:
    return _measured(setting, "sqlite", "SQLite")


def measure_on_postgres(setting: Setting) -> list[Figure]:
    with setting.on_postgres() as elsewhere:
        return _measured(elsewhere, "postgres", "PostgreSQL")


def _measured(setting: Setting, key: str, words: str) -> list[Figure]:
    batched: dict[int, Passage] = {}
    single: dict[int, Passage] = {}
    for workers in _COUNTS:
        with setting.installation.serve(workers=workers) as (_, port):
            through(setting, BATCHED, setting.sink, port, 50)
            batched[workers] = passage(setting, BATCHED, setting.sink, port, setting.scaled(5_000))
            single[workers] = passage(setting, SINGLE, setting.sink, port, setting.scaled(2_000))
    figures = []
    for workers in _COUNTS:
        place = f"{words}, {workers} worker{'s' if workers > 1 else ''}"
        beside = "one worker" if workers > 1 else ""
        for name, title, rates in (
            ("accepted", "accepted meanwhile", {n: batched[n].accepted_per_s for n in _COUNTS}),
            ("batched", "through to a batchable target", {n: batched[n].per_s for n in _COUNTS}),
            ("single", "through, one call each", {n: single[n].per_s for n in _COUNTS}),
        ):
            limit = rates[1] if workers > 1 else None
            figures.append(
                Figure(
                    f"{key}_{workers}w_{name}_per_s",
                    f"{place}: {title}",
                    "/s",
                    [rates[workers]],
                    limit,
                    beside,
                )
            )
    return figures


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "workers": measure_on_sqlite,
    "workers-postgres": measure_on_postgres,
}
