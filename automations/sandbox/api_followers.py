"""Who follows a record (`/api/v2/…/followers`), and who takes part in a deal (`/v1/deals/{id}/participants`).

Source: OpenAPI documents of 2026-08-18, read 2026-11-22; that following twice is refused was seen live by a third
party.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .api_v2 import data, json_object, number_of, page
from .base import json_reply
from .errors import bad_request, invalid, not_found, refused_v1
from .query import Query, counted_page, page_v1
from .render import spaced
from .schema import is_integer
from .state import Record, stamp

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_ENTITIES = {"deals": "deal", "persons": "person", "organizations": "organization", "products": "product"}
_PATH = f"/<any({', '.join(_ENTITIES)}):plural>/<record_id>/followers"


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    views = Blueprint("v2_followers", __name__, url_prefix="/api/v2")

    def required(plural: str, record_id: str) -> tuple[str, Any]:
        entity, number = _ENTITIES[plural], number_of(record_id)
        if not pd.account.exists(entity, number):
            raise not_found(entity.capitalize())
        return entity, number

    @views.get(_PATH)
    def list_followers(plural: str, record_id: str) -> Response:
        query = Query(request.args, ("limit", "cursor"))
        rows = [_shown(row) for row in followers_of(pd, *required(plural, record_id))]
        return page(*counted_page(rows, query.limit(), query.text("cursor")))

    @views.post(_PATH)
    def add_follower(plural: str, record_id: str) -> Response:
        with pd.account.lock:
            entity, number = required(plural, record_id)
            body = json_object()
            if set(body) != {"user_id"} or not is_integer(body["user_id"]):
                raise invalid(["user_id: must be an integer, and nothing else is taken"])
            if not pd.account.exists("user", body["user_id"]):
                raise bad_request(f"user_id: there is no user {body['user_id']}")
            if any(row["user_id"] == body["user_id"] for row in followers_of(pd, entity, number)):
                raise bad_request("User is already a follower")
            row: Record = {
                "id": pd.account.new_id("follower"),
                "entity": entity,
                "record_id": number,
                "user_id": body["user_id"],
                "add_time": stamp(pd.now()),
            }
            pd.account.tables["follower"][row["id"]] = row
            pd.touch()
            return json_reply({"success": True, "data": _shown(row)}, 201)

    @views.delete(f"{_PATH}/<user_id>")
    def remove_follower(plural: str, record_id: str, user_id: str) -> Response:
        with pd.account.lock:
            rows = followers_of(pd, *required(plural, record_id))
            for row in rows:
                if row["user_id"] == number_of(user_id):
                    del pd.account.tables["follower"][row["id"]]
                    pd.touch()
                    return data({"user_id": row["user_id"]})
        raise not_found("Follower")

    return views


def followers_of(pd: PipedriveSandbox, entity: str, record_id: Any) -> list[Record]:
    return [
        row
        for row in pd.account.live("follower")
        if row["entity"] == entity and row["record_id"] == record_id
    ]


def _shown(row: Record) -> Record:
    return {"user_id": row["user_id"], "add_time": row["add_time"]}


def add_participants(views: Blueprint, pd: PipedriveSandbox) -> None:
    """Give the `/v1` views the participants of deals."""

    def required(deal_id: str) -> Record:
        deal = pd.account.get("deal", int(deal_id)) if deal_id.isdigit() else None
        if deal is None:
            raise refused_v1("Deal not found", 404)
        return deal

    @views.get("/deals/<deal_id>/participants")
    def list_participants(deal_id: str) -> Response:
        rows, more = page_v1(_participants(pd, required(deal_id)["id"]), request.args)
        return data([_participant(pd, row) for row in rows], additional_data=more)

    @views.post("/deals/<deal_id>/participants")
    def add_participant(deal_id: str) -> Response:
        with pd.account.lock:
            deal = required(deal_id)
            person_id = json_object().get("person_id")
            if not is_integer(person_id) or not pd.account.exists("person", person_id):
                raise refused_v1(f"person_id: there is no person {person_id}")
            for row in _participants(pd, deal["id"]):
                if row["person_id"] == person_id:
                    return data(_participant(pd, row))
            row = {"id": pd.account.new_id("participant"), "deal_id": deal["id"], "person_id": person_id}
            row["add_time"] = stamp(pd.now())
            pd.account.tables["participant"][row["id"]] = row
            pd.touch()
            return data(_participant(pd, row))

    @views.delete("/deals/<deal_id>/participants/<participant_id>")
    def remove_participant(deal_id: str, participant_id: str) -> Response:
        with pd.account.lock:
            for row in _participants(pd, required(deal_id)["id"]):
                if str(row["id"]) == participant_id:
                    del pd.account.tables["participant"][row["id"]]
                    pd.touch()
                    return data({"id": row["id"]})
        raise refused_v1("Participant not found", 404)


def _participants(pd: PipedriveSandbox, deal_id: Any) -> list[Record]:
    return [row for row in pd.account.live("participant") if row["deal_id"] == deal_id]


def _participant(pd: PipedriveSandbox, row: Record) -> Record:
    person = pd.account.tables["person"][row["person_id"]]
    small = {"value": person["id"], "name": person["name"], "active_flag": not person["is_deleted"]}
    return {
        "id": row["id"],
        "person_id": {**small, "email": person["emails"], "phone": person["phones"]},
        "add_time": spaced(row["add_time"]),
        "active_flag": True,
        "related_item_type": "deal",
        "related_item_id": row["deal_id"],
    }
