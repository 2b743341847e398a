"""`/v1/leads` and what belongs to them: leads never moved to v2, and keep custom fields at their root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from . import custom_values
from .api_v2 import data, json_object
from .base import json_reply
from .errors import Refusal, refused_v1
from .query import page_v1, sorted_v1
from .render import lead_v1
from .state import LEAD_LABELS, Record

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox


_SORTS = (
    *("id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date", "next_activity_id"),
    *("add_time", "update_time"),
)
_SOURCES = ("Manually created", "Deal", "Web forms", "Prospector", "Live chat", "Import", "API")


def add_to(views: Blueprint, pd: PipedriveSandbox) -> None:
    def required(lead_id: str) -> Record:
        lead = pd.account.get("lead", lead_id)
        if lead is None:
            raise refused_v1("requested lead not found", 404, info="Object was not found.")
        return lead

    @views.get("/leads")
    def list_leads() -> Response:
        return listed(archived=False)

    @views.get("/leads/archived")
    def list_archived_leads() -> Response:
        return listed(archived=True)

    def listed(*, archived: bool) -> Response:
        rows = [row for row in pd.account.live("lead") if row["is_archived"] is archived]
        rows, more = page_v1(sorted_v1(_narrowed(rows), request.args, _SORTS), request.args)
        return data([lead_v1(pd.account, lead) for lead in rows], additional_data=more)

    @views.post("/leads")
    def create_lead() -> Response:
        if "is_archived" in json_object():
            raise Refusal(400, {"success": False, "error": '"is_archived" is not allowed', "error_info": ""})
        lead = pd.writes.create("lead", _nested(pd, json_object()), pd.api_actor)
        return json_reply({"success": True, "data": lead_v1(pd.account, lead)}, 201)

    @views.get("/leads/<lead_id>")
    def get_lead(lead_id: str) -> Response:
        return data(lead_v1(pd.account, required(lead_id)))

    @views.patch("/leads/<lead_id>")
    def update_lead(lead_id: str) -> Response:
        required(lead_id)
        lead = pd.writes.update("lead", lead_id, _nested(pd, json_object()), pd.api_actor)
        return data(lead_v1(pd.account, lead))

    @views.delete("/leads/<lead_id>")
    def delete_lead(lead_id: str) -> Response:
        required(lead_id)
        pd.writes.delete("lead", lead_id, pd.api_actor)
        return data({"id": lead_id})

    _add_lists(views, pd)


def _add_lists(views: Blueprint, pd: PipedriveSandbox) -> None:
    @views.get("/leadLabels")
    def list_lead_labels() -> Response:
        times = {"add_time": "2026-01-05T09:00:00.000Z", "update_time": "2026-01-05T09:00:00.000Z"}
        return data([{"id": key, "name": name, "color": color, **times} for key, name, color in LEAD_LABELS])

    @views.get("/leadSources")
    def list_lead_sources() -> Response:
        return data([{"name": name} for name in _SOURCES])

    @views.get("/leadFields")
    def list_lead_fields() -> Response:
        definitions = pd.account.fields.of("lead")
        rows = [definition.as_v1(number) for number, definition in enumerate(definitions, start=1)]
        rows, more = page_v1(rows, request.args)
        return data(rows, additional_data=more)


def _narrowed(rows: list[Record]) -> list[Record]:
    for key in ("owner_id", "person_id", "organization_id"):
        if key in request.args:
            rows = [row for row in rows if str(row[key]) == request.args[key]]
    since = request.args.get("updated_since", "")
    return [row for row in rows if row["update_time"] >= since]


def _nested(pd: PipedriveSandbox, body: dict[str, Any]) -> dict[str, Any]:
    """Move the flat custom field keys under `custom_fields`, where records keep them."""
    if "custom_fields" in body:
        raise Refusal(400, {"success": False, "error": '"custom_fields" is not allowed', "error_info": ""})
    plain, custom = dict(body), {}
    for definition in pd.account.fields.custom("lead"):
        if definition.code in body:
            custom[definition.code] = custom_values.from_flat(definition, body)
            for key in (definition.code, f"{definition.code}_currency", f"{definition.code}_until"):
                plain.pop(key, None)
    return {**plain, "custom_fields": custom} if custom else plain
