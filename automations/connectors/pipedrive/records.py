"""One record shape, whatever carried it: that of REST v2.

Webhooks name and type some fields differently, v1 webhooks most of them. Templates, conditions and triggers
must not see that, so everything passes here once. Persons also get `email` and `phone`, their primary ones.

Source: Pipedrive "Webhooks v2", "Webhooks v2 migration guide", "API v2 migration guide", read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from automations.connectors.pipedrive.legacy_shape import flat_to_rest
from automations.engine.contracts import JsonObject

Convert = Callable[[Any], Any]
Rules = Mapping[str, tuple[str, Convert]]

_CUSTOM_KEY = re.compile(r"[0-9a-f]{40}")
_TITLES = {"deal": "title", "lead": "title", "activity": "subject"}

# They follow from other changes, and events list them in `previous` or not as it happens.
_NOISE = frozenset({"update_time", "stage_change_time"})


# -- one value ------------------------------------------------------------------------------------


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and len(value) < 19 and value.isdecimal() else value


def _negated(value: Any) -> Any:
    return value if value is None else not value


def _switch(value: Any) -> Any:
    return value if value is None else bool(value)


def _clock(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _labels(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    entries = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return [_integer(entry.strip() if isinstance(entry, str) else entry) for entry in entries]


def _address(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) and value else value or None


def _bare_custom(typed: Any) -> Any:
    """Return REST's value for a webhook's typed custom field object; other values pass."""
    if not isinstance(typed, dict):
        return typed
    kind = typed.get("type")
    if kind == "set":
        return [entry.get("id") for entry in typed.get("values") or [] if isinstance(entry, dict)]
    if "id" in typed:
        return typed["id"]
    if kind == "address":
        return {name: part for name, part in typed.items() if name != "type"}
    if "from" in typed or "until" in typed:
        return {"value": typed.get("from"), "until": typed.get("until"), **_zone(typed)}
    if kind == "monetary":
        return {"value": typed.get("value"), "currency": typed.get("currency")}
    if kind == "time":
        return {"value": typed.get("value"), **_zone(typed)}
    return typed.get("value")


def _zone(typed: JsonObject) -> JsonObject:
    return {name: typed[name] for name in ("timezone_id", "timezone_name") if name in typed}


def _bare_customs(value: Any) -> Any:
    if not isinstance(value, dict):
        return {}
    return {key: None if typed is None else _bare_custom(typed) for key, typed in value.items()}


# -- one record -----------------------------------------------------------------------------------

_SHARED: Rules = {"visible_to": ("visible_to", _integer), "custom_fields": ("custom_fields", _bare_customs)}
_LABELLED: Rules = {**_SHARED, "label": ("label_ids", _labels)}
_RULES: Mapping[str, Rules] = {
    "deal": _LABELLED,
    "person": _LABELLED,
    "organization": {**_LABELLED, "address": ("address", _address)},
    "lead": _SHARED,
    "activity": {
        **_SHARED,
        "busy_flag": ("busy", _switch),
        "active_flag": ("is_deleted", _negated),
        "due_time": ("due_time", _clock),
        "duration": ("duration", _clock),
        "location": ("location", _address),
    },
    "product": {**_SHARED, "selectable": ("is_linkable", _switch)},
    "stage": {
        "active_flag": ("is_deleted", _negated),
        "rotten_flag": ("is_deal_rot_enabled", _switch),
        "rotten_days": ("days_to_rotten", _integer),
    },
    "pipeline": {
        "active_flag": ("is_deleted", _negated),
        "deal_probability": ("is_deal_probability_enabled", _switch),
    },
    "user": {"id": ("id", _integer)},
}


def from_webhook(entity: str, data: Any) -> JsonObject:
    """Return the record of a v2 webhook (`data`, or the part of it that `previous` holds)."""
    record = _reshaped(data if isinstance(data, dict) else {}, _RULES.get(entity, _SHARED))
    return with_primaries(record) if entity == "person" else record


def from_legacy(entity: str, current: Any) -> JsonObject:
    """Return the record of a v1 webhook (`current` or `previous`)."""
    if isinstance(current, list):
        current = current[0] if current else {}
    flat = flat_to_rest(entity, current if isinstance(current, dict) else {})
    rules = {name: rule for name, rule in _RULES.get(entity, _SHARED).items() if name != "custom_fields"}
    record = _reshaped(flat, rules)
    return with_primaries(record) if entity == "person" else record


def from_rest(entity: str, record: JsonObject) -> JsonObject:
    """Return a record of the REST API as templates see it; v1's leads get their custom fields nested."""
    if entity == "lead" and "custom_fields" not in record:
        custom = {key: value for key, value in record.items() if _CUSTOM_KEY.match(key)}
        record = {key: value for key, value in record.items() if key not in custom}
        record["custom_fields"] = custom
    if entity == "person":
        return with_primaries(dict(record))
    return dict(record)


