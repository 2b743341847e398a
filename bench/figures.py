"""What a run found: one figure a line, beside its limit and what it must reach."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measured value, the median of its rounds.

    key: its column in the ledger. beside: what the limit is. ratio: ours to the limit, where that says something.
    at_least, at_most: what `value` must reach. ratio_at_least: what `ratio` must reach.
    speed: how fast this machine is beside the one that those two were written for; 1 where they hold on any.
    """

    key: str
    title: str
    unit: str
    rounds: Sequence[float]
    limit: float | None = None
    beside: str = ""
    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None
    note: str = ""
    speed: float = 1.0
    value: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", statistics.median(self.rounds))

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None

    @property
    def to_reach(self) -> str:
        return to_reach([self])

    @property
    def at_least_here(self) -> float | None:
        return None if self.at_least is None else self.at_least * self.speed

    @property
    def at_most_here(self) -> float | None:
        return None if self.at_most is None else self.at_most / self.speed

    @property
    def is_reached(self) -> bool | None:
        """Whether everything that was to be reached is; None where nothing was."""
        checks = []
        if self.at_least_here is not None:
            checks.append(self.value >= self.at_least_here)
        if self.at_most_here is not None:
            checks.append(self.value <= self.at_most_here)
        if self.ratio_at_least is not None:
            checks.append((self.ratio or 0.0) >= self.ratio_at_least)
        return all(checks) if checks else None


def number(value: float) -> str:
    """Return three figures that count, whole ones from 100 on, with a comma for thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def to_reach(figures: Sequence[Figure]) -> str:
    """Return in words what figures of one kind must reach, and what that comes to on this machine."""
    one = figures[0]
    parts = []
    for sign, wanted, here in (
        ("≥", one.at_least, [figure.at_least_here for figure in figures]),
        ("≤", one.at_most, [figure.at_most_here for figure in figures]),
    ):
        if wanted is not None:
            asked = [number(least) for least in sorted({value for value in here if value is not None})]
            span = asked[0] if asked[0] == asked[-1] else f"{asked[0]} to {asked[-1]}"
            parts.append(f"{sign} {number(wanted)}" + (f" (here {span})" if span != number(wanted) else ""))
    if one.ratio_at_least is not None:
        parts.append(f"ratio ≥ {one.ratio_at_least:g}")
    return ", ".join(parts)
