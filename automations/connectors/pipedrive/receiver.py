"""Pipedrive's webhooks, version 2 and 1: taken in fast (`receive`), understood later (`read`).

`receive` runs inside the request that Pipedrive waits for, so it only finds out what happened to which record;
the body is stored as it came. Both versions have the topics `<entity>.create|change|delete`, and `.merge`.

A merge is one event: version 2 sends the `change` of the record that stays and the `delete` of the one that
goes, and the second is passed over. Version 1 marks the first as `merged` and says nothing on the second, which
therefore arrives as an ordinary delete.

Source: Pipedrive "Guide for Webhooks v2" and "Guide for Webhooks", read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from automations.connectors.pipedrive import listed, records
from automations.engine.contracts import Arrival, InboundRequest, JsonObject, Occurrence
from automations.engine.strict_json import loads, reread
from automations.errors import InputError

_LEGACY_ACTIONS = {"added": "create", "updated": "change", "deleted": "delete", "merged": "merge"}
_LONGEST_NAME = 60
_LONGEST_KEY = 200


def receive(request: InboundRequest) -> Sequence[Arrival]:
    """Return what happened: one arrival, or none for the half of a merge that is told elsewhere.

    Raises InputError when it is not JSON, or is JSON that no Pipedrive webhook has.
    """
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind and not kind.endswith("json"):
        raise InputError(
            f"Pipedrive webhooks are application/json, and this is {kind[:60]!r}. Send JSON.",
            code="wrong_content_type",
            status=415,
        )
    body = loads(request.body)
    meta = body.get("meta") if isinstance(body, dict) else None
    if not isinstance(meta, dict):
        raise InputError(
            "This is JSON, but no Pipedrive webhook: it has no object `meta`. Send what Pipedrive sends.",
            code="not_a_webhook",
        )
    if "object" in meta and "entity" not in meta:
        return (_legacy_arrival(request.body, body, meta),)
    if meta.get("merged_to_id") is not None:
        return ()
    return (_arrival(request.body, body, meta),)


def _arrival(payload: bytes, body: JsonObject, meta: JsonObject) -> Arrival:
    entity = _name(meta.get("entity"), "meta.entity")
    action = _name(meta.get("action"), "meta.action")
    if action == "change" and meta.get("merged_from_id") is not None:
        action = "merge"
    number, event_id = meta.get("entity_id"), meta.get("id")
    if entity == "user" or event_id is None:
        # The documented user events repeat the user's id as event id, so it tells nothing apart.
        event_id = f"{entity}.{action}:{number}:{meta.get('timestamp')}:{_digest(body.get('data'))}"
    return Arrival(
        topic=f"{entity}.{action}",
        record_key=_key(entity, number),
        dedupe_key=_bounded(f"{meta.get('company_id')}/{meta.get('webhook_id')}/{event_id}"),
        payload=payload,
        occurred_at=moment(meta.get("timestamp")),
    )


def _legacy_arrival(payload: bytes, body: JsonObject, meta: JsonObject) -> Arrival:
    entity = _name(meta.get("object"), "meta.object")
    action = _name(meta.get("action"), "meta.action")
    number, micro = meta.get("id"), meta.get("timestamp_micro")
    if micro is None:
        micro = f"{meta.get('timestamp')}:{_digest(body.get('current'))}"
    webhook = f"{meta.get('company_id')}/{meta.get('webhook_id')}"
    return Arrival(
        topic=f"{entity}.{_LEGACY_ACTIONS.get(action, action)}",
        record_key=_key(entity, number),
        dedupe_key=_bounded(f"v1/{webhook}/{entity}.{action}/{number}/{micro}"),
        payload=payload,
        occurred_at=moment(meta.get("timestamp")),
    )


def _name(value: Any, where: str) -> str:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME:
        return value
    raise InputError(
        f"This is JSON, but no Pipedrive webhook: `{where}` is not a short text. Send what Pipedrive sends.",
        code="not_a_webhook",
    )


def _key(entity: str, number: Any) -> str:
    return "" if number is None else f"{entity}:{number}"[:_LONGEST_KEY]


def _bounded(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else blake2b(key.encode(), digest_size=32).hexdigest()


def _digest(value: Any) -> str:
    # Whole numbers beyond 64 bits are legal JSON that orjson refuses to write.
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(value).encode()
    return blake2b(text, digest_size=16).hexdigest()


def moment(value: Any) -> datetime | None:
    """Return the time of an event, aware and UTC; None when it cannot be read.

    Takes the three forms that Pipedrive has sent: RFC 3339, `YYYY-MM-DD HH:MM:SS` and Unix seconds.
    """
    try:
        if isinstance(value, str) and not value.isdecimal():
            when = datetime.fromisoformat(value)
            return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


# -- read -----------------------------------------------------------------------------------------


def read(topic: str, payload: bytes) -> Occurrence:
    """Return a stored webhook in REST v2's shape.

    For a delete the record is its last state. `previous` holds only what differs, in both versions.
    """
    body = reread(payload)
    if listed.is_listed(body):
        return listed.read(topic, body)
    meta = body["meta"]
    legacy = "object" in meta and "entity" not in meta
    entity = str(meta["object"] if legacy else meta["entity"])
    record, previous = _legacy_states(entity, body) if legacy else _states(entity, body)
    number = meta.get("id") if legacy else meta.get("entity_id")
    if record.get("id") is None and number is not None:
        record["id"] = _whole(number)
    return Occurrence(
        topic=topic,
        entity=entity,
        record=record,
        previous=previous,
        record_key=_key(entity, number),
        label=records.label_of(entity, record),
        occurred_at=_iso(moment(meta.get("timestamp"))),
        facts=_facts(body, meta, legacy),
    )


def _states(entity: str, body: JsonObject) -> tuple[JsonObject, JsonObject | None]:
    data, previous = body.get("data"), body.get("previous")
    if not isinstance(data, dict):
        return records.from_webhook(entity, previous), None
    record = records.from_webhook(entity, data)
    if not isinstance(previous, dict):
        return record, None
    return record, records.differences(record, records.from_webhook(entity, previous))


def _legacy_states(entity: str, body: JsonObject) -> tuple[JsonObject, JsonObject | None]:
    current, previous = body.get("current"), body.get("previous")
    if not current:
        return records.from_legacy(entity, previous), None
    record = records.from_legacy(entity, current)
    if not previous:
        return record, None
    return record, records.whole_differences(record, records.from_legacy(entity, previous))


def _facts(body: JsonObject, meta: JsonObject, legacy: bool) -> JsonObject:
    retry = body.get("retry")
    facts = {
        "change_source": meta.get("change_source"),
        "user_id": _whole(meta.get("user_id")),
        "company_id": _whole(meta.get("company_id")),
        "attempt": meta.get("attempt") if not legacy else retry + 1 if isinstance(retry, int) else 1,
        "is_bulk_edit": bool(meta.get("is_bulk_update" if legacy else "is_bulk_edit")),
        "version": "1.0" if legacy else "2.0",
    }
    if meta.get("merged_from_id") is not None:
        facts["merged_from_id"] = _whole(meta["merged_from_id"])
    return facts


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 19 else value


def _iso(when: datetime | None) -> str:
    return "" if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
