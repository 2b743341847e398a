"""When a worker decides: at once where little waits, beside its other work where much does.

A worker that decides waits for the database a third of the time, and one that renders and closes another third. So
while a row of events waits, a thread of its own decides a part of it, and the coordinating thread goes on with what
was decided before. One event alone is decided by the coordinating thread: handing it over would take longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor

from automations.clock import Clock
from automations.engine.changes import Room
from automations.engine.contracts import Occurrence
from automations.engine.decider import Decider, StoredEvent
from automations.engine.hands import Loader
from automations.engine.taking import Taking

DECIDE_MAX = 500

_Kept = list[tuple[StoredEvent, Occurrence]]


class Deciding:
    """Used by the coordinating thread.

    nudge: called by the other thread when it is done. is_news: whether the last look brought what came of deciding.
    is_anothers: whether that was nothing because another worker is at it. more_to_come: whether it was as much as is
    decided at once. may_have_missed: whether the last look only took over what was decided, so that what came meanwhile
    has rung in vain. leaves_some, waits: as the decider has it. began_s: when that of the other thread began, of the
    monotonic clock, infinity for this one's.
    """

    def __init__(
        self, decider: Decider, loader: Loader, taking: Taking, clock: Clock, nudge: Callable[[], None]
    ) -> None:
        self._decider = decider
        self._loader = loader
        self._taking = taking
        self._clock = clock
        self._nudge = nudge
        self._beside: ThreadPoolExecutor | None = None
        self._room = Room()
        self._under_way: Future[tuple[int, _Kept]] | None = None
        self._lost: set[int] = set()
        self._begun_s = self.began_s = math.inf
        self.is_news = self.is_anothers = self.more_to_come = self.leaves_some = self.waits = False
        self.may_have_missed = False

    @property
    def is_under_way(self) -> bool:
        """Whether the other thread decides, or did and nobody has looked since."""
        return self._under_way is not None

    @property
    def run_ids(self) -> list[int]:
        """Return the runs that the other thread has taken and nobody has taken over yet, as far as it has told."""
        return [claim.run_id for claim in tuple(self._room.claims)] if self.is_under_way else []

    def lose(self, run_ids: Collection[int]) -> None:
        """Forget runs that are another worker's by now."""
        self._lost.update(run_ids)

    def go_beside(self) -> None:
        """From now on decide in a thread of its own where much waits."""
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="decide")

    def close(self) -> None:
        # Who decides too long to be waited for takes nothing any more.
        self._room.left = {}
        if self._beside is not None:
            self._beside.shutdown(wait=False)

    def look(self, between: Callable[[], None]) -> int:
        """Decide what waits, or take over what was decided meanwhile and begin anew; return how many were.

        between: called after each event that this thread decides. Raises what deciding raises, such as
        StorageUnavailableError.
        """
        self.is_news, self.began_s, self.may_have_missed = False, math.inf, False
        if self._under_way is not None:
            if not self._under_way.done():
                return 0
            decided = self.finish()
            self.may_have_missed = bool(decided)
            if not decided and not self.is_anothers:
                # What came while it looked in vain has rung already.
                decided = self._decide_here(between)
        elif self._beside is None or self._decider.finds_few:
            decided = self._decide_here(between)
        else:
            self._begin()
            return 0
        if self._beside is not None and self.more_to_come:
            # Less than that is decided after what came of it is done: several small parts cost more than a larger one.
            self._begin()
            self.may_have_missed = False
        return decided

    def _decide_here(self, between: Callable[[], None]) -> int:
        room = self._taking.room()
        try:
            decided = self._decider.decide_pending(DECIDE_MAX, self._loader.remember, between, room)
        finally:
            self._taking.took(room)
        self._note(decided)
        return decided

    def finish(self) -> int:
        """Take over what the other thread has decided, if it is done; return how many. Raises what it raised."""
        if self._under_way is None or not self._under_way.done():
            return 0
        over, self._under_way = self._under_way, None
        self.more_to_come, self.began_s = False, self._begun_s
        self._room.claims = [claim for claim in self._room.claims if claim.run_id not in self._lost]
        self._taking.took(self._room)
        decided, kept = over.result()
        for event, occurrence in kept:
            self._loader.remember(event, occurrence)
        self._note(decided)
        return decided

    def _note(self, decided: int) -> None:
        self.is_news = True
        self.is_anothers = self._decider.is_anothers_turn
        self.leaves_some, self.waits = self._decider.leaves_some, self._decider.waits
        self.more_to_come = decided >= DECIDE_MAX

    def _begin(self) -> None:
        assert self._beside is not None
        self.is_anothers = False
        self._lost.clear()
        self._begun_s = self._clock.monotonic_s()
        self._room = self._taking.room()
        self._under_way = self._beside.submit(self._decide, self._room)
        self._under_way.add_done_callback(lambda _: self._nudge())

    def _decide(self, room: Room) -> tuple[int, _Kept]:
        """In the other thread, which has the decider for itself meanwhile."""
        kept: _Kept = []
        decided = self._decider.decide_pending(
            DECIDE_MAX, lambda event, occurrence: kept.append((event, occurrence)), room=room
        )
        return decided, kept
