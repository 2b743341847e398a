"""What calling threads report, one after the other, and the nudges in between.

While calls are in flight their threads want the interpreter too, and each statement of a transaction waits for it.
So what comes home within a moment is taken together: fewer transactions, and nobody in the way of them.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque

from automations.engine.departures import Inbox
from automations.engine.hands import CallOver, Delivered, LookedUp

TOGETHER_S = 0.01
NEXT_S = 0.002

Report = Delivered | LookedUp | CallOver


class Homecoming:
    """Used by the coordinating thread; any thread may put into `inbox` and `nudge`.

    is_nudged: somebody said that something may be due, and nobody has looked since. is_waiting: whether `wait` is
    under way. The times are the machine's own, whatever clock the engine goes by: they pace threads.
    """

    def __init__(self) -> None:
        self.inbox: Inbox = queue.SimpleQueue()
        self.is_nudged = self.is_waiting = False
        self._put_back: deque[Report] = deque()
        self._ends_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is here that was not taken."""
        return self.inbox.empty() and not self._put_back

    def nudge(self) -> None:
        self.inbox.put(None)

    def wait(self, timeout_s: float) -> None:
        """Return when there is something to take, at a nudge, or after the time."""
        self.is_waiting = True
        with contextlib.suppress(queue.Empty):
            self._note(self.inbox.get(timeout=timeout_s))
        self.is_waiting = False

    def first(self) -> Report | None:
        """Begin to take: return what came first, None where nothing is here."""
        self._ends_s = time.monotonic() + TOGETHER_S
        return self._next_here()

    def following(self, *, more_to_come: bool) -> Report | None:
        """Return what came next, or comes within a moment; None where nothing does.

        more_to_come: calls are in flight. A nudge ends the waiting: what it tells of must not wait for them.
        """
        found = self._next_here()
        left_s = self._ends_s - time.monotonic()
        if found is not None or not more_to_come or self.is_nudged or left_s <= 0:
            return found
        self.wait(min(left_s, NEXT_S))
        return self._put_back.popleft() if self._put_back else None

    def _next_here(self) -> Report | None:
        while not self._put_back:
            try:
                self._note(self.inbox.get_nowait())
            except queue.Empty:
                return None
        return self._put_back.popleft()

    def _note(self, found: Report | None) -> None:
        if found is None:
            self.is_nudged = True
        else:
            self._put_back.append(found)
