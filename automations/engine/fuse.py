"""The fuse: a recipe that runs again and again for one record is held back before it goes on for ever.

Counted are runs of events that a program may have caused; what people do in the other product never trips it.
While a recipe is held back nothing is lost: its events are decided, and its runs stand in their lanes until a
person lets them go on or drops them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from automations.clock import Clock
from automations.engine.changes import DecidedEvent, NewRun
from automations.engine.held_runs import HELD, turned
from automations.engine.stops import FUSE, Stops
from automations.model.columns import micros
from automations.model.database import Database
from automations.model.states import RunStatus

RUNS_MAX = 20
WITHIN = timedelta(minutes=10)
_REMEMBERED = 20_000


class Fuse:
    """Used by one thread. runs_max: of one recipe for one record within ten minutes."""

    def __init__(self, database: Database, clock: Clock, runs_max: int = RUNS_MAX) -> None:
        self._database = database
        self._clock = clock
        self._stops = Stops(database, clock)
        self._seen_at: OrderedDict[tuple[int, str], datetime] = OrderedDict()
        self.runs_max = runs_max

    def checked(
        self, decided: Sequence[DecidedEvent], counted: Collection[int], *, has_tripped: bool
    ) -> list[DecidedEvent]:
        """Return the verdicts with the runs of held recipes held back.

        counted: events that may trip a fuse. has_tripped: whether any fuse may have tripped before.
        """
        paused = self._stops.paused() if has_tripped else set()
        here: dict[tuple[int, str], int] = {}
        checked: list[DecidedEvent] = []
        for event in decided:
            runs = [self._checked(run, event.event_id in counted, paused, here) for run in event.runs]
            is_same = all(one is run for one, run in zip(runs, event.runs, strict=True))
            checked.append(event if is_same else replace(event, runs=runs))
        return checked

    def _checked(
        self, run: NewRun, counts: bool, paused: set[int], here: dict[tuple[int, str], int]
    ) -> NewRun:
        if run.status != RunStatus.QUEUED:
            return run
        if counts and run.record_key and run.recipe_id not in paused and self._trips(run, here):
            paused.add(run.recipe_id)
            minutes = WITHIN // timedelta(minutes=1)
            reason = f"it ran more than {self.runs_max} times within {minutes} minutes for {run.record_key}"
            self._stops.tell(run.recipe_id, FUSE, run.record_key, reason)
        if run.recipe_id not in paused:
            return run
        return replace(
            run,
            connection_id=turned(run.connection_id),
            reason="its recipe is held back by its fuse, until a person lets it go on",
            reason_kind=HELD,
        )

    def _trips(self, run: NewRun, here: dict[tuple[int, str], int]) -> bool:
        """Tell whether this run would be one too many. The database is asked only about what comes again."""
        pair = (run.recipe_id, run.record_key)
        now = self._clock.now()
        before = self._seen_at.pop(pair, None)
        self._seen_at[pair] = now
        if len(self._seen_at) > _REMEMBERED:
            self._seen_at.popitem(last=False)
        here[pair] = here.get(pair, 0) + 1
        if before is None or now - before > WITHIN:
            return False
        return here[pair] + self._stored(pair, now) > self.runs_max

    def _stored(self, pair: tuple[int, str], now: datetime) -> int:
        since = now - WITHIN
        reset_at = self._stops.reset_at([pair[0]]).get(pair[0])
        since = max(since, reset_at) if reset_at else since
        with self._database.read_plain() as connection:
            newest = connection.exec_driver_sql(self._database.sql(_NEWEST), (*pair, self.runs_max)).all()
        return sum(1 for row in newest if row[0] >= micros(since))


_NEWEST = """
SELECT created_at FROM run WHERE recipe_id=? AND record_key=? AND status<>'filtered' AND replay_number=0
ORDER BY id DESC LIMIT ?
"""
