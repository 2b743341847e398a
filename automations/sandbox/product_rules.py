"""The rules of a product, and what a line of a deal comes to."""

from __future__ import annotations

from typing import Any

from .errors import bad_request
from .rules import CURRENCY_CODES, Write
from .state import Record


def product(write: Write) -> Record:
    """A product has a price in the account's currency unless prices are given."""
    defaults: Record = {
        "name": None,
        "code": None,
        "description": None,
        "unit": None,
        "tax": 0,
        "category": None,
        "is_linkable": True,
        "is_deleted": False,
        "visible_to": 3,
        "owner_id": write.actor.user_id,
        "add_time": write.at,
        "update_time": write.at,
        "billing_frequency": "one-time",
        "billing_frequency_cycles": None,
        "prices": [{"price": 0, "currency": write.account.default_currency}],
    }
    row = {**(write.before or defaults), **write.values, "update_time": write.at}
    for price in row["prices"]:
        if price["currency"] not in CURRENCY_CODES:
            raise bad_request(f"prices: {price['currency']} is not a currency of this account")
    row["prices"] = [{"cost": 0, "direct_cost": None, "notes": "", **price} for price in row["prices"]]
    return row


def line_sum(line: dict[str, Any]) -> float:
    """What a line adds to its deal: quantity by price, less the discount; nothing while it is disabled."""
    whole = line["quantity"] * line["item_price"]
    off = line["discount"] if line["discount_type"] == "amount" else whole * line["discount"] / 100
    return float(round(whole - off, 2)) if line["is_enabled"] else 0.0
