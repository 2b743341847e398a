"""What a record was before a change that did not arrive: from what arrived last, else from the record's changelog.

Several missed changes of one record are told as one, from the values known last to the present ones.

Source: Pipedrive API v1 `GET /deals|persons|organizations/{id}/changelog` (OpenAPI of 2026-08-18), read 2026-11-22:
20 tokens, newest entry first, every value as text. Other records have no changelog.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from automations.connectors.pipedrive import listed, records
from automations.connectors.pipedrive.client import address
from automations.engine.contracts import Arrival, JsonObject, Occurrence
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_WITH_CHANGELOG = frozenset({"deal", "person", "organization"})
_MOST_ENTRIES = 500
_MOST_PAGES = 4
_V1_NAMES = {"user_id": "owner_id", "label": "label_ids"}
_NOT_COMPARED = frozenset({"email", "phone", "label_ids", "emails", "phones", "address"})


def with_previous(
    arrival: Arrival, last: Occurrence | None, since: datetime, client: PipedriveClient
) -> Arrival | None:
    """Return a missed change with the old values in it as far as they can be known; None when nothing differs."""
    if not arrival.topic.endswith(".change"):
        return arrival
    body = orjson.loads(arrival.payload)
    kept = body["listed"]
    if last is not None:
        previous = _since_last(kept["record"], last.record)
        if not previous:
            return None
    else:
        found = _from_changelog(kept["entity"], kept["record"], since, client)
        if found is None:
            return arrival
        previous = found
    kept["previous"] = previous
    return replace(arrival, payload=orjson.dumps(body))


def _since_last(record: JsonObject, last: JsonObject) -> JsonObject:
    """Return what differs from the record as it arrived last; what only one of the two shapes has proves nothing."""
    shared = {key: old for key, old in last.items() if key in record}
    return {
        key: old for key, old in records.differences(record, shared).items() if _differs(key, old, record)
    }


def _differs(key: str, old: Any, record: JsonObject) -> bool:
    now = record.get(key)
    if key == "custom_fields":
        return True
    return not (_is_empty(old) and _is_empty(now))


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _from_changelog(
    entity: str, record: JsonObject, since: datetime, client: PipedriveClient
) -> JsonObject | None:
    """Return the values that there were before the first change in the window; None where no changelog tells it."""
    if entity not in _WITH_CHANGELOG:
        return None
    previous: JsonObject = {}
    cursor: Any = None
    path = address(entity, record["id"], "/changelog").replace("/api/v2/", "/api/v1/")
    for _ in range(_MOST_PAGES):
        params = {"limit": _MOST_ENTRIES, **({"cursor": cursor} if cursor else {})}
        try:
            answer = client.get(
                path, params, what=f"read what changed in {entity} {record['id']}", absent_ok=True
            )
        except RejectedError:
            return None
        for entry in answer.records:
            when = listed.moment(entry.get("time"))
            if when is not None and when < since:
                return previous or None
            _put_back(previous, record, entry)
        cursor = answer.additional.get("next_cursor")
        if not cursor or not answer.records:
            break
    return previous or None


def _put_back(previous: JsonObject, record: JsonObject, entry: JsonObject) -> None:
    """Note an entry's old value; entries come newest first, so the oldest of a field stays."""
    name = str(entry.get("field_key"))
    name = _V1_NAMES.get(name, name)
    if records.is_custom_key(name):
        held = record.get("custom_fields") or {}
        previous.setdefault("custom_fields", {})[name] = _as_like(entry.get("old_value"), held.get(name))
    elif name in record and name not in _NOT_COMPARED:
        previous[name] = _as_like(entry.get("old_value"), record[name])


def _as_like(text: Any, now: Any) -> Any:
    """Return a text of the changelog in the type that the field has; an empty one is null."""
    if not isinstance(text, str):
        return text
    if not text:
        return None
    if isinstance(now, bool):
        return text in ("1", "true")
    if isinstance(now, str):
        return text
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
