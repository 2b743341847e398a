"""`/api/v2`: records. Persons, organizations, deals, activities, products, pipelines and stages share these views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request

from .base import json_reply, raw_body
from .entities import V2_ENTITIES
from .entity import Entity
from .errors import bad_request, invalid, not_found
from .query import Query, sorted_page
from .render import Wanted, as_v2
from .state import Record

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_BY_PLURAL: dict[str, Entity] = {entity.plural: entity for entity in V2_ENTITIES}
_PLURALS = ", ".join(_BY_PLURAL)
_ONE = ("include_fields", "custom_fields", "include_option_labels", "include_labels")
_LIST = (
    *("filter_id", "ids", "updated_since", "updated_until", "sort_by", "sort_direction", "limit", "cursor"),
    *_ONE,
)
_STATUSES = ("open", "won", "lost", "deleted")


def json_object() -> dict[str, Any]:
    """The request body. Anything but a JSON object sent as `application/json` is refused."""
    if request.mimetype != "application/json":
        raise bad_request("The body must be JSON, sent with Content-Type: application/json")
    try:
        body = orjson.loads(raw_body())
    except orjson.JSONDecodeError:
        raise bad_request("The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object")
    return body


def number_of(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise invalid(["id: must be an integer"])
    return int(text)


def data(body: Any, **more: Any) -> Response:
    return json_reply({"success": True, "data": body, **more})


def page(rows: list[Any], next_cursor: str | None) -> Response:
    return data(rows, additional_data={"next_cursor": next_cursor})


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    views = Blueprint("v2", __name__, url_prefix="/api/v2")
    many, one = f"/<any({_PLURALS}):plural>", f"/<any({_PLURALS}):plural>/<record_id>"

    @views.get(many)
    def list_records(plural: str) -> Response:
        return _list(pd, _BY_PLURAL[plural], archived=False)

    @views.get("/deals/archived")
    def list_archived_deals() -> Response:
        return _list(pd, _BY_PLURAL["deals"], archived=True)

    @views.get(one)
    def get_record(plural: str, record_id: str) -> Response:
        entity = _BY_PLURAL[plural]
        wanted = _wanted(entity, Query(request.args, _ONE))
        record = pd.account.get(entity.name, number_of(record_id))
        if record is None:
            raise not_found(entity.label)
        return data(as_v2(pd.account, entity.name, record, wanted))

    @views.post(many)
    def create_record(plural: str) -> Response:
        name = _BY_PLURAL[plural].name
        record = pd.writes.create(name, json_object(), pd.api_actor)
        body = {"success": True, "data": as_v2(pd.account, name, record)}
        return json_reply(body, 201 if name == "product" else 200)

    @views.patch(one)
    def update_record(plural: str, record_id: str) -> Response:
        name = _BY_PLURAL[plural].name
        record = pd.writes.update(name, number_of(record_id), json_object(), pd.api_actor)
        return data(as_v2(pd.account, name, record))

    @views.delete(one)
    def delete_record(plural: str, record_id: str) -> Response:
        number = number_of(record_id)
        pd.writes.delete(_BY_PLURAL[plural].name, number, pd.api_actor)
        return data({"id": number})

    return views


def _wanted(entity: Entity, query: Query) -> Wanted:
    custom = query.words("custom_fields", at_most=15)
    return Wanted(
        include_fields=frozenset(query.words("include_fields", entity.include_fields) or ()),
        custom_fields=None if custom is None else frozenset(custom),
        option_labels=query.boolean("include_option_labels") or False,
        labels=(query.boolean("include_labels") or False) and "label_ids" in entity.keys,
    )


def _list(pd: PipedriveSandbox, entity: Entity, *, archived: bool) -> Response:
    extra = {"deal": ("status",), "person": ("deal_id",)}.get(entity.name, ())
    query = Query(request.args, (*_LIST, *entity.filters, *extra))
    if query.integer("filter_id") is not None:
        raise bad_request("filter_id: there is no such filter")
    wanted, limit = _wanted(entity, query), query.limit()
    sort_by = query.choice("sort_by", entity.sort_by, "id")
    direction = query.choice("sort_direction", ("asc", "desc"), "asc")
    with pd.account.lock:
        rows = _candidates(pd, entity, query)
        rows = _narrowed(entity, query, rows)
        if entity.name == "deal":
            rows = _deals_by_status(query, rows, archived)
        if entity.name == "person" and (deal_id := query.integer("deal_id")) is not None:
            deal = pd.account.get("deal", deal_id)
            rows = [row for row in rows if deal is not None and row["id"] == deal["person_id"]]
        rows, next_cursor = sorted_page(rows, sort_by, direction, limit, query.text("cursor"))
        return page([as_v2(pd.account, entity.name, row, wanted) for row in rows], next_cursor)


def _candidates(pd: PipedriveSandbox, entity: Entity, query: Query) -> list[Record]:
    table = pd.account.tables[entity.name]
    ids = query.ids("ids")
    if ids is None:
        rows = list(table.values())
    else:
        rows = [table[number] for number in dict.fromkeys(ids) if number in table]
    shows_deleted = entity.name == "deal" and "deleted" in (query.words("status", _STATUSES) or ())
    return rows if shows_deleted else [row for row in rows if not row["is_deleted"]]


def _narrowed(entity: Entity, query: Query, rows: list[Record]) -> list[Record]:
    for name, key in entity.filters.items():
        if name == "done":
            done = query.boolean(name)
            rows = rows if done is None else [row for row in rows if row[key] is done]
        elif name == "lead_id":
            lead_id = query.text(name)
            rows = rows if lead_id is None else [row for row in rows if row[key] == lead_id]
        else:
            number = query.integer(name)
            rows = rows if number is None else [row for row in rows if row[key] == number]
    since, until = query.time("updated_since"), query.time("updated_until")
    if since is not None:
        rows = [row for row in rows if row["update_time"] >= since]
    if until is not None:
        rows = [row for row in rows if row["update_time"] < until]
    return rows


def _deals_by_status(query: Query, rows: list[Record], archived: bool) -> list[Record]:
    rows = [row for row in rows if row["is_archived"] is archived]
    wanted = query.words("status", _STATUSES)
    if wanted is None:
        return rows
    return [row for row in rows if ("deleted" if row["is_deleted"] else row["status"]) in wanted]
