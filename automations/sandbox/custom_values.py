"""Custom field values: what each type takes (REST v2), and its forms in v2 webhooks, v1 records and search."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from . import schema
from .fields import SEARCHABLE_TYPES, FieldDefinition

_money = schema.object_of({"value": schema.number, "currency": schema.text}, required=("value", "currency"))
_span = schema.object_of(
    {"value": schema.calendar_date, "until": schema.calendar_date}, required=("value", "until")
)
_zoned = {
    "value": schema.clock_time,
    "until": schema.clock_time,
    "timezone_name": schema.nullable(schema.text),
}
_time = schema.object_of({key: _zoned[key] for key in ("value", "timezone_name")}, required=("value",))
_hours = schema.object_of(_zoned, required=("value", "until"))

_CHECKS: dict[str, schema.Check] = {
    "varchar": schema.text_up_to(255),
    "varchar_auto": schema.text_up_to(255),
    "text": schema.text,
    "phone": schema.text,
    "double": schema.number,
    "monetary": _money,
    "user": schema.integer,
    "org": schema.integer,
    "people": schema.integer,
    "date": schema.calendar_date,
    "daterange": _span,
    "time": _time,
    "timerange": _hours,
    "address": schema.address,
}
LINKS = {"user": "user", "org": "organization", "people": "person"}


def check(definition: FieldDefinition, value: Any, exists: Callable[[str, int], bool]) -> str | None:
    """What is wrong with a REST v2 value of this field; None when it is right. null always clears."""
    if value is None:
        return None
    if definition.type == "enum":
        return _check_option(definition, value)
    if definition.type == "set":
        return _check_options(definition, value)
    problem = _CHECKS[definition.type](value)
    if problem is None and definition.type in LINKS and not exists(LINKS[definition.type], value):
        return f"there is no {LINKS[definition.type]} {value}"
    return problem


def _check_option(definition: FieldDefinition, value: Any) -> str | None:
    if not schema.is_integer(value):
        return "must be the integer id of an option"
    return None if value in definition.option_ids() else f"has no option {value}"


def _check_options(definition: FieldDefinition, value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return "must be a non-empty array of option ids, or null"
    return next((problem for item in value if (problem := _check_option(definition, item))), None)


def stored(definition: FieldDefinition, value: Any) -> Any:
    """A checked value as records hold it."""
    if value is not None and definition.type == "address":
        return schema.filled_address(value)
    if value is not None and definition.type in ("time", "timerange"):
        return {"timezone_name": None, **value, **_with_seconds(value)}
    return value


def _with_seconds(value: Mapping[str, Any]) -> dict[str, str]:
    return {key: _hms(value[key]) for key in ("value", "until") if key in value}


def _hms(clock: str) -> str:
    return clock if clock.count(":") == 2 else f"{clock}:00"


def _zone_id(name: str | None) -> int | None:
    """Webhooks carry a number for the zone; which numbers is not published, so any stable one serves."""
    return None if name is None else zlib.crc32(name.encode()) % 600


def as_webhook(definition: FieldDefinition, value: Any) -> dict[str, Any] | None:
    """The typed object of a v2 webhook; null when unset."""
    kind = definition.type
    if value is None:
        return None
    if kind == "enum" or kind in LINKS:
        return {"type": kind, "id": value}
    if kind == "set":
        return {"type": "set", "values": [{"id": item} for item in value]}
    if kind == "monetary":
        return {"type": kind, **value}
    if kind == "daterange":
        return {"type": kind, "from": value["value"], "until": value["until"]}
    if kind == "time":
        return {"type": kind, "value": value["value"], "timezone_id": _zone_id(value["timezone_name"])}
    if kind == "timerange":
        zone = _zone_id(value["timezone_name"])
        return {"type": kind, "from": value["value"], "until": value["until"], "timezone_id": zone}
    if kind == "address":
        parts = {part: value.get(part) for part in schema.ADDRESS_PARTS}
        return {"type": kind, "value": value["value"], "formatted_address": value["value"], **parts}
    return {"type": kind, "value": value}


def as_flat(definition: FieldDefinition, value: Any) -> dict[str, Any]:
    """The keys a v1 record has at its root for this field."""
    key, kind = definition.code, definition.type
    if value is None:
        return {key: None}
    if kind == "enum":
        return {key: str(value)}
    if kind == "set":
        return {key: ",".join(str(item) for item in value)}
    if kind == "monetary":
        return {key: value["value"], f"{key}_currency": value["currency"]}
    if kind in ("daterange", "timerange"):
        return {key: value["value"], f"{key}_until": value["until"]}
    if kind == "time":
        return {key: value["value"]}
    if kind == "address":
        parts = {f"{key}_{part}": value.get(part) for part in schema.ADDRESS_PARTS}
        return {key: value["value"], **parts, f"{key}_formatted_address": value["value"]}
    return {key: value}


def from_flat(definition: FieldDefinition, values: Mapping[str, Any]) -> Any:
    """The REST v2 value for v1's flat keys; whatever does not fit stays as it is, for `check` to refuse."""
    key, kind = definition.code, definition.type
    value = values[key]
    if value is None:
        return None
    if kind == "enum" and isinstance(value, str) and value.isdigit():
        return int(value)
    if kind == "set" and isinstance(value, str):
        return [int(item) if item.isdigit() else item for item in value.split(",")]
    if kind == "monetary":
        return {"value": value, "currency": values.get(f"{key}_currency")}
    if kind in ("daterange", "timerange"):
        return {"value": value, "until": values.get(f"{key}_until")}
    if kind in ("time", "address") and isinstance(value, str):
        return {"value": value}
    return value


def searchable_text(definition: FieldDefinition, value: Any) -> str | None:
    """What the search index holds of this value; None when the type is not searchable or the value is unset."""
    if value is None or definition.type not in SEARCHABLE_TYPES:
        return None
    if isinstance(value, dict):
        value = value["value"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
