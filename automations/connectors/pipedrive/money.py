"""Amounts and currencies of deals and leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.values import as_day
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

_CODE = re.compile(r"[A-Z]{3}\Z")


def currency_code(value: Any) -> str:
    """Return `EUR` for `eur `. Raises FieldsError."""
    code = str(value).strip().upper()
    if not _CODE.match(code):
        raise wrong("currency", value, "a currency, three letters such as EUR")
    return code


def lead_value(mapped: Mapping[str, Any], now: JsonObject) -> JsonObject:
    """Return a lead's `value`, where amount or currency is mapped: one object, both parts or null.

    What is not mapped is taken from the lead as it is. Raises FieldsError when a part is missing in both.
    """
    if "amount" not in mapped and "currency" not in mapped:
        return {}
    if "amount" in mapped and mapped["amount"] is None:
        return {"value": None}
    held = now.get("value") or {}
    amount = mapped["amount"] if "amount" in mapped else held.get("amount")
    currency = currency_code(mapped["currency"]) if mapped.get("currency") else held.get("currency")
    if amount is None:
        raise FieldsError(
            f"currency: {currency} is mapped without an amount, and the lead has none. Map the amount, too; 0 is one.",
            field="currency",
            value=str(currency),
            wanted="an amount beside it",
        )
    if not currency:
        raise FieldsError(
            f"amount: {amount} is mapped without a currency, and the lead has none. Map the currency, too.",
            field="amount",
            value=str(amount),
            wanted="a currency beside it",
        )
    return {"value": {"amount": amount, "currency": currency}}


def close_day(mapped: Mapping[str, Any]) -> JsonObject:
    """Return `expected_close_date` where mapped, as a day or null. Raises FieldsError."""
    if "expected_close_date" not in mapped:
        return {}
    wanted = mapped["expected_close_date"]
    if wanted is None:
        return {"expected_close_date": None}
    try:
        return {"expected_close_date": as_day(wanted)}
    except ValueError as error:
        raise wrong("expected_close_date", wanted, str(error)) from None
