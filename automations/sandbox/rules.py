"""What a record becomes when it is made or changed: defaults, implied values, and the rules between keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import schema
from .errors import bad_request, refused_v1
from .state import ACTIVITY_TYPES, CURRENCIES, LEAD_LABELS, Account, Actor, Record


@dataclass(frozen=True)
class Write:
    """A write under way. values: checked; before: the record as it was, None on create; at: its time stamp."""

    account: Account
    actor: Actor
    values: dict[str, Any]
    before: Record | None
    at: str


Rule = Callable[[Write], Record]
"""Returns the record as it becomes."""

CURRENCY_CODES = frozenset(code for code, _, _ in CURRENCIES)
_ACTIVITY_KEYS = frozenset(key for key, _ in ACTIVITY_TYPES)
_LEAD_LABEL_IDS = frozenset(label_id for label_id, _, _ in LEAD_LABELS)


def _base(values: dict[str, Any], before: Record | None, at: str) -> dict[str, Any]:
    times = {"add_time": values.get("add_time", at)} if before is None else {}
    return {**times, "update_time": at}


def check_labels(account: Account, entity: str, values: dict[str, Any]) -> None:
    unknown = set(values.get("label_ids") or ()) - account.fields.label_ids(entity)
    if unknown:
        raise bad_request(f"label_ids: there is no label {min(unknown)}")


def person(write: Write) -> Record:
    check_labels(write.account, "person", write.values)
    defaults: Record = {
        "name": None,
        "first_name": None,
        "last_name": None,
        "owner_id": write.actor.user_id,
        "org_id": None,
        "add_time": write.at,
        "update_time": write.at,
        "emails": [],
        "phones": [],
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [],
        "picture_id": None,
    }
    row = {**(write.before or defaults), **write.values, **_base(write.values, write.before, write.at)}
    for key in ("emails", "phones"):
        if key in write.values:
            row[key] = schema.filled_contact_details(write.values[key])
    if "name" in write.values:
        first, _, last = row["name"].strip().partition(" ")
        row["first_name"] = write.values.get("first_name", first)
        row["last_name"] = write.values.get("last_name", last.strip() or None)
    elif "first_name" in write.values or "last_name" in write.values:
        row["name"] = " ".join(part for part in (row["first_name"], row["last_name"]) if part)
    if not row["name"]:
        raise bad_request("name: a person needs a name, or a first_name and a last_name")
    return row


def organization(write: Write) -> Record:
    check_labels(write.account, "organization", write.values)
    defaults: Record = {
        "name": None,
        "owner_id": write.actor.user_id,
        "add_time": write.at,
        "update_time": write.at,
        "is_deleted": False,
        "visible_to": 3,
        "address": None,
        "label_ids": [],
        "website": None,
        "linkedin": None,
        "industry": None,
        "annual_revenue": None,
        "employee_count": None,
    }
    row = {**(write.before or defaults), **write.values, **_base(write.values, write.before, write.at)}
    if write.values.get("address"):
        row["address"] = schema.filled_address(write.values["address"])
    return row


def activity(write: Write) -> Record:
    if write.values.get("type", "call") not in _ACTIVITY_KEYS:
        raise bad_request(f"type: there is no activity type '{write.values['type']}'")
    defaults: Record = {
        "subject": "Call",
        "type": "call",
        "owner_id": write.actor.user_id,
        "creator_user_id": write.actor.user_id,
        "is_deleted": False,
        "add_time": write.at,
        "update_time": write.at,
        **dict.fromkeys(("deal_id", "lead_id", "person_id", "org_id", "project_id")),
        **dict.fromkeys(("due_date", "due_time", "duration")),
        "busy": False,
        "done": False,
        "marked_as_done_time": None,
        "location": None,
        "participants": [],
        "attendees": [],
        **dict.fromkeys(("public_description", "priority", "note", "outcome")),
    }
    priorities = write.account.fields.get("activity", "priority")
    priority = write.values.get("priority")
    if priority is not None and priorities and priority not in priorities.option_ids():
        raise bad_request(f"priority: there is no option {priority}")
    row = {**(write.before or defaults), **write.values, **_base(write.values, write.before, write.at)}
    for key in ("due_time", "duration"):
        if write.values.get(key) and write.values[key].count(":") == 1:
            row[key] = f"{write.values[key]}:00"
    if "participants" in write.values:
        row["participants"], row["person_id"] = _participants(write.account, write.values["participants"])
    if write.values.get("location"):
        row["location"] = schema.filled_address(write.values["location"])
    if row["done"] and not (write.before or {}).get("done"):
        row["marked_as_done_time"] = write.at
    if not row["done"]:
        row["marked_as_done_time"] = None
    return row


def _participants(account: Account, wanted: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int | None]:
    for item in wanted:
        if not account.exists("person", item["person_id"]):
            raise bad_request(f"participants: there is no person {item['person_id']}")
    if not wanted:
        return [], None
    primary = next((item["person_id"] for item in wanted if item.get("primary")), wanted[0]["person_id"])
    people = [{"person_id": it["person_id"], "primary": it["person_id"] == primary} for it in wanted]
    return people, primary


def pipeline(write: Write) -> Record:
    defaults: Record = {
        "name": None,
        "order_nr": len(list(write.account.live("pipeline"))) + 1,
        "is_deleted": False,
        "is_deal_probability_enabled": True,
    }
    return {**(write.before or defaults), **write.values, **_base(write.values, write.before, write.at)}


def stage(write: Write) -> Record:
    defaults: Record = {
        "order_nr": len(write.account.stages_of(write.values.get("pipeline_id"))) + 1,
        "name": None,
        "is_deleted": False,
        "deal_probability": 100,
        "pipeline_id": None,
        "is_deal_rot_enabled": False,
        "days_to_rotten": None,
    }
    return {**(write.before or defaults), **write.values, **_base(write.values, write.before, write.at)}


_NOTE_LINKS = ("deal_id", "person_id", "org_id", "lead_id", "project_id", "task_id")
_PIN_NEEDS = {
    "pinned_to_lead_flag": "lead_id",
    "pinned_to_deal_flag": "deal_id",
    "pinned_to_organization_flag": "org_id",
    "pinned_to_person_flag": "person_id",
    "pinned_to_project_flag": "project_id",
}


def note(write: Write) -> Record:
    """Stored with RFC 3339 times; the v1 endpoint and the webhook show them their own way."""
    defaults: Record = {
        "content": None,
        **dict.fromkeys(_NOTE_LINKS),
        "user_id": write.actor.user_id,
        "last_update_user_id": None,
        **dict.fromkeys(_PIN_NEEDS, False),
        "add_time": write.at,
        "update_time": write.at,
        "is_deleted": False,
    }
    row = {**(write.before or defaults), **write.values, "update_time": write.at}
    if "add_time" in write.values:
        row["add_time"] = write.values["add_time"].replace(" ", "T") + "Z"
    if write.before is not None:
        row["last_update_user_id"] = write.actor.user_id
    if not any(row[link] for link in _NOTE_LINKS):
        raise refused_v1("One of deal_id, person_id, org_id, lead_id, project_id or task_id is required")
    for pin, link in _PIN_NEEDS.items():
        row[pin] = bool(row[pin])
        if row[pin] and not row[link]:
            raise refused_v1(f"{pin} needs {link}")
    return row


def lead(write: Write) -> Record:
    defaults: Record = {
        "title": None,
        "owner_id": write.actor.user_id,
        "creator_id": write.actor.user_id,
        "label_ids": [],
        "person_id": None,
        "organization_id": None,
        "source_name": "API" if write.actor.source == "api" else "Manually created",
        "origin": "API" if write.actor.source == "api" else "ManuallyCreated",
        **dict.fromkeys(("origin_id", "channel", "channel_id")),
        "is_archived": False,
        "was_seen": False,
        **dict.fromkeys(("value", "expected_close_date", "next_activity_id")),
        "add_time": write.at,
        "update_time": write.at,
        "visible_to": "3",
        "is_deleted": False,
    }
    unknown = set(write.values.get("label_ids") or ()) - _LEAD_LABEL_IDS
    if unknown:
        raise refused_v1(f"label_ids: there is no lead label {min(unknown)}")
    if write.values.get("value") and write.values["value"]["currency"] not in CURRENCY_CODES:
        raise refused_v1(f"value: {write.values['value']['currency']} is not a currency of this account")
    if write.before and write.before["is_archived"] and write.values.get("is_archived") is not False:
        raise refused_v1("An archived lead cannot be edited; set is_archived to false first")
    row = {**(write.before or defaults), **write.values, "update_time": write.at}
    if not row["person_id"] and not row["organization_id"]:
        raise refused_v1("A lead must be linked to a person or an organization")
    return row


def user(write: Write) -> Record:
    spaced = write.at.replace("T", " ").removesuffix("Z")
    defaults: Record = {
        "name": None,
        "default_currency": write.account.default_currency,
        "locale": "en_GB",
        "lang": 1,
        "email": None,
        "phone": None,
        "activated": True,
        "last_login": spaced,
        "created": spaced,
        "modified": spaced,
        "has_created_company": False,
        "access": [
            {"app": "sales", "admin": False, "permission_set_id": "f07d229d-088a-4144-a40f-1fe64295d180"}
        ],
        "active_flag": True,
        "timezone_name": "Europe/Berlin",
        "timezone_offset": "+01:00",
        "role_id": 1,
        "icon_url": None,
        "is_deleted": False,
    }
    return {**(write.before or defaults), **write.values, "modified": spaced}
