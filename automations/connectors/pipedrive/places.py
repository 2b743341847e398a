"""Where a deal stands: its stage and pipeline, by name or id.

A stage belongs to one pipeline and implies it; a pipeline alone means its first stage, unless the deal is in
it already.

Source: Pipedrive API v2 "Deals", "Stages", "Pipelines", read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive.account import listed, wrong
from automations.connectors.pipedrive.narrowing import whole_number
from automations.engine.contracts import JsonObject

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


def place(client: PipedriveClient, mapped: Mapping[str, Any], now: JsonObject) -> JsonObject:
    """Return `stage_id` and `pipeline_id` for the mapped `stage` and `pipeline`; empty when none is mapped.

    now: the deal as it is; of stages with one name, that of its own pipeline is meant. Raises FieldsError for an
    unknown name, a name that means several, and a stage of another pipeline than the mapped one.
    """
    stage, pipeline = mapped.get("stage"), mapped.get("pipeline")
    body: JsonObject = {}
    if pipeline not in (None, ""):
        found = listed(client, "pipelines", pipeline)
        if found is not None and not found:
            raise wrong("pipeline", pipeline, f"a pipeline of the account ({_names(client, 'pipelines')})")
        if found is not None and len(found) > 1:
            raise wrong("pipeline", pipeline, f"one pipeline: {_numbered(found)} are called so; give the id")
        body["pipeline_id"] = found[0]["id"] if found else whole_number(pipeline) or pipeline
    if stage in (None, ""):
        return body
    return {**body, **_stage(client, stage, body.get("pipeline_id"), now.get("pipeline_id"))}


def _stage(client: PipedriveClient, stage: Any, wanted: Any, current: Any) -> JsonObject:
    found = listed(client, "stages", stage)
    if found is None:
        return {"stage_id": whole_number(stage) or stage}
    if not found:
        raise wrong("stage", stage, f"a stage of the account ({_names(client, 'stages', wanted)})")
    inside = [one for one in found if one.get("pipeline_id") == wanted] if wanted is not None else found
    if not inside:
        name = _name(client, wanted)
        raise wrong(
            "stage", stage, f"a stage of the pipeline {name} (it has {_names(client, 'stages', wanted)})"
        )
    if len(inside) > 1:
        inside = [one for one in inside if one.get("pipeline_id") == current] or inside
    if len(inside) > 1:
        pipelines = ", ".join(_name(client, one.get("pipeline_id")) for one in inside)
        raise wrong("stage", stage, f"one stage: the pipelines {pipelines} have it; map the pipeline, too")
    return {"stage_id": inside[0]["id"], "pipeline_id": inside[0].get("pipeline_id")}


def _names(client: PipedriveClient, list_name: str, pipeline_id: Any = None) -> str:
    entries = client.lists.get(list_name) or []
    if pipeline_id is not None:
        entries = [one for one in entries if one.get("pipeline_id") == pipeline_id]
    return ", ".join(str(one["name"]) for one in entries if not one.get("is_deleted")) or "none"


def _name(client: PipedriveClient, pipeline_id: Any) -> str:
    entries = client.lists.get("pipelines") or []
    return next((str(one["name"]) for one in entries if one["id"] == pipeline_id), str(pipeline_id))


def _numbered(entries: list[JsonObject]) -> str:
    return ", ".join(f"{one['name']} ({one['id']})" for one in entries)
