"""Put a product on a deal in Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from automations.connectors.pipedrive import forms
from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.deal_lines import DealLine
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.engine.contracts import ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_FREQUENCIES = ("one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly")


class AddDealProduct(MatchingAction):
    """Put a product on a deal, or change its line when the deal has it already.

    Deal and product must be there; several that match stop the run. Without a price the product's own price in the
    deal's currency is taken. From then on the deal's value is the sum of its products.

    Not repeatable: after a doubtful outcome the deal's products are read back instead.

    Source: Pipedrive API v2, "Deals" (products: list, POST, PATCH) and "Products" (search, get), read 2026-11-22.
    """

    key = "pipedrive.add_deal_product"
    title = "Put a product on a deal"
    sentence = "Put a product on a deal in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    linked = ("deal", "product")
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The id of the line on the deal",
        "record": "The line as Pipedrive then has it",
        "added": "Whether it is new",
        "deal_id": "The deal's id",
    }
    examples = (
        {
            "deal_match_field": "title",
            "deal_match_value": "Timber for the quay",
            "product_match_value": "OAK-40",
            "quantity": 3,
            "discount": 5,
        },
        {
            "deal_match_field": "title",
            "deal_match_value": "Timber for the quay",
            "product_match_field": "name",
            "product_match_value": "Oak board",
            "item_price": 0,
            "if_there": "add",
        },
    )

    class Fields(ActionFields):
        deal_match_field: str | None = forms.link_by("deal")
        deal_match_value: str = field("Deal", "What to find it by.", suggest="{{ deal.id }}")
        product_match_field: str | None = field(
            "Find the product by", "`code` (when empty), `id`, `name`, or a custom field.", default=None
        )
        product_match_value: str = field("Product", "What to find it by.")
        quantity: float | None = field("Quantity", "1 on a new line.", default=None)
        item_price: float | None = field("Price of one", "Else the product's own.", default=None)
        discount: float | None = field("Discount", default=None)
        discount_type: Literal["percentage", "amount"] | None = field(
            "Kind of discount", default=None, choices=("percentage", "amount")
        )
        tax: float | None = field("Tax", "In percent.", default=None, advanced=True)
        tax_method: Literal["exclusive", "inclusive", "none"] | None = field(
            "Kind of tax", default=None, choices=("exclusive", "inclusive", "none"), advanced=True
        )
        comments: str | None = field("Comments", default=None, advanced=True)
        billing_frequency: (
            Literal["one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly"] | None
        ) = field("Billed", default=None, choices=_FREQUENCIES, advanced=True)
        billing_frequency_cycles: int | None = field("Times billed", default=None, advanced=True)
        billing_start_date: str | None = field(
            "Billed from", "A date such as 2026-12-15.", default=None, advanced=True
        )
        if_there: Literal["update", "skip", "add"] = field(
            "When the deal has it already",
            "Update changes its line, add makes another one.",
            default="update",
            choices=("update", "skip", "add"),
        )

    def check(self, fields: Fields) -> None:
        if fields.quantity is not None and fields.quantity <= 0:
            raise wrong("quantity", fields.quantity, "a quantity above 0")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        self.check(fields)
        return DealLine(client, _with_code(fields), call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        return DealLine(client, _with_code(fields), call).settle()


def _with_code(fields: AddDealProduct.Fields) -> Mapping[str, object]:
    mapped = fields.mapped()
    return {**mapped, "product_match_field": mapped.get("product_match_field") or "code"}
