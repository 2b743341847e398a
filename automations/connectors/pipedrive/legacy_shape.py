"""v1's flat records, brought into the keys that v2 webhooks use; `records` does the rest.

Only keys that REST v2 has are kept: v1 adds dozens of computed ones (`org_name`, `weighted_value`, …) that
would make every edit look like many, and that no v2 account could give.

Source: Pipedrive "Webhooks" (v1) and "API v2 migration guide", read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from automations.engine.contracts import JsonObject

_CUSTOM = re.compile(r"([0-9a-f]{40})(?:_(\w+))?\Z")
_SPACED_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")
_ADDRESS_PARTS = (
    "subpremise",
    "street_number",
    "route",
    "sublocality",
    "locality",
    "admin_area_level_1",
    "admin_area_level_2",
    "country",
    "postal_code",
    "formatted_address",
)

_COMMON = "id owner_id visible_to add_time update_time is_deleted custom_fields label"
_KEPT: Mapping[str, frozenset[str]] = {
    entity: frozenset(f"{_COMMON} {own}".split())
    for entity, own in {
        "deal": "title value currency status stage_id pipeline_id creator_user_id person_id org_id probability "
        "label_ids stage_change_time close_time won_time first_won_time lost_time lost_reason "
        "expected_close_date origin origin_id channel channel_id is_archived archive_time",
        "person": "name first_name last_name emails phones org_id label_ids picture_id",
        "organization": "name address country_code label_ids picture_id website linkedin industry "
        "annual_revenue employee_count",
        "activity": "subject type done busy busy_flag due_date due_time duration location public_description note "
        "deal_id lead_id person_id org_id project_id priority participants marked_as_done_time creator_user_id",
        "lead": "title value creator_id person_id organization_id label_ids expected_close_date is_archived "
        "was_seen next_activity_id origin origin_id channel channel_id source_name",
        "product": "name code description unit tax category is_linkable selectable prices",
    }.items()
}
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "deal": {"user_id": "owner_id", "deleted": "is_deleted"},
    "person": {"email": "emails", "phone": "phones"},
    "activity": {"user_id": "owner_id", "assigned_to_user_id": "owner_id"},
}
_LINKS = frozenset(
    [
        "assigned_to_user_id",
        "creator_id",
        "creator_user_id",
        "deal_id",
        "org_id",
        "organization_id",
        "owner_id",
        "person_id",
        "user_id",
    ]
)
_WITH_ACTIVE_FLAG = frozenset({"person", "organization", "activity", "product"})


def flat_to_rest(entity: str, flat: JsonObject) -> JsonObject:
    """Return a v1 object with v2's keys: ids for nested objects, RFC 3339 times, custom fields nested."""
    record: JsonObject = {}
    renamed = _RENAMED.get(entity, {})
    for key, value in flat.items():
        name = renamed.get(key, key)
        if name == key or name not in flat:
            record[name] = _plain(key, value)
    if entity in _WITH_ACTIVE_FLAG and isinstance(flat.get("active_flag"), bool):
        record["is_deleted"] = not flat["active_flag"]
    kept = _KEPT.get(entity)
    if kept is None:
        return record
    record["custom_fields"] = _nested_customs(flat)
    _finish(entity, record, flat)
    return {key: value for key, value in record.items() if key in kept}


def _plain(key: str, value: Any) -> Any:
    if key in _LINKS and isinstance(value, dict):
        return value.get("value", value.get("id"))
    if isinstance(value, str) and len(value) == 19 and _SPACED_TIME.match(value):
        return f"{value[:10]}T{value[11:]}Z"
    return value


def _finish(entity: str, record: JsonObject, flat: JsonObject) -> None:
    if entity == "person":
        for name in ("emails", "phones"):
            record[name] = _contact_details(record.get(name))
    elif entity == "organization" and isinstance(flat.get("address"), str):
        parts = {part: flat[f"address_{part}"] for part in _ADDRESS_PARTS if f"address_{part}" in flat}
        record["address"] = {"value": flat["address"], **parts}
    elif entity == "activity":
        if record.get("done") is not None:
            record["done"] = bool(record["done"])
        if isinstance(record.get("participants"), list):
            record["participants"] = [_participant(entry) for entry in record["participants"]]


def _participant(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {"person_id": entry.get("person_id"), "primary": bool(entry.get("primary_flag"))}


def _contact_details(value: Any) -> list[JsonObject]:
    """v1 gives a list of objects, in some events one text; an empty value stands for none at all."""
    entries = value if isinstance(value, list) else [value]
    details = []
    for entry in entries:
        detail = entry if isinstance(entry, dict) else {"value": entry}
        if detail.get("value"):
            label, primary = detail.get("label") or "work", bool(detail.get("primary", len(entries) == 1))
            details.append({"value": detail["value"], "label": label, "primary": primary})
    return details


def _nested_customs(flat: JsonObject) -> JsonObject:
    """Gather `<key>`, `<key>_currency`, `<key>_until` and the like into one value a key.

    Options stay as v1 writes them (`"41"`, `"41,44"`): the payload does not say that they are options.
    """
    bare: JsonObject = {}
    parts: dict[str, JsonObject] = {}
    for key, value in flat.items():
        match = _CUSTOM.match(key) if len(key) >= 40 else None
        if match is None:
            continue
        if match[2]:
            parts.setdefault(match[1], {})[match[2]] = value
        else:
            bare[key] = value
    return {key: _joined(value, parts.get(key)) for key, value in bare.items()}


def _joined(value: Any, parts: JsonObject | None) -> Any:
    if value is None or not parts:
        return value
    return {"value": value, **parts}
