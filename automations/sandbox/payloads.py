"""Webhook bodies, version 2 and version 1, made from one change.

Shapes: "Guide for Webhooks v2" and "List of Webhooks v2" (2026-07-28), read 2026-11-22, and captured deliveries.
A webhook's record is not the REST record: names and types differ in the ways written here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from . import custom_values
from .entities import BY_NAME
from .render import spaced
from .state import Account, Change, Record

_DEAL_KEYS = (
    "id title value currency status stage_id pipeline_id owner_id creator_user_id person_id org_id probability "
    "label_ids visible_to add_time update_time stage_change_time close_time won_time first_won_time lost_time "
    "lost_reason expected_close_date origin origin_id channel channel_id is_archived archive_time"
)
_PERSON_KEYS = "id name first_name last_name emails phones org_id owner_id add_time update_time"
_ORGANIZATION_KEYS = "id name address owner_id picture_id add_time update_time"
_ACTIVITY_KEYS = (
    "id subject type done due_date location public_description deal_id lead_id person_id org_id owner_id "
    "add_time update_time"
)
_LEAD_KEYS = (
    "id title value owner_id creator_id person_id organization_id label_ids expected_close_date is_archived "
    "was_seen next_activity_id origin origin_id channel channel_id source_name add_time update_time"
)
_NOTE_KEYS = (
    "id content user_id deal_id person_id org_id lead_id project_id add_time update_time pinned_to_deal_flag "
    "pinned_to_person_flag pinned_to_organization_flag"
)
_PRODUCT_KEYS = "id name code description unit tax category owner_id prices add_time update_time"
_USER_KEYS = (
    "name email phone default_currency locale lang timezone_name active_flag last_login icon_url created modified "
    "access"
)
_SHOWS_UPDATE_TIME = frozenset({"lead", "note", "pipeline", "stage", "product"})
_V1_ACTIONS = {"create": "added", "change": "updated", "delete": "deleted"}


def _pick(row: Record, keys: str) -> Record:
    return {key: row.get(key) for key in keys.split()}


def _first_label(row: Record) -> Any:
    return row["label_ids"][0] if row.get("label_ids") else None


def _clock(value: str | None) -> dict[str, Any] | None:
    return None if value is None else {"timezone_id": None, "value": value}


def _deal(row: Record) -> Record:
    return {**_pick(row, _DEAL_KEYS), "visible_to": str(row["visible_to"])}


def _person(row: Record) -> Record:
    shown = _pick(row, _PERSON_KEYS)
    return {**shown, "label": _first_label(row), "visible_to": str(row["visible_to"])}


def _organization(row: Record) -> Record:
    shown = _pick(row, _ORGANIZATION_KEYS)
    return {**shown, "country_code": None, "label": _first_label(row), "visible_to": str(row["visible_to"])}


def _activity(row: Record) -> Record:
    shown = _pick(row, _ACTIVITY_KEYS)
    shown["active_flag"], shown["busy_flag"] = not row["is_deleted"], row["busy"]
    shown["due_time"], shown["duration"] = _clock(row["due_time"]), _clock(row["duration"])
    shown["update_user_id"] = None
    return shown


def _stage(row: Record) -> Record:
    shown = _pick(row, "id name pipeline_id order_nr deal_probability add_time update_time")
    flags = {"active_flag": not row["is_deleted"], "rotten_flag": row["is_deal_rot_enabled"]}
    return {**shown, **flags, "rotten_days": row["days_to_rotten"]}


def _pipeline(row: Record) -> Record:
    shown = _pick(row, "id name order_nr add_time update_time")
    flags = {"active_flag": not row["is_deleted"], "deal_probability": row["is_deal_probability_enabled"]}
    return {**shown, **flags, "url_title": row["name"]}


def _note(row: Record) -> Record:
    return {**_pick(row, _NOTE_KEYS), "active_flag": not row["is_deleted"]}


def _product(row: Record) -> Record:
    shown = _pick(row, _PRODUCT_KEYS)
    return {**shown, "selectable": row["is_linkable"], "visible_to": str(row["visible_to"])}


def _user(row: Record) -> Record:
    return {"id": str(row["id"]), **_pick(row, _USER_KEYS)}


_SHAPES: dict[str, Callable[[Record], Record]] = {
    "deal": _deal,
    "person": _person,
    "organization": _organization,
    "activity": _activity,
    "lead": lambda row: _pick(row, _LEAD_KEYS),
    "note": _note,
    "product": _product,
    "pipeline": _pipeline,
    "stage": _stage,
    "user": _user,
}


def _with_custom(account: Account, name: str, row: Record, shown: Record) -> Record:
    if BY_NAME[name].has_custom_fields:
        values = row["custom_fields"]
        shown["custom_fields"] = {
            definition.code: custom_values.as_webhook(definition, values.get(definition.code))
            for definition in account.fields.custom(name)
        }
    elif name == "activity":
        shown["custom_fields"] = {}
    return shown


def data_v2(account: Account, name: str, row: Record | None) -> Record | None:
    return None if row is None else _with_custom(account, name, row, _SHAPES[name](row))


def previous_v2(name: str, now: Record | None, before: Record | None) -> Record | None:
    """Changed keys only after a change; the last full state after a delete; null after a create."""
    if now is None or before is None:
        return before
    unsaid = {"custom_fields"} if name in _SHOWS_UPDATE_TIME else {"custom_fields", "update_time"}
    unsaid.add("stage_change_time")
    changed = {key: value for key, value in before.items() if key not in unsaid and now[key] != value}
    custom_now, custom_before = now.get("custom_fields", {}), before.get("custom_fields", {})
    custom = {key: value for key, value in custom_before.items() if custom_now.get(key) != value}
    if custom:
        changed["custom_fields"] = custom
    if name == "lead":
        # The documented example names this key although it did not change; receivers must compare values.
        changed["next_activity_id"] = before["next_activity_id"]
    return changed


def body_v2(account: Account, change: Change, domain: str, permitted: list[int]) -> Record:
    """The body without what differs by hook and attempt; `for_hook_v2` fills that in."""
    now = data_v2(account, change.entity, change.record)
    before = data_v2(account, change.entity, change.previous)
    event_id = str(change.entity_id) if change.entity == "user" else str(uuid.uuid4())
    meta: Record = {
        "action": change.action,
        "entity": change.entity,
        "entity_id": str(change.entity_id),
        "id": event_id,
        "correlation_id": str(uuid.uuid4()),
        "company_id": str(account.company_id),
        "user_id": str(change.actor.user_id),
        "timestamp": change.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "type": "general",
        "version": "2.0",
        "change_source": change.actor.source,
        "is_bulk_edit": False,
        "host": f"{domain}.pipedrive.com",
    }
    if change.entity != "user":
        meta["permitted_user_ids"] = [str(user_id) for user_id in permitted]
    if change.merged_to_id is not None:
        meta["merged_to_id"] = str(change.merged_to_id)
    if change.merged_from_id is not None:
        meta["merged_from_id"] = str(change.merged_from_id)
    return {"data": now, "previous": previous_v2(change.entity, now, before), "meta": meta}


def for_hook_v2(body: Record, hook_id: int, owner_id: int, attempt: int) -> Record:
    own = {"webhook_id": str(hook_id), "webhook_owner_id": str(owner_id), "attempt": attempt}
    return {**body, "meta": {**body["meta"], **own}}


def object_v1(account: Account, name: str, row: Record | None) -> Record | None:
    """A record in the older shape: flat custom fields, `active_flag`, times without zone."""
    if row is None:
        return None
    skipped = ("custom_fields", "emails", "phones", "is_deleted", "label_ids", "owner_id", "visible_to")
    shown = {key: value for key, value in row.items() if key not in skipped}
    for key in [key for key in shown if key.endswith("_time") and key not in ("due_time",)]:
        shown[key] = spaced(shown[key])
    if name == "user":
        return shown
    shown["active_flag"] = not row["is_deleted"]
    if "owner_id" in row:
        shown["user_id" if name in ("deal", "activity") else "owner_id"] = row["owner_id"]
    if "label_ids" in row:
        shown["label"] = ",".join(str(item) for item in row["label_ids"]) or None
    if "visible_to" in row:
        shown["visible_to"] = str(row["visible_to"])
    if name == "person":
        shown["email"], shown["phone"] = row["emails"], row["phones"]
    if BY_NAME[name].has_custom_fields:
        for definition in account.fields.custom(name):
            shown.update(custom_values.as_flat(definition, row["custom_fields"].get(definition.code)))
    return shown


def body_v1(account: Account, change: Change, domain: str, permitted: list[int]) -> Record:
    """The version 1 body; `for_hook_v1` fills in hook and attempt."""
    action = "merged" if change.merged_from_id is not None else _V1_ACTIONS[change.action]
    now = object_v1(account, change.entity, change.record)
    before = object_v1(account, change.entity, change.previous)
    is_user = change.entity == "user"
    seconds = change.at.timestamp()
    nothing: Record = {"current": [], "previous": []}
    meta: Record = {
        "v": 1,
        "action": action,
        "object": change.entity,
        "id": change.entity_id,
        "company_id": account.company_id,
        "user_id": change.actor.user_id,
        "host": f"{domain}.pipedrive.com",
        "timestamp": int(seconds),
        "timestamp_micro": int(seconds * 1_000_000),
        "permitted_user_ids": permitted,
        "trans_pending": False,
        "is_bulk_update": False,
        "pipedrive_service_name": False,
        "matches_filters": nothing,
        "change_source": change.actor.source,
    }
    return {
        "v": 1,
        "event": f"{action}.{change.entity}",
        "matches_filters": nothing,
        "meta": meta,
        "current": [now] if is_user and now else now,
        "previous": [before] if is_user and before else before,
    }


def for_hook_v1(body: Record, hook_id: int, attempt: int) -> Record:
    return {**body, "retry": attempt - 1, "meta": {**body["meta"], "webhook_id": hook_id}}
