"""What a write to Pipedrive leaves on its records, told alike by the call and by the webhook that comes back.

Only fields that the API lets one write are compared. The rest is derived: counts, dates of the next activity. A write
beside a record (an activity on a deal) touches it and moves what is derived from that, and only that.

Source: Pipedrive API v1 and v2 (fields of the create and update calls), "Guide for Webhooks v2"
(`meta.change_source`, `meta.user_id`), read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from automations.connectors.pipedrive import listed
from automations.engine.contracts import DirectoryLike, Imprint, JsonObject, Occurrence, Verb

ME = "me"
_MERGED = "merge"

_ENTITIES = {
    "deals": "deal", "persons": "person", "organizations": "organization", "activities": "activity",
    "products": "product", "leads": "lead", "notes": "note",
}  # fmt: skip
_PATH = re.compile(rf"/api/v[12]/({'|'.join(_ENTITIES)})(?:/([^/]+))?(?:/(.+))?\Z")
_CUSTOM = re.compile(r"([0-9a-f]{40})(?:_(currency|until))?\Z")
_CLOCK = re.compile(r"(\d\d:\d\d)(?::\d\d)?\Z")

_SHARED = "owner_id label_ids visible_to"
_WRITABLE: Mapping[str, frozenset[str]] = {
    entity: frozenset(f"{_SHARED} {own}".split())
    for entity, own in {
        "deal": "title value currency status stage_id pipeline_id person_id org_id probability expected_close_date "
        "lost_reason is_archived",
        "person": "name first_name last_name emails phones org_id",
        "organization": "name address",
        "activity": "subject type done busy due_date due_time duration location public_description note deal_id "
        "lead_id person_id org_id priority participants",
        "lead": "title value person_id organization_id expected_close_date is_archived",
        "product": "name code description unit tax category is_linkable prices",
        "note": "content deal_id person_id org_id lead_id",
    }.items()
}
# What Pipedrive changes by itself when the other field is written: a stage brings its pipeline, a name its parts.
_FOLLOWS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "deal": {
        "pipeline_id": frozenset({"stage_id"}),
        "stage_id": frozenset({"pipeline_id"}),
        "probability": frozenset({"stage_id", "status"}),
        "lost_reason": frozenset({"status"}),
    },
    "person": {
        "name": frozenset({"first_name", "last_name"}),
        "first_name": frozenset({"name"}),
        "last_name": frozenset({"name"}),
    },
}
# What cannot be written -> which writes move it: fields of the record, or what is written beside it.
_ACTIVITY = (
    "activities_count done_activities_count undone_activities_count next_activity_id next_activity_date "
    "next_activity_time next_activity_subject next_activity_type next_activity_duration next_activity_note "
    "last_activity_id last_activity_date"
)
_DEALS = (
    "open_deals_count related_open_deals_count closed_deals_count related_closed_deals_count won_deals_count "
    "related_won_deals_count lost_deals_count related_lost_deals_count"
)
_MOVED_BY: Mapping[str, str] = {
    "activity": _ACTIVITY,
    "note": "notes_count",
    "deal": _DEALS,
    "person": "people_count",
    "products": "products_count acv arr mrr weighted_value weighted_value_currency",
    "followers": "followers_count",
    "participants": "participants_count",
    "value": "weighted_value",
    "currency": "weighted_value_currency",
    "probability": "weighted_value",
    "pipeline_id": "stage_order_nr stage_change_time weighted_value",
    "stage_id": "stage_order_nr stage_change_time weighted_value rotten_time first_won_time",
    "status": "status_change_time close_time won_time lost_time first_won_time local_won_date local_lost_date "
    "local_close_date weighted_value rotten_time",
    "person_id": "person_name cc_email",
    "org_id": "org_name org_hidden",
    "organization_id": "org_name",
    "owner_id": "owner_name org_hidden",
    "name": "first_char",
    "emails": "primary_email",
    "done": "marked_as_done_time",
    _MERGED: f"{_ACTIVITY} {_DEALS} notes_count people_count products_count followers_count participants_count "
    "files_count email_messages_count",
}
_DERIVED: Mapping[str, frozenset[str]] = {
    name: frozenset(mover for mover, moved in _MOVED_BY.items() if name in moved.split())
    for name in " ".join(_MOVED_BY.values()).split()
}
# Moves with whatever is done to a record, and so tells nothing.
_ALWAYS = frozenset({"update_time", "modified", "last_update_user_id", "update_user_id"})
_LINKS = {
    "deal_id": "deal", "person_id": "person", "org_id": "organization", "organization_id": "organization",
    "lead_id": "lead",
}  # fmt: skip


# -- what is about to be written ------------------------------------------------------------------


def of_call(method: str, path: str, body: Any) -> list[Imprint]:
    """Return what a write leaves behind; nothing for calls that write no record."""
    match = _PATH.match(path)
    if match is None:
        return []
    entity, number, more = _ENTITIES[match[1]], match[2], match[3]
    fields: JsonObject = body if isinstance(body, dict) else {}
    if more == "merge":
        stays = fields.get("merge_with_id")
        return [
            Imprint(entity, Verb.MERGE, f"{entity}:{stays}", {_MERGED: None}),
            Imprint(entity, Verb.DELETE, f"{entity}:{number}"),
        ]
    if more:
        return [Imprint(entity, Verb.TOUCH, f"{entity}:{number}", {more.partition("/")[0]: None})]
    if number is None:
        made = [Imprint(entity, Verb.CREATE, "", written_values(entity, fields))] if method == "POST" else []
        return made + _touched(entity, fields)
    key = f"{entity}:{number}"
    if method == "DELETE":
        return [Imprint(entity, Verb.DELETE, key)]
    return [Imprint(entity, Verb.CHANGE, key, written_values(entity, fields)), *_touched(entity, fields)]


def made_by(path: str, record: Mapping[str, Any]) -> str:
    """Return the record key of what a create made; empty where the answer does not tell."""
    match = _PATH.match(path)
    number = record.get("id")
    return f"{_ENTITIES[match[1]]}:{number}" if match and number else ""


def _touched(written: str, fields: JsonObject) -> list[Imprint]:
    return [
        Imprint(entity, Verb.TOUCH, f"{entity}:{fields[name]}", {written: None})
        for name, entity in _LINKS.items()
        if fields.get(name)
    ]


# -- what happened --------------------------------------------------------------------------------


def of_event(occurrence: Occurrence, directory: DirectoryLike) -> Imprint | None:
    """Return what a write of ours would have left; None where a person or another user did it, or nobody knows what.

    As long as it is not known whose token ours is, only an event that tells values may be ours.
    """
    facts, entity = occurrence.facts, occurrence.entity
    if entity not in _WRITABLE or facts.get("change_source") not in (None, "api"):
        return None
    if listed.was_is_unknown(occurrence):
        return None
    me, user = (directory.get(ME) or {}).get("id"), facts.get("user_id")
    if me is not None and user is not None and str(me) != str(user):
        return None
    surely_us = me is not None and user is not None
    key, action = occurrence.record_key, occurrence.topic.rpartition(".")[2]
    if action == "create":
        return Imprint(entity, Verb.CREATE, key, written_values(entity, occurrence.record))
    if action == "change":
        names = set(occurrence.changed)
        values = written_values(entity, occurrence.record)
        changed = {name: values.get(name) for name in names if _is_writable(entity, name)}
        if not changed and not surely_us:
            return None
        derived = {name: _DERIVED.get(name, frozenset()) for name in names - changed.keys() - _ALWAYS}
        return Imprint(entity, Verb.CHANGE, key, changed, _FOLLOWS.get(entity, {}), derived)
    if action in ("delete", "merge") and me is not None:
        return Imprint(entity, Verb(action), key)
    return None


def _is_writable(entity: str, name: str) -> bool:
    return name in _WRITABLE[entity] or name.startswith("custom_fields.")


# -- values in one form ---------------------------------------------------------------------------


def written_values(entity: str, fields: Mapping[str, Any]) -> JsonObject:
    """Return the fields that can be written, custom fields as `custom_fields.<key>`, each in one form."""
    values = {name: _one_form(value) for name, value in fields.items() if name in _WRITABLE[entity]}
    nested = fields.get("custom_fields")
    customs = nested if isinstance(nested, dict) else _flat_customs(fields)
    return values | {f"custom_fields.{key}": _one_form(value) for key, value in customs.items()}


def _flat_customs(fields: Mapping[str, Any]) -> JsonObject:
    """Return a lead's custom fields, which the API takes at the root, in the nested form."""
    found: JsonObject = {}
    parts: dict[str, JsonObject] = {}
    for name, value in fields.items():
        match = _CUSTOM.match(name)
        if match and match[2]:
            parts.setdefault(match[1], {})[match[2]] = value
        elif match:
            found[name] = value
    return {key: {"value": value, **parts[key]} if key in parts else value for key, value in found.items()}


def _one_form(value: Any) -> Any:
    """Return a value as both sides have it: nothing is null, numbers are floats, lists have no order."""
    if value is None or value == "" or value == [] or value == {}:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if abs(value) < 2**53 else str(value)
    if isinstance(value, str):
        clock = _CLOCK.match(value)
        return clock[1] if clock else value.strip()
    if isinstance(value, Mapping):
        kept = ("value", "currency", "until") if "value" in value and "label" not in value else tuple(value)
        return {str(name): _one_form(value[name]) for name in kept if value.get(name) is not None}
    if isinstance(value, list):
        return sorted((_one_form(entry) for entry in value), key=repr)
    return str(value)
