"""`/api/v2`: searches, and the definitions of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .api_v2 import data, page
from .errors import invalid, not_found
from .query import Query, counted_page
from .search import FIELDS, FILTERS, is_searchable

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_ENTITY_OF = {
    "deals": "deal",
    "persons": "person",
    "organizations": "organization",
    "leads": "lead",
    "products": "product",
}
_ALL_ITEMS = ("deal", "person", "organization", "product", "lead", "file", "mail_attachment", "project")
_COMMON = ("term", "fields", "exact_match", "include_fields", "limit", "cursor")
_INCLUDABLE = ("deal.cc_email", "person.picture", "product.price", "lead.was_seen")
_STATUSES = ("open", "won", "lost")


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    views = Blueprint("v2_search", __name__, url_prefix="/api/v2")

    @views.get("/<any(deals, persons, organizations, leads, products):plural>/search")
    def search_records(plural: str) -> Response:
        entity = _ENTITY_OF[plural]
        query = Query(request.args, (*_COMMON, *FILTERS[entity]))
        query.words("include_fields", _INCLUDABLE)
        return _hits(pd, query, [entity], query.words("fields", FIELDS[entity]), _filters(entity, query), 500)

    @views.get("/itemSearch")
    def search_items() -> Response:
        query = Query(request.args, (*_COMMON, "item_types", "search_for_related_items"))
        query.words("include_fields", _INCLUDABLE)
        types = query.words("item_types", _ALL_ITEMS) or list(FIELDS)
        known = sorted({name for names in FIELDS.values() for name in names} | {"code", "description"})
        entities = [entity for entity in types if entity in FIELDS]
        return _hits(pd, query, entities, query.words("fields", known), {}, 100)

    @views.get("/itemSearch/field")
    def search_field() -> Response:
        return _field_hits(pd)

    @views.get("/<any(dealFields, personFields, organizationFields, activityFields, productFields):which>")
    def list_fields(which: str) -> Response:
        query = Query(request.args, ("include_fields", "limit", "cursor"))
        with pd.account.lock:
            rows = [definition.as_v2() for definition in pd.account.fields.of(which.removesuffix("Fields"))]
        return page(*counted_page(rows, query.limit(), query.text("cursor")))

    @views.get(
        "/<any(dealFields, personFields, organizationFields, activityFields, productFields):which>/<code>"
    )
    def get_field(which: str, code: str) -> Response:
        Query(request.args, ("include_fields",))
        definition = pd.account.fields.get(which.removesuffix("Fields"), code)
        if definition is None:
            raise not_found("Field")
        return data(definition.as_v2())

    return views


def _filters(entity: str, query: Query) -> dict[str, Any]:
    narrowed: dict[str, Any] = {}
    for name, key in FILTERS[entity].items():
        if name == "status":
            value: Any = query.text(name) and query.choice(name, _STATUSES, "open")
        else:
            value = query.integer(name)
        if value is not None:
            narrowed[key] = value
    return narrowed


def _term(query: Query, shortest: int) -> str:
    term = (query.text("term") or "").strip()
    if len(term) < shortest:
        raise invalid([f"term: must be at least {shortest} characters long"])
    return term


def _hits(
    pd: PipedriveSandbox,
    query: Query,
    entities: list[str],
    fields: list[str] | None,
    narrowed: dict[str, Any],
    largest: int,
) -> Response:
    exact = query.boolean("exact_match") or False
    term, limit = _term(query, 1 if exact else 2), query.limit(largest)
    with pd.account.lock:
        found = []
        for entity in entities:
            searched = FIELDS[entity] if fields is None else tuple(f for f in FIELDS[entity] if f in fields)
            for score, record in pd.search_index.find(entity, term, searched, exact, narrowed):
                found.append((score, entity, record))
        found.sort(key=lambda hit: -hit[0])
        hits, next_cursor = counted_page(found, limit, query.text("cursor"))
        items = [
            {"result_score": score, "item": pd.search_index.item(entity, record)}
            for score, entity, record in hits
        ]
    return data({"items": items}, additional_data={"next_cursor": next_cursor})


def _field_hits(pd: PipedriveSandbox) -> Response:
    query = Query(request.args, ("term", "entity_type", "match", "field", "limit", "cursor"))
    entity = query.choice("entity_type", ("deal", "lead", "person", "organization", "product", "project"), "")
    match = query.choice("match", ("exact", "beginning", "middle"), "exact")
    term, limit = _term(query, 1 if match == "exact" else 2), query.limit()
    code = query.text("field") or ""
    if entity not in FIELDS or not is_searchable(pd.account, entity, code):
        raise invalid([f"field: '{code}' is not searchable"])
    with pd.account.lock:
        found = [
            {"id": record["id"], code: text}
            for record, text in pd.search_index.find_by_field(entity, code, term, match)
        ]
    return page(*counted_page(found, limit, query.text("cursor")))
