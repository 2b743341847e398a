"""Custom fields of leads: the API of leads is v1, where they lie flat at the root, each type in its older form.

Source: Pipedrive API v1 "Leads" (leads share the custom fields of deals) and "Custom fields", read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from automations.connectors.pipedrive.values import as_number
from automations.engine.contracts import JsonObject

_SPANS = ("daterange", "timerange")


def written(entity: str, body: JsonObject) -> JsonObject:
    """Return a body as its endpoint takes it: a lead's custom fields at the root."""
    if entity != "lead" or "custom_fields" not in body:
        return body
    flat = {name: value for name, value in body.items() if name != "custom_fields"}
    for key, value in body["custom_fields"].items():
        flat.update(_flat(key, value))
    return flat


def _flat(key: str, value: Any) -> JsonObject:
    if isinstance(value, list):
        return {key: ",".join(str(one) for one in value)}
    if not isinstance(value, Mapping):
        return {key: value}
    more = {f"{key}_{part}": value[part] for part in ("currency", "until") if part in value}
    return {key: value.get("value"), **more}


def held(record: JsonObject, definitions: Iterable[Mapping[str, Any]]) -> JsonObject:
    """Return the custom fields of a lead as REST v2 would have them, so that values can be compared."""
    flat = record.get("custom_fields")
    flat = flat if isinstance(flat, dict) else {}
    found: JsonObject = {}
    for definition in definitions:
        key = str(definition["id"])
        if definition.get("is_custom") and flat.get(key) is not None:
            found[key] = _nested(str(definition.get("type")), key, flat)
    return found


def _nested(kind: str, key: str, flat: JsonObject) -> Any:
    value = flat[key]
    if kind == "enum":
        return _id(value)
    if kind == "set":
        return [_id(one.strip()) for one in str(value).split(",") if one.strip()]
    if kind == "monetary":
        return {"value": value, "currency": flat.get(f"{key}_currency")}
    if kind in _SPANS:
        return {"value": value, "until": flat.get(f"{key}_until")}
    if kind in ("time", "address"):
        return {"value": value}
    return value


def _id(value: Any) -> Any:
    try:
        return as_number(value)
    except ValueError:
        return value
