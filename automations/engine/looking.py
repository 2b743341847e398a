"""When a worker asks the database for more: when it is told to, when more may be due, else from time to time.

While calls are in flight their threads want the interpreter, and every question waits for it. While another worker
decides, a nudge mostly tells of what that one is at already. The times are the machine's own: they pace a thread.
"""

from __future__ import annotations

import math
import time

from automations.engine.deciding_turn import AGAIN_S

IDLE_S = 1.0
LOOK_EVERY_S = 0.02


class Looking:
    """Used by the coordinating thread.

    may_be_due: whether something may be due that nobody rings for, as far as is known. has_found_nothing: whether
    this turn has looked, and in vain. is_anothers: whether another worker decides.
    """

    def __init__(self) -> None:
        self.may_be_due = True
        self.has_found_nothing = self.is_anothers = self._may_have_missed = False
        self._looked_s = -math.inf

    def begin_turn(self) -> None:
        self.has_found_nothing = False

    def is_time(self, *, is_nudged: bool, in_flight: int) -> bool:
        """Tell whether to look now; what may be due is looked for by that."""
        is_asked = is_nudged or (self.may_be_due and not in_flight)
        is_time = (is_asked and not self.is_anothers) or self._left_s(in_flight) <= 0
        if is_time:
            self.may_be_due = False
        return is_time

    def looked(self, *, found: bool, is_anothers: bool, more_at_once: bool, may_have_missed: bool) -> None:
        """Take down what came of it.

        more_at_once: there is more that this worker would take right now. may_have_missed: something may have come
        that it was rung for, and that this look was too early or too late for.
        """
        self.has_found_nothing, self.is_anothers = not found, is_anothers
        self._may_have_missed = may_have_missed
        self._looked_s = -math.inf if more_at_once else time.monotonic()

    def rest_s(self, in_flight: int) -> float:
        """Return how long there is nothing to do unless something comes."""
        if self.has_found_nothing and not self.is_anothers:
            return IDLE_S
        return max(0.0, self._left_s(in_flight))

    def look_again(self) -> None:
        """Look at the next turn, unless another worker decides."""
        if not self.is_anothers:
            self._looked_s = -math.inf

    def _left_s(self, in_flight: int) -> float:
        is_soon = in_flight or self._may_have_missed
        pace_s = AGAIN_S if self.is_anothers else LOOK_EVERY_S if is_soon else IDLE_S
        return self._looked_s + pace_s - time.monotonic()
