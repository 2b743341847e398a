"""`/api/v2/deals/{id}/products`: the products on a deal, whose sum is the deal's value.

Source: OpenAPI document v2 of 2026-08-18, read 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from . import schema
from .api_v2 import data, json_object, number_of, page
from .base import json_reply
from .entities_product import LINE_KEYS, LINE_NEEDS
from .errors import bad_request, invalid, not_found
from .product_rules import line_sum
from .query import Query, sorted_page
from .state import Record, stamp

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_PATH = "/deals/<deal_id>/products"
_DEFAULTS: Record = {
    "tax": 0,
    "comments": "",
    "discount": 0,
    "is_enabled": True,
    "tax_method": "exclusive",
    "discount_type": "percentage",
    "product_variation_id": None,
    "billing_frequency": "one-time",
    "billing_frequency_cycles": None,
    "billing_start_date": None,
}


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    views = Blueprint("v2_products", __name__, url_prefix="/api/v2")

    @views.get(_PATH)
    def list_lines(deal_id: str) -> Response:
        query = Query(request.args, ("cursor", "limit", "sort_by", "sort_direction"))
        sort_by = query.choice("sort_by", ("id", "add_time", "update_time"), "id")
        direction = query.choice("sort_direction", ("asc", "desc"), "asc")
        rows = lines_of(pd, _deal(pd, deal_id)["id"])
        return page(*sorted_page(rows, sort_by, direction, query.limit(), query.text("cursor")))

    @views.post(_PATH)
    def add_line(deal_id: str) -> Response:
        with pd.account.lock:
            deal = _deal(pd, deal_id)
            values = _checked(pd, LINE_NEEDS)
            product = pd.account.tables["product"][values["product_id"]]
            at = stamp(pd.now())
            line: Record = {
                "id": pd.account.new_id("deal_product"),
                "deal_id": deal["id"],
                "name": product["name"],
                "order_nr": len(lines_of(pd, deal["id"])) + 1,
                "currency": deal["currency"],
                "add_time": at,
                "update_time": at,
                **_DEFAULTS,
                **values,
            }
            return json_reply({"success": True, "data": _put(pd, line)}, 201)

    @views.patch(f"{_PATH}/<line_id>")
    def change_line(deal_id: str, line_id: str) -> Response:
        with pd.account.lock:
            line = _line(pd, deal_id, line_id)
            return data(_put(pd, {**line, **_checked(pd, ()), "update_time": stamp(pd.now())}))

    @views.delete(f"{_PATH}/<line_id>")
    def remove_line(deal_id: str, line_id: str) -> Response:
        with pd.account.lock:
            line = _line(pd, deal_id, line_id)
            del pd.account.tables["deal_product"][line["id"]]
            _follow(pd, line["deal_id"])
            return data({"id": line["id"]})

    return views


def lines_of(pd: PipedriveSandbox, deal_id: Any) -> list[Record]:
    return [line for line in pd.account.live("deal_product") if line["deal_id"] == deal_id]


def _checked(pd: PipedriveSandbox, needed: tuple[str, ...]) -> dict[str, Any]:
    values = json_object()
    problems = schema.problems_of(values, LINE_KEYS, needed)
    if problems:
        raise invalid(problems)
    if "product_id" in values and not pd.account.exists("product", values["product_id"]):
        raise bad_request(f"product_id: there is no product {values['product_id']}")
    if "quantity" in values and values["quantity"] <= 0:
        raise bad_request("quantity: must be more than 0")
    return values


def _deal(pd: PipedriveSandbox, deal_id: str) -> Record:
    deal = pd.account.get("deal", number_of(deal_id))
    if deal is None:
        raise not_found("Deal")
    return deal


def _line(pd: PipedriveSandbox, deal_id: str, line_id: str) -> Record:
    deal, line = _deal(pd, deal_id), pd.account.get("deal_product", number_of(line_id))
    if line is None or line["deal_id"] != deal["id"]:
        raise not_found("Deal product")
    return line


def _put(pd: PipedriveSandbox, line: Record) -> Record:
    line = {**line, "sum": line_sum(line)}
    pd.account.tables["deal_product"][line["id"]] = line
    _follow(pd, line["deal_id"])
    return line


def _follow(pd: PipedriveSandbox, deal_id: Any) -> None:
    """The deal's value follows its products."""
    lines = lines_of(pd, deal_id)
    if lines:
        value = round(sum(line["sum"] for line in lines), 2)
        pd.writes.update("deal", deal_id, {"value": value}, pd.api_actor)
    pd.touch()
