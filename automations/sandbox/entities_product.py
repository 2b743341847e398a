"""Products, and what a product on a deal takes.

Source: OpenAPI document v2 of 2026-08-18 ("Products", "Deal products"), read 2026-11-22.
"""

from __future__ import annotations

from . import schema
from .entity import Entity
from .schema import nullable

FREQUENCIES = ("one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly")
_price = schema.object_of(
    {
        "price": schema.number,
        "currency": schema.text,
        "cost": schema.number,
        "direct_cost": nullable(schema.number),
        "notes": schema.text,
    },
    required=("price", "currency"),
)

PRODUCT = Entity(
    "product",
    "products",
    keys={
        "name": schema.filled_text,
        "code": schema.text,
        "description": schema.text,
        "unit": schema.text,
        "tax": schema.number,
        "category": schema.number,
        "owner_id": schema.integer,
        "is_linkable": schema.boolean,
        "visible_to": schema.one_of(1, 3, 5, 7),
        "prices": schema.list_of(_price),
        "billing_frequency": schema.one_of(*FREQUENCIES),
        "billing_frequency_cycles": nullable(schema.integer),
    },
    required=("name",),
    filters={"owner_id": "owner_id"},
)

LINE_KEYS: dict[str, schema.Check] = {
    "product_id": schema.integer,
    "item_price": schema.number,
    "quantity": schema.number,
    "tax": schema.number,
    "comments": schema.text,
    "discount": schema.number,
    "is_enabled": schema.boolean,
    "tax_method": schema.one_of("exclusive", "inclusive", "none"),
    "discount_type": schema.one_of("percentage", "amount"),
    "product_variation_id": nullable(schema.integer),
    "billing_frequency": schema.one_of(*FREQUENCIES),
    "billing_frequency_cycles": nullable(schema.integer),
    "billing_start_date": nullable(schema.calendar_date),
}
LINE_NEEDS = ("product_id", "item_price", "quantity")
