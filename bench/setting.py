"""What every measurement is given: where to measure, on what, how long."""

from __future__ import annotations

from dataclasses import dataclass

from bench.installation import Installation
from bench.processes import Target


@dataclass(frozen=True)
class Setting:
    """sink: the cheap target. sandbox: the strict CleverTap. quick: shorter rounds, for a first look."""

    installation: Installation
    sink: Target
    sandbox: Target
    quick: bool = False

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        """Length of a round that is measured by time."""
        return 0.7 if self.quick else 2.0

    def scaled(self, count: int) -> int:
        """Length of a round that is measured by count."""
        return count // 5 if self.quick else count
