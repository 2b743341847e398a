"""`/v1`: users, notes, merges, small lists; and 410 for the calls that were retired on 2026-08-01."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .api_v2 import data, json_object
from .base import json_reply
from .errors import Refusal, not_found, refused_v1
from .query import page_v1, sorted_v1
from .render import as_v2, note_v1, user_v1
from .state import ACTIVITY_TYPES, CURRENCIES, Record

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_RETIRED = "deals, persons, organizations, activities, products, pipelines, stages"
_MERGES = {"deals": "deal", "persons": "person", "organizations": "organization"}
_NOTE_SORTS = ("id", "user_id", "deal_id", "person_id", "org_id", "content", "add_time", "update_time")
_NOTE_FILTERS = ("user_id", "lead_id", "deal_id", "person_id", "org_id")


def whole(text: str, label: str) -> int:
    """An id of the older API; anything but digits cannot exist."""
    if not text.isascii() or not text.isdigit():
        raise not_found(label)
    return int(text)


def blueprint(pd: PipedriveSandbox, name: str, prefix: str) -> Blueprint:
    views = Blueprint(name, __name__, url_prefix=prefix)
    _add_users(pd, views)
    _add_notes(pd, views)
    _add_lists(views)
    _add_merges(pd, views)
    _add_retired(views)
    return views


def _add_users(pd: PipedriveSandbox, views: Blueprint) -> None:
    def shown(user: Record) -> Record:
        return user_v1(user, pd.me)

    @views.get("/users")
    def list_users() -> Response:
        return data([shown(user) for user in pd.account.live("user")])

    @views.get("/users/me")
    def get_me() -> Response:
        company = {
            "company_id": pd.account.company_id,
            "company_name": pd.company_name,
            "company_domain": pd.company_domain,
            "company_country": "EE",
            "company_industry": "Renewable energy",
            "language": {"language_code": "en", "country_code": "GB"},
        }
        return data({**shown(pd.account.tables["user"][pd.me]), **company})

    @views.get("/users/find")
    def find_users() -> Response:
        term = request.args.get("term", "").strip().lower()
        if not term:
            raise refused_v1("term is required")
        key = "email" if request.args.get("search_by_email") == "1" else "name"
        return data([shown(user) for user in pd.account.live("user") if term in user[key].lower()])

    @views.get("/users/<user_id>")
    def get_user(user_id: str) -> Response:
        user = pd.account.get("user", whole(user_id, "User"))
        if user is None:
            raise Refusal(404, {"success": False, "error": "User not found or not accessible."})
        return data(shown(user))


def _add_notes(pd: PipedriveSandbox, views: Blueprint) -> None:
    @views.get("/notes")
    def list_notes() -> Response:
        wanted = {key: request.args[key] for key in _NOTE_FILTERS if key in request.args}
        rows = [
            note
            for note in pd.account.live("note")
            if all(str(note[key]) == value for key, value in wanted.items())
            and note["update_time"] >= request.args.get("updated_since", "")
        ]
        rows, more = page_v1(sorted_v1(rows, request.args, _NOTE_SORTS), request.args)
        return data([note_v1(pd.account, note) for note in rows], additional_data=more)

    @views.post("/notes")
    def create_note() -> Response:
        return data(note_v1(pd.account, pd.writes.create("note", json_object(), pd.api_actor)))

    @views.get("/notes/<note_id>")
    def get_note(note_id: str) -> Response:
        note = pd.account.get("note", whole(note_id, "Note"))
        if note is None:
            raise not_found("Note")
        return data(note_v1(pd.account, note))

    @views.put("/notes/<note_id>")
    def update_note(note_id: str) -> Response:
        note = pd.writes.update("note", whole(note_id, "Note"), json_object(), pd.api_actor)
        return data(note_v1(pd.account, note))

    @views.delete("/notes/<note_id>")
    def delete_note(note_id: str) -> Response:
        pd.writes.delete("note", whole(note_id, "Note"), pd.api_actor)
        return data(True)


def _add_lists(views: Blueprint) -> None:
    @views.get("/activityTypes")
    def list_activity_types() -> Response:
        rows = [
            {
                **{"id": number, "order_nr": number, "name": name, "key_string": key, "icon_key": key},
                **{"active_flag": True, "color": "FFFFFF", "is_custom_flag": False},
                **{"add_time": "2026-01-05 09:00:00", "update_time": "2026-01-05 09:00:00"},
            }
            for number, (key, name) in enumerate(ACTIVITY_TYPES, start=1)
        ]
        return data(rows)

    @views.get("/currencies")
    def list_currencies() -> Response:
        term = request.args.get("term", "").lower()
        rows: list[dict[str, Any]] = [
            {
                **{"id": number, "code": code, "name": name, "decimal_points": 2, "symbol": symbol},
                **{"active_flag": True, "is_custom_flag": False},
            }
            for number, (code, name, symbol) in enumerate(CURRENCIES, start=1)
            if term in code.lower() or term in name.lower()
        ]
        return data(rows)

    @views.get("/noteFields")
    def list_note_fields() -> Response:
        rows = [
            {"id": number, "key": key, "name": key.replace("_", " ").capitalize(), "field_type": kind}
            for number, (key, kind) in enumerate((("content", "text"), ("add_time", "date")), start=1)
        ]
        return data(rows, additional_data=page_v1(rows, request.args)[1])


def _add_merges(pd: PipedriveSandbox, views: Blueprint) -> None:
    @views.put("/<any(deals, persons, organizations):plural>/<record_id>/merge")
    def merge(plural: str, record_id: str) -> Response:
        entity = _MERGES[plural]
        winner_id = json_object().get("merge_with_id")
        if not isinstance(winner_id, int) or isinstance(winner_id, bool):
            raise refused_v1("merge_with_id is required and must be an integer")
        loser_id = whole(record_id, entity.capitalize())
        return data(as_v2(pd.account, entity, pd.writes.merge(entity, loser_id, winner_id, pd.api_actor)))


def _gone(**_parts: str) -> Response:
    body = {
        "success": False,
        "error": "This endpoint is no longer available. Please use API v2.",
        "errorCode": 410,
        "error_info": "Deprecated API v1 endpoints went out of support on 2026-08-01.",
    }
    return json_reply(body, 410)


def _add_retired(views: Blueprint) -> None:
    all_methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    retired = (
        f"/<any({_RETIRED}):plural>",
        f"/<any({_RETIRED}):plural>/<record_id>",
        "/deals/<record_id>/<any(activities, persons, products):more>",
        "/persons/<record_id>/<any(deals, activities):more>",
        "/organizations/<record_id>/<any(deals, persons, activities):more>",
        "/itemSearch",
        "/itemSearch/field",
    )
    for number, path in enumerate(retired):
        views.add_url_rule(path, f"gone_{number}", _gone, methods=all_methods)
