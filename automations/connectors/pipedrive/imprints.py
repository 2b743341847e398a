"""What a write to Pipedrive leaves on its records, told alike by the call and by the webhook that comes back.

Only fields that the API lets one write are compared. The rest follows: sums, counts, times of last changes, the
names of linked records. A write beside a record (an activity on a deal) touches it: it moves what follows there.

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
            Imprint(entity, Verb.MERGE, f"{entity}:{stays}"),
            Imprint(entity, Verb.DELETE, f"{entity}:{number}"),
        ]
    if more:
        return [Imprint(entity, Verb.TOUCH, f"{entity}:{number}")]
    if number is None:
        made = [Imprint(entity, Verb.CREATE, "", written_values(entity, fields))] if method == "POST" else []
        return made + _touched(fields)
    key = f"{entity}:{number}"
    if method == "DELETE":
        return [Imprint(entity, Verb.DELETE, key)]
    return [Imprint(entity, Verb.CHANGE, key, written_values(entity, fields)), *_touched(fields)]


def made_by(path: str, record: Mapping[str, Any]) -> str:
    """Return the record key of what a create made; empty where the answer does not tell."""
    match = _PATH.match(path)
    number = record.get("id")
    return f"{_ENTITIES[match[1]]}:{number}" if match and number else ""


def _touched(fields: JsonObject) -> list[Imprint]:
    return [
        Imprint(entity, Verb.TOUCH, f"{entity}:{fields[name]}")
        for name, entity in _LINKS.items()
        if fields.get(name)
    ]


# -- what happened --------------------------------------------------------------------------------


def of_event(occurrence: Occurrence, directory: DirectoryLike) -> Imprint | None:
    """Return what a write of ours would have left; None where a person or another user did it, or nobody knows what."""
    facts, entity = occurrence.facts, occurrence.entity
    if entity not in _WRITABLE or facts.get("change_source") not in (None, "api"):
        return None
    if listed.was_is_unknown(occurrence):
        return None
    me, user = (directory.get(ME) or {}).get("id"), facts.get("user_id")
    if me is not None and user is not None and str(me) != str(user):
        return None
    key, action = occurrence.record_key, occurrence.topic.rpartition(".")[2]
    if action == "create":
        return Imprint(entity, Verb.CREATE, key, written_values(entity, occurrence.record))
    if action == "change":
        names = set(occurrence.changed)
        values = written_values(entity, occurrence.record)
        changed = {name: values.get(name) for name in names if _is_writable(entity, name)}
        return Imprint(entity, Verb.CHANGE, key, changed, _FOLLOWS.get(entity, {}))
    if action in ("delete", "merge"):
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
