"""How much one render may still do."""

from __future__ import annotations

from typing import Any

from automations.engine.templating.limits import (
    CHARACTERS_PER_STEP,
    MAX_STEPS,
    MAX_VALUE_BYTES,
)
from automations.errors import MappingError


class Budget:
    """Counts steps and characters put out; raises `MappingError` once either is used up.

    One belongs to one render and one thread.
    """

    __slots__ = ("characters_left", "steps_left")

    def __init__(self) -> None:
        self.steps_left = MAX_STEPS
        self.characters_left = MAX_VALUE_BYTES

    def spend(self, steps: int) -> None:
        self.steps_left -= steps
        if self.steps_left < 0:
            raise MappingError(
                f"This template does more than {MAX_STEPS:,} steps. Loop over fewer items, or do less in the loop."
            )

    def look_at(self, value: Any) -> None:
        """Pay for one operation on a value: its length counts, not what lies deeper inside."""
        kind = type(value)
        if kind is str:
            self.spend(1 + len(value) // CHARACTERS_PER_STEP)
        elif kind is list or kind is dict:
            self.spend(1 + len(value) // 8)
        else:
            self.spend(1)

    def look_through(self, value: Any) -> None:
        """Pay for an operation that walks the whole value, such as comparing or writing it as JSON."""
        waiting = [value]
        while waiting:
            current = waiting.pop()
            self.look_at(current)
            if isinstance(current, dict):
                waiting.extend(current.values())
            elif isinstance(current, (list, tuple)):
                waiting.extend(current)

    def put_out(self, characters: int) -> None:
        self.spend(1)
        self.characters_left -= characters
        if self.characters_left < 0:
            raise MappingError(
                f"The value is longer than {MAX_VALUE_BYTES // 1024} KB. Shorten it, with 'truncate_bytes' say."
            )
