"""What the decider asks before events become runs: whose change is it, how deep is it, and is it one too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automations.clock import Clock
from automations.engine.changes import DecidedEvent
from automations.engine.compiled import CompiledRecipe
from automations.engine.decide import Ruling, Verdict
from automations.engine.fuse import RUNS_MAX, Fuse
from automations.engine.loop_guard import DEPTH_MAX, LoopGuard, Seen, Standing
from automations.engine.own_changes import Undecided
from automations.engine.stops import CIRCLE, Stops
from automations.model.database import Database


@dataclass(frozen=True)
class Limits:
    """depth_max: how many runs may follow from each other after the first. runs_max: where the fuse trips."""

    depth_max: int = DEPTH_MAX
    runs_max: int = RUNS_MAX


class Guards:
    """Used by one thread; `look` at the events of a turn first, then ask about each."""

    def __init__(self, database: Database, clock: Clock, limits: Limits) -> None:
        self._loop_guard = LoopGuard(database, clock, limits.depth_max)
        self._fuse = Fuse(database, clock, limits.runs_max)
        self._stops = Stops(database, clock)
        self._standings: dict[int, Standing] = {}
        self._names: dict[int, str] = {}

    def look(self, events: Sequence[Seen]) -> set[int]:
        """Find out where the events stand; return those that can be decided now.

        One that may be our own and whose reply is still out waits for it, and later ones of its record with it.
        """
        found = self._loop_guard.standings(events)
        waiting = {
            (seen.connection_id, seen.occurrence.record_key)
            for seen in events
            if isinstance(found[seen.event_id], Undecided)
        }
        self._standings = {number: one for number, one in found.items() if isinstance(one, Standing)}
        self._names = self._loop_guard.names(list(self._standings.values()))
        ready = {
            seen.event_id
            for seen in events
            if (seen.connection_id, seen.occurrence.record_key) not in waiting
        }
        self._loop_guard.note({number: self._standings[number] for number in ready})
        return ready

    def standing(self, event_id: int) -> Standing:
        return self._standings[event_id]

    def own(self, event_id: int) -> str:
        """Return the words that say whose change an event is, where it is our own; else an empty text."""
        standing = self._standings[event_id]
        return standing.words(self._names) if standing.own is not None else ""

    def not_too_deep(
        self, event_id: int, record_key: str, recipe: CompiledRecipe, verdict: Verdict
    ) -> Verdict:
        """Return the verdict, or that the circle ends here."""
        standing = self._standings[event_id]
        would_run = verdict.ruling in (Ruling.PASSED, Ruling.UNDETERMINED)
        if not would_run or standing.depth <= self._loop_guard.depth_max:
            return verdict
        reason = f"stopped a circle: {self._loop_guard.circle(standing, recipe.name)}"
        self._stops.tell(recipe.recipe_id, CIRCLE, record_key, reason)
        return Verdict(Ruling.CIRCLE, reason)

    def checked(self, decided: Sequence[DecidedEvent], *, has_fuses: bool = True) -> list[DecidedEvent]:
        """Return the verdicts with the runs of recipes that go round and round held back.

        has_fuses: False where none had tripped when the events were read.
        """
        counted = {number for number, standing in self._standings.items() if standing.may_be_ours}
        return self._fuse.checked(decided, counted, has_tripped=has_fuses)
