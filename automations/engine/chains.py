"""The chain a run stands in: what began it, the runs that followed from each other's writes, and what followed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from automations.engine.decide import Ruling
from automations.model.database import Database
from automations.model.guards import Lineage
from automations.model.history import Run
from automations.model.recipe import Recipe
from automations.model.states import RunStatus

LONGEST = 50


@dataclass(frozen=True)
class Link:
    """One run of a chain. event_id: what started it. depth: how many runs lie before it."""

    run_id: int
    recipe: str
    recipe_id: int
    event_id: int
    label: str
    status: str
    depth: int


@dataclass(frozen=True)
class Chain:
    """before: the runs that led to this one, the first one first. after: those that its writes started, or would have.

    depth: of this run. hops: runs that lie before the chain begins here, told by who sent its first event.
    """

    before: list[Link]
    after: list[Link]
    depth: int
    hops: int = 0

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.depth)


class Chains:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run: Run) -> Chain:
        """Return the chain that a run stands in; empty for one that came from outside and started nothing."""
        with self._database.read() as session:
            lineage = session.get(Lineage, run.event_id)
            before: list[Link] = []
            cause, hops = lineage, 0
            while cause is not None and len(before) < LONGEST:
                earlier = session.get(Run, cause.caused_by) if cause.caused_by else None
                if earlier is None:
                    hops = cause.depth
                    break
                cause = session.get(Lineage, earlier.event_id)
                before.append(_link(session, earlier, cause.depth if cause else 0))
            after = self._after(session, run.id or 0)
        return Chain(before[::-1], after, lineage.depth if lineage else 0, hops)

    def _after(self, session: Session, run_id: int) -> list[Link]:
        found = session.exec(
            select(Run, Lineage.depth)
            .join(Lineage, col(Lineage.event_id) == col(Run.event_id))
            .where(col(Lineage.caused_by) == run_id)
            .where((col(Run.status) != RunStatus.FILTERED) | (col(Run.reason_kind) == Ruling.CIRCLE.value))
            .order_by(col(Run.id))
            .limit(LONGEST)
        )
        return [_link(session, run, depth) for run, depth in found.all()]


def _link(session: Session, run: Run, depth: int) -> Link:
    recipe = session.get(Recipe, run.recipe_id)
    name = recipe.name if recipe else "?"
    return Link(run.id or 0, name, run.recipe_id, run.event_id, run.label, str(run.status), depth)
