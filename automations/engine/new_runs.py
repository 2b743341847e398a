"""Verdicts as the rows that are stored: runs to do, runs that were filtered, runs that wait for a person."""

from __future__ import annotations

from typing import Any

from automations.engine.catalog import BrokenRecipe
from automations.engine.changes import NewRun
from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import Occurrence
from automations.engine.decide import Ruling, Verdict
from automations.engine.loop_guard import Standing
from automations.model.states import RunStatus

PLACE_IN_CHAIN = frozenset({"chain", "depth"})
"""What a run's memory may hold before anything was found out about its event."""

_STATUS = {
    Ruling.PASSED: RunStatus.QUEUED,
    Ruling.UNDETERMINED: RunStatus.QUEUED,
    Ruling.FILTERED: RunStatus.FILTERED,
    Ruling.CIRCLE: RunStatus.FILTERED,
    Ruling.BROKEN: RunStatus.PARKED,
}


def run_of(
    event_id: int,
    record_key: str,
    occurrence: Occurrence,
    recipe: CompiledRecipe,
    verdict: Verdict,
    standing: Standing,
) -> NewRun:
    """Return the run of a recipe that an event is for; one deeper in a chain remembers where it stands."""
    status, connection_id = _STATUS[verdict.ruling], recipe.first_connection_id
    memory: dict[str, Any] = {"chain": standing.chain, "depth": standing.depth} if standing.depth else {}
    if verdict.ruling is Ruling.UNDETERMINED:
        memory, connection_id = {**memory, "undetermined": True}, recipe.connection.id
    return NewRun(
        recipe_id=recipe.recipe_id,
        version_id=recipe.version_id,
        event_id=event_id,
        record_key=record_key,
        label=occurrence.label,
        lane=recipe.lane(record_key),
        status=status,
        reason=verdict.reason,
        reason_kind=verdict.ruling.value if status != RunStatus.QUEUED else "",
        connection_id=connection_id,
        memory=memory or None,
    )


def parked_run(event_id: int, record_key: str, occurrence: Occurrence, recipe: BrokenRecipe) -> NewRun:
    """Return the run of a recipe that cannot be used any more."""
    return NewRun(
        recipe_id=recipe.recipe_id,
        version_id=recipe.version_id,
        event_id=event_id,
        record_key=record_key,
        label=occurrence.label,
        lane=None,
        status=RunStatus.PARKED,
        reason=recipe.error.message,
        reason_kind=recipe.error.kind,
    )
