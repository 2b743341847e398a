"""Products on deals: which product is meant, what its line says, and whether the deal has it already.

Source: Pipedrive API v2 "Deal products" and "Products", read 2026-11-22. Once a deal has products, their sum is
its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import values
from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.client import address
from automations.connectors.pipedrive.finding import find_one, match_of
from automations.connectors.pipedrive.read_back import made_since, moment
from automations.connectors.pipedrive.upserting import changed_part
from automations.engine.contracts import Call, JsonObject, Outcome
from automations.errors import FieldsError, RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_AS_THEY_ARE = (
    "quantity",
    "discount",
    "discount_type",
    "tax",
    "tax_method",
    "comments",
    "billing_frequency",
    "billing_frequency_cycles",
)
_PAGE = 100


@dataclass
class DealLine:
    """One product that is to be on one deal. mapped: what the author mapped and nothing else."""

    client: PipedriveClient
    mapped: Mapping[str, Any]
    call: Call

    def perform(self) -> Outcome:
        deal, product = self._the("deal"), self._the("product")
        there = self._there(deal, product)
        how = self.mapped.get("if_there") or "update"
        if there is None or how == "add":
            body = self._new_body(deal, product)
            answer = self.client.write(
                "POST",
                address("deal", deal["id"], "/products"),
                body,
                what=f"add product {product['id']} to deal {deal['id']}",
                presumed={**body, "id": 0, "deal_id": deal["id"]},
            )
            return self._outcome(answer.record, f"Added {_name(product)} to deal {deal['id']}", added=True)
        changes = {} if how == "skip" else changed_part(self._body(), there)
        if not changes:
            return self._outcome(there, f"Deal {deal['id']} has {_name(product)} already", nothing=True)
        answer = self.client.write(
            "PATCH",
            address("deal", deal["id"], f"/products/{there['id']}"),
            changes,
            what=f"change product {product['id']} on deal {deal['id']}",
            presumed={**there, **changes},
        )
        names = ", ".join(changes)
        return self._outcome(answer.record, f"Updated {names} of {_name(product)} on deal {deal['id']}")

    def settle(self) -> Outcome | None:
        """Done when the deal has the product as wanted; one to be added must be new since the first attempt."""
        deal, product = self._the("deal"), self._the("product")
        there = self._there(deal, product)
        if there is None:
            return None
        how = self.mapped.get("if_there") or "update"
        made_at, since = moment(there.get("add_time")), made_since(self.call)
        is_new = made_at is None or since is None or made_at >= since
        if changed_part(self._body(), there) or (how == "add" and not is_new):
            return None
        return self._outcome(there, f"Deal {deal['id']} has {_name(product)} as it should", added=is_new)

    def _the(self, entity: str) -> JsonObject:
        match = match_of(self.client, entity, self.mapped, f"{entity}_")
        record = find_one(self.client, match)
        if record is None:
            raise RejectedError(
                f"No {entity} has {match.words}. Correct the value, or create the {entity} in Pipedrive.",
                code="missing",
            )
        return record

    def _there(self, deal: JsonObject, product: JsonObject) -> JsonObject | None:
        """Return the newest line of the product, None where the deal has none."""
        cursor: Any = None
        newest: JsonObject | None = None
        while True:
            params = {"limit": _PAGE, **({"cursor": cursor} if cursor else {})}
            answer = self.client.get(
                address("deal", deal["id"], "/products"),
                params,
                what=f"read the products of deal {deal['id']}",
                presumed=[],
            )
            for line in answer.records:
                if line.get("product_id") == product["id"]:
                    newest = line
            cursor = answer.additional.get("next_cursor")
            if cursor is None:
                return newest

    def _body(self) -> JsonObject:
        body = {name: self.mapped[name] for name in _AS_THEY_ARE if self.mapped.get(name) is not None}
        if self.mapped.get("item_price") is not None:
            body["item_price"] = self.mapped["item_price"]
        start = self.mapped.get("billing_start_date")
        if start is not None:
            try:
                body["billing_start_date"] = values.as_day(start)
            except ValueError as error:
                raise wrong("billing_start_date", start, str(error)) from None
        return body

    def _new_body(self, deal: JsonObject, product: JsonObject) -> JsonObject:
        body = {"quantity": 1, **self._body(), "product_id": product["id"]}
        if "item_price" not in body:
            body["item_price"] = self._price(deal, product)
        return body

    def _price(self, deal: JsonObject, product: JsonObject) -> Any:
        """Return the product's price in the deal's currency. Raises FieldsError where it has none."""
        currency = deal.get("currency")
        for price in product.get("prices") or ():
            if price.get("currency") == currency and price.get("price") is not None:
                return price["price"]
        if currency is None:
            return 0
        raise FieldsError(
            f"item_price: {_name(product)} has no price in {currency}, the deal's currency. Map the price.",
            field="item_price",
            wanted="a price",
        )

    def _outcome(
        self, line: JsonObject, words: str, *, added: bool = False, nothing: bool = False
    ) -> Outcome:
        outputs = {"id": line.get("id"), "record": line, "added": added, "deal_id": line.get("deal_id")}
        return Outcome(outputs, f"{words}.", nothing_to_do=nothing)


def _name(product: JsonObject) -> str:
    return str(product.get("name") or f"product {product['id']}")
