"""The one table that says how it stands: what the design must reach, on both databases, with 1, 2 and 4 workers."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, number, to_reach
from bench.workers import COUNTS, DATABASES

HEADINGS = (
    "",
    *(f"{words}, {count}" for words in DATABASES.values() for count in COUNTS),
    "to reach",
)
_ALONE = {"sqlite": "intake_per_s", "postgres": "postgres_intake_per_s"}
_ROWS = (
    ("through to a batchable target, /s", "batched_per_s"),
    ("through, one call each, /s", "single_per_s"),
    ("end to end at 20/s, median, ms", "p50_ms"),
    ("the same, 99th percentile, ms", "p99_ms"),
    ("memory at its highest, MB", "mb"),
)


def overview(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Return its lines; a cell is empty where nothing was measured, and has a ✗ where something is not reached."""
    by_key = {figure.key: figure for figure in figures}
    lines = [
        _line("webhooks accepted, on disk, /s", [by_key.get(_ALONE[d]) for d in DATABASES for _ in COUNTS])
    ]
    lines += [
        _line(
            title, [by_key.get(f"{database}_{count}w_{name}") for database in DATABASES for count in COUNTS]
        )
        for title, name in _ROWS
    ]
    worst = [_slowest_page(by_key, database) for database in DATABASES for _ in COUNTS]
    lines.append(_line("slowest page at a million runs, 95th percentile, ms", worst))
    return [line for line in lines if any(line[1:])]


def _slowest_page(by_key: dict[str, Figure], database: str) -> Figure | None:
    pages = [
        one for key, one in by_key.items() if key.startswith(f"history_{database}_") and key.endswith("_ms")
    ]
    return max(pages, key=lambda one: one.value, default=None)


def _line(title: str, found: Sequence[Figure | None]) -> tuple[str, ...]:
    judged = [one for one in found if one is not None and one.to_reach]
    return title, *(_cell(one) for one in found), to_reach(judged) if judged else ""


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return number(figure.value) + (" ✗" if figure.is_reached is False else "")
