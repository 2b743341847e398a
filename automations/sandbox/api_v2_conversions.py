"""`/api/v2/leads/{id}/convert/…`: a lead becomes a deal, in a job that is asked about until it is done.

Source: OpenAPI document v2 of 2026-08-18, read 2026-11-22. That a lead under conversion is refused is our own,
stricter reading: nothing is documented.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from .api_v2 import data, json_object
from .base import raw_body
from .errors import bad_request, invalid, refused_v1
from .schema import integer, problems_of
from .state import Record

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_KEYS = {"stage_id": integer, "pipeline_id": integer}


class Conversions:
    """Jobs of the account. polls: how often a job says `running` before it ends. end: how jobs end."""

    def __init__(self) -> None:
        self.polls = 0
        self.end = "completed"
        self.jobs: dict[str, dict[str, Any]] = {}


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    views = Blueprint("v2_conversions", __name__, url_prefix="/api/v2")
    jobs = pd.conversions.jobs

    @views.post("/leads/<lead_id>/convert/deal")
    def convert(lead_id: str) -> Response:
        with pd.account.lock:
            if pd.account.get("lead", lead_id) is None:
                raise _no_entity()
            if any(job["lead_id"] == lead_id and job["status"] == "running" for job in jobs.values()):
                raise bad_request("The lead is being converted already")
            wanted = _wanted_place(pd)
            job_id = str(uuid.uuid4())
            jobs[job_id] = {
                **{"lead_id": lead_id, "status": "running", "left": pd.conversions.polls},
                **{"wanted": wanted, "deal_id": None},
            }
            return data({"conversion_id": job_id}, additional_data=None)

    @views.get("/leads/<lead_id>/convert/status/<job_id>")
    def status(lead_id: str, job_id: str) -> Response:
        with pd.account.lock:
            job = jobs.get(job_id)
            if job is None or job["lead_id"] != lead_id:
                raise _no_entity()
            if job["status"] == "running" and job["left"] <= 0:
                finish(pd, job)
            job["left"] -= 1
            shown = {"lead_id": lead_id, "conversion_id": job_id, "status": job["status"]}
            if job["deal_id"] is not None:
                shown["deal_id"] = job["deal_id"]
            return data(shown, additional_data=None)

    return views


def _no_entity() -> Exception:
    return refused_v1("Entity was not found", 404, info="Object was not found.")


def _wanted_place(pd: PipedriveSandbox) -> Record:
    wanted = json_object() if raw_body() else {}
    problems = problems_of(wanted, _KEYS)
    if problems:
        raise invalid(problems)
    if len(wanted) > 1:
        raise bad_request("Give either stage_id or pipeline_id")
    for key, value in wanted.items():
        entity = key.removesuffix("_id")
        if not pd.account.exists(entity, value):
            raise bad_request(f"{key}: there is no {entity} {value}")
    return wanted


def finish(pd: PipedriveSandbox, job: dict[str, Any]) -> None:
    """End a running job. The account's lock must be held."""
    job["status"] = pd.conversions.end
    if job["status"] != "completed":
        return
    lead = pd.account.tables["lead"][job["lead_id"]]
    values: Record = {
        "title": lead["title"],
        "owner_id": lead["owner_id"],
        "person_id": lead["person_id"],
        "org_id": lead["organization_id"],
        "visible_to": int(lead["visible_to"]),
        "custom_fields": lead["custom_fields"],
        **job["wanted"],
    }
    if lead["value"]:
        values |= {"value": lead["value"]["amount"], "currency": lead["value"]["currency"]}
    if lead["expected_close_date"]:
        values["expected_close_date"] = lead["expected_close_date"]
    deal = pd.writes.create("deal", values, pd.api_actor)
    rows = pd.account.tables["deal"]
    rows[deal["id"]] = {**rows[deal["id"]], "source_lead_id": lead["id"]}
    for entity in ("note", "activity"):
        rows = pd.account.tables[entity]
        for row in list(pd.account.live(entity)):
            if row["lead_id"] == lead["id"]:
                rows[row["id"]] = {**row, "lead_id": None, "deal_id": deal["id"]}
    pd.writes.delete("lead", lead["id"], pd.api_actor)
    job["deal_id"] = deal["id"]