def _reshaped(data: JsonObject, rules: Rules) -> JsonObject:
    record: JsonObject = {}
    for key, value in data.items():
        rule = rules.get(key)
        if rule is None:
            record[key] = value
            continue
        name, convert = rule
        if name == key or name not in data:
            record[name] = convert(value)
    return record


def with_primaries(record: JsonObject) -> JsonObject:
    """Add `email` and `phone` to a person that has the lists; the primary one, else the first, else null."""
    for many, one in (("emails", "email"), ("phones", "phone")):
        if many in record:
            record[one] = _primary(record[many])
    return record


def _primary(entries: Any) -> Any:
    if not isinstance(entries, list):
        return None
    usable = [entry for entry in entries if isinstance(entry, dict) and entry.get("value")]
    chosen = next((entry for entry in usable if entry.get("primary")), usable[0] if usable else None)
    return chosen["value"] if chosen else None


# -- what changed ---------------------------------------------------------------------------------


def differences(record: JsonObject, previous: JsonObject) -> JsonObject:
    """Return the part of `previous` whose values differ from `record`, custom fields one level down."""
    changed: JsonObject = {}
    for key, old in previous.items():
        now = record.get(key)
        if key in _NOISE or old == now:
            continue
        if key == "custom_fields" and isinstance(old, dict):
            old = _custom_differences(now if isinstance(now, dict) else {}, old)
            if not old:
                continue
        changed[key] = old
    return changed


def _custom_differences(now: JsonObject, old: JsonObject) -> JsonObject:
    return {key: value for key, value in old.items() if now.get(key) != value}


def whole_differences(record: JsonObject, earlier: JsonObject) -> JsonObject:
    """Return `differences` for an `earlier` that is whole, so that keys new in `record` count as null before."""
    before = {**dict.fromkeys(record), **earlier}
    custom = before.get("custom_fields")
    if isinstance(custom, dict) and isinstance(record.get("custom_fields"), dict):
        before["custom_fields"] = {**dict.fromkeys(record["custom_fields"]), **custom}
    return differences(record, before)


# -- in a few words -------------------------------------------------------------------------------


def name_of(entity: str, record: Mapping[str, Any]) -> str:
    """Return what people call the record: its title, subject or name; empty when it has none."""
    named = record.get(_TITLES.get(entity, "name"))
    return named.strip() if isinstance(named, str) else ""


def label_of(entity: str, record: Mapping[str, Any]) -> str:
    """Return a few words for lists, such as `Office chairs (deal 5120)`."""
    number = record.get("id")
    plain = entity if number is None else f"{entity} {number}"
    name = name_of(entity, record)
    if not name:
        return plain[:1].upper() + plain[1:]
    return f"{name[:120]} ({plain})"


def is_custom_key(key: str) -> bool:
    """Tell whether this is the 40-digit key of a custom field."""
    return _CUSTOM_KEY.fullmatch(key) is not None


def chunks(values: Iterable[Any], size: int) -> list[list[Any]]:
    """Return the distinct values in order, in lists of at most `size`."""
    distinct = list(dict.fromkeys(values))
    return [distinct[at : at + size] for at in range(0, len(distinct), size)]
