"""How a deal moved between stages: which way, and past which stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from automations.engine.contracts import JsonObject

FORWARD, BACKWARD, ELSEWHERE = "forward", "backward", "pipeline"


def direction(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return `forward` (towards the end of the pipeline), `backward`, or `pipeline`: into another one."""
    if before.get("pipeline_id") != now.get("pipeline_id"):
        return ELSEWHERE
    return FORWARD if _place(now) > _place(before) else BACKWARD


def move(before: Any, now: Any, stages: Iterable[JsonObject]) -> JsonObject:
    """Return `{direction, skipped}` of a move between two stages, by id; `skipped` in the order of the pipeline.

    direction is null where it cannot be told: it did not move, or a stage is not there any more.
    """
    known = {stage["id"]: stage for stage in stages}
    left, right = known.get(before), known.get(now)
    if left is None or right is None or before == now:
        return {"direction": None, "skipped": []}
    went = direction(left, right)
    if went == ELSEWHERE:
        return {"direction": went, "skipped": []}
    first, last = sorted((_place(left), _place(right)))
    between = [
        stage
        for stage in known.values()
        if stage.get("pipeline_id") == right.get("pipeline_id")
        and not stage.get("is_deleted")
        and first < _place(stage) < last
    ]
    return {"direction": went, "skipped": [_shown(stage) for stage in sorted(between, key=_place)]}


def _place(stage: Mapping[str, Any]) -> tuple[int, Any]:
    return (stage.get("order_nr") or 0, stage["id"])


def _shown(stage: JsonObject) -> JsonObject:
    return {"id": stage["id"], "name": stage.get("name")}
