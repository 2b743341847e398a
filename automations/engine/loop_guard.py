"""The loop guard: tells events that we caused ourselves, and where in a chain of runs an event stands.

An event from outside begins a chain at depth 0. One that tells of a write of ours belongs to the chain of the run
that wrote, one deeper. A run deeper than the limit is not made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.contracts import ConnectionKind, DirectoryLike, Imprint, Occurrence, Verb
from automations.engine.footprints import KEPT_FOR, Author, Footprint, Footprints, subject_of
from automations.engine.own_changes import Undecided, whose
from automations.made_often import made_often
from automations.model.columns import storable_key
from automations.model.database import Database
from automations.model.guards import Lineage
from automations.model.history import Run
from automations.model.recipe import Recipe

DEPTH_MAX = 5
NAMED_AT_MOST = 12
#: An event happens while our call is under way; the rest is room for clocks that differ.
ECHO_WITHIN = timedelta(minutes=5)
_log = structlog.get_logger("loop_guard")


@made_often
@dataclass(frozen=True)
class Standing:
    """Where an event stands. own: the author when it tells of a write of ours. may_be_ours: a program did it."""

    chain: str
    depth: int = 0
    own: Author | None = None
    may_be_ours: bool = False

    def words(self, recipes: Mapping[int, str]) -> str:
        """Say whose change it is. recipes: names by id."""
        assert self.own is not None
        if not self.own.run_id:
            return "this is our own change, written by a test-run"
        name = recipes.get(self.own.recipe_id, "a recipe that is gone")
        return f"this is our own change, written by run {self.own.run_id} of “{name}”"


@made_often
@dataclass(frozen=True)
class Seen:
    """An event that is being decided. directory: what is remembered of its account.

    occurred_at: when its sender says that it happened. is_backfill: a record as it stands, which nobody changed now.
    """

    event_id: int
    connection_id: int
    kind: ConnectionKind
    occurrence: Occurrence
    directory: DirectoryLike
    occurred_at: datetime | None = None
    is_backfill: bool = False


class LoopGuard:
    """Used by one thread. depth_max: how many runs may follow from each other after the first."""

    def __init__(self, database: Database, clock: Clock, depth_max: int = DEPTH_MAX) -> None:
        self._database = database
        self._clock = clock
        self._footprints = Footprints(database, clock)
        self.depth_max = depth_max

    def standings(self, events: Sequence[Seen]) -> dict[int, Standing | Undecided]:
        """Return where each event stands, by its id; UNDECIDED where a reply must come first."""
        found = {seen.event_id: Standing(str(seen.event_id)) for seen in events}
        circling = [seen for seen in events if seen.kind.may_circle and not seen.is_backfill]
        if not circling:
            return dict(found)
        self._hopped(circling, found)
        marked: dict[int, list[tuple[Seen, Imprint]]] = defaultdict(list)
        for seen in circling:
            imprint = _imprint_of(seen)
            if imprint is not None:
                marked[seen.connection_id].append((seen, imprint))
                found[seen.event_id] = replace(found[seen.event_id], may_be_ours=True)
        answers: dict[int, Standing | Undecided] = dict(found)
        for connection_id, pairs in marked.items():
            self._own(connection_id, pairs, answers)
        return answers

    def _hopped(self, events: Sequence[Seen], found: dict[int, Standing]) -> None:
        """Take over what was noted when an event arrived with a count of hops."""
        hopped = [seen.event_id for seen in events if seen.kind.counts_hops]
        if not hopped:
            return
        with self._database.read() as session:
            for row in session.exec(select(Lineage).where(col(Lineage.event_id).in_(hopped))):
                found[row.event_id] = Standing(row.chain or str(row.event_id), row.depth)

    def _own(
        self,
        connection_id: int,
        pairs: Sequence[tuple[Seen, Imprint]],
        found: dict[int, Standing | Undecided],
    ) -> None:
        now = self._clock.now()
        subjects = {subject for _, imprint in pairs for subject in _subjects(imprint)}
        recent = self._footprints.recent(connection_id, subjects, now - KEPT_FOR)
        if not recent:
            return
        for seen, imprint in pairs:
            found_here = (one for subject in _subjects(imprint) for one in recent.get(subject, ()))
            footprints = [one for one in found_here if _may_have_caused(one, seen)]
            answer = whose(imprint, footprints, now)
            if isinstance(answer, Undecided):
                found[seen.event_id] = answer
            elif answer is not None:
                found[seen.event_id] = _following(seen, answer)

    def note(self, standings: Mapping[int, Standing]) -> None:
        """Store where events stand that follow from a run of ours."""
        rows = [
            (event_id, one.chain, one.depth, one.own.run_id)
            for event_id, one in standings.items()
            if one.own is not None and one.own.run_id
        ]
        if rows:
            with self._database.connect_for_write() as connection:
                connection.exec_driver_sql(self._database.sql(_NOTE), rows)

    def circle(self, standing: Standing, recipe_name: str) -> str:
        """Return the recipes that led here and the one that is cut, as `A → B → A`."""
        names = [recipe_name]
        run_id = standing.own.run_id if standing.own else 0
        with self._database.read() as session:
            while run_id and len(names) < NAMED_AT_MOST:
                run = session.get(Run, run_id)
                if run is None:
                    break
                recipe = session.get(Recipe, run.recipe_id)
                names.append(recipe.name if recipe else "?")
                lineage = session.get(Lineage, run.event_id)
                run_id = (lineage.caused_by or 0) if lineage else 0
        return " → ".join(reversed(names))

    def names(self, standings: Sequence[Standing]) -> dict[int, str]:
        """Return the names of the recipes whose writes came back."""
        ids = {standing.own.recipe_id for standing in standings if standing.own}
        if not ids:
            return {}
        with self._database.read() as session:
            rows = session.exec(select(Recipe.id, Recipe.name).where(col(Recipe.id).in_(ids)))
            return {number or 0: name for number, name in rows}


def _imprint_of(seen: Seen) -> Imprint | None:
    try:
        return seen.kind.imprint(seen.occurrence, seen.directory)
    except Exception as error:  # noqa: BLE001 - a connector's bug must not stop the others
        _log.exception("imprint.failed", event_id=seen.event_id, error=type(error).__name__)
        return None


def _may_have_caused(footprint: Footprint, seen: Seen) -> bool:
    """Tell whether an event came soon enough after a write: the same value much later is somebody else's."""
    return seen.occurred_at is None or seen.occurred_at - footprint.written_at < ECHO_WITHIN


def _subjects(imprint: Imprint) -> tuple[str, ...]:
    if imprint.verb == Verb.CREATE:
        return storable_key(imprint.record_key), f"{imprint.entity}:"
    return (subject_of(imprint),)


def _following(seen: Seen, footprint: Footprint) -> Standing:
    author = footprint.author
    depth = author.depth + 1 if author.run_id else 0
    return Standing(author.chain or str(seen.event_id), depth, author, may_be_ours=True)


_NOTE = """
INSERT INTO lineage (event_id, chain, depth, caused_by) VALUES (?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING
"""
