"""What a message of the Segment spec is, and the one shape that triggers and templates read.

Source: Segment docs, "Spec: Common", "Identify", "Track", "Page", "Screen", "Group" and "Alias"; RudderStack docs,
"HTTP API"; both read 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from automations.connectors.segment.moments import happened_at, written
from automations.engine.contracts import JsonObject, Occurrence

TYPES: Final = ("identify", "track", "group", "alias", "page", "screen")
#: What templates may begin with besides the record. `external_ids`: type of an external id -> the id, as text.
NAMES: Final = (
    "traits", "properties", "context", "userId", "anonymousId", "groupId", "previousId", "external_ids",
)  # fmt: skip
REFUSED: Final = "refused"

_IDS: Final = ("userId", "anonymousId", "groupId", "previousId")
_OBJECTS: Final = ("traits", "properties", "context", "integrations")
_LABEL_MAX: Final = 80
_KEY_MAX: Final = 150


def topic_of(type_: str) -> str:
    """Return the topic of a message type: `segment.track`."""
    return f"segment.{type_}"


def id_text(value: Any) -> str:
    """Return an id as text, `42` and `42.0` both as `42`; an empty text for what is no id."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def fault(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (code, what is wrong and what is wanted) of a message that no recipe could use; None for a good one."""
    kind = message.get("type")
    if kind not in TYPES:
        return "bad_type", f"Its type is none of {', '.join(TYPES)}."
    for name in _OBJECTS:
        # An empty list is what PHP makes of an empty table.
        if message.get(name) != [] and not isinstance(message.get(name), dict | None):
            return "bad_message", f"{name} is not an object."
    ids = {name: id_text(message.get(name)) for name in _IDS}
    if not (ids["userId"] or ids["anonymousId"]):
        return "no_user_anon_id", "It has neither a userId nor an anonymousId. Send one of them."
    if kind == "track" and not id_text(message.get("event")):
        return "no_event", "A track message needs the event's name in event."
    if kind == "group" and not _group_id(message):
        return "no_group_id", "A group message needs a groupId."
    if kind == "alias" and not (ids["userId"] and _previous_id(message)):
        return "no_previous_id", "An alias message needs a previousId and a userId."
    return None


def record_key(message: Mapping[str, Any]) -> str:
    """Return whose message it is, which is what keeps its order: `user:cust-88`, `anonymous:a-71f`."""
    user = id_text(message.get("userId"))
    text = f"user:{user}" if user else f"anonymous:{id_text(message.get('anonymousId'))}"
    return text.replace("\x00", "")[:_KEY_MAX]


def occurrence_of(message: Mapping[str, Any]) -> Occurrence:
    """Return a good message in the shape that triggers and templates read."""
    record = normalised(message)
    kind = str(record["type"])
    return Occurrence(
        topic=topic_of(kind),
        entity=kind,
        record=record,
        record_key=record_key(record),
        label=_label(record),
        occurred_at=record.get("timestamp") or "",
    )


def refused_occurrence(message: Any, reason: str) -> Occurrence:
    """Return a message that was kept to be looked at; no trigger looks at its topic."""
    return Occurrence(
        topic=topic_of(REFUSED),
        entity=REFUSED,
        record={"message": message, "reason": reason},
        label=f"refused: {reason}"[:_LABEL_MAX],
    )


def normalised(message: Mapping[str, Any]) -> JsonObject:
    """Return the message with ids as text, an identify's traits together, and `timestamp` put right.

    Nulls and fields that the spec does not know stay as they came. Normalising twice changes nothing.
    """
    record = dict(message)
    for name in _IDS:
        if record.get(name) is not None:
            record[name] = id_text(record[name]) or None
    if record.get("type") == "identify":
        record["traits"] = traits_of(record)
    if record.get("type") == "group":
        record["groupId"] = _group_id(record) or None
    if record.get("type") == "alias":
        record["previousId"] = _previous_id(record) or None
    if record.get("event") is not None:
        record["event"] = (
            id_text(record["event"]) if not isinstance(record["event"], str) else record["event"]
        )
    at = written(happened_at(record))
    if at:
        record["timestamp"] = at
    return record


def names_of(record: Mapping[str, Any]) -> JsonObject:
    """Return every one of `NAMES`: tables are there also when the message has none, ids are None then."""
    message = normalised(record)
    return {
        "traits": traits_of(message),
        "properties": _table(message.get("properties")),
        "context": _table(message.get("context")),
        **{name: message.get(name) for name in _IDS},
        "external_ids": external_ids(message),
    }


def traits_of(message: Mapping[str, Any]) -> JsonObject:
    """Return the user's traits: `context.traits`, with what stands at the root winning.

    Some SDKs send an identify's traits in the context only. A group's traits are the group's: nothing is added.
    """
    own = _table(message.get("traits"))
    if message.get("type") == "group":
        return own
    return {**_table(_table(message.get("context")).get("traits")), **own}


def external_ids(message: Mapping[str, Any]) -> JsonObject:
    """Return type -> id from `context.externalIds` and `context.externalId`; the last of a type wins."""
    context = _table(message.get("context"))
    found: JsonObject = {}
    for name in ("externalIds", "externalId"):
        listed = context.get(name)
        for entry in listed if isinstance(listed, list) else [listed]:
            if isinstance(entry, dict) and id_text(entry.get("type")) and id_text(entry.get("id")):
                found[id_text(entry["type"])] = id_text(entry["id"])
    return found


def _group_id(message: Mapping[str, Any]) -> str:
    return id_text(message.get("groupId")) or id_text(_table(message.get("traits")).get("groupId"))


def _previous_id(message: Mapping[str, Any]) -> str:
    places = (message, _table(message.get("traits")), _table(_table(message.get("context")).get("traits")))
    return next(filter(None, (id_text(place.get("previousId")) for place in places)), "")


def _label(record: Mapping[str, Any]) -> str:
    traits = traits_of(record)
    who = traits.get("email") or traits.get("name") or record.get("userId") or record.get("anonymousId") or ""
    what = record.get("event") or record.get("name") or record.get("groupId") or record.get("previousId")
    words = [str(word) for word in (what, who) if isinstance(word, str) and word]
    return (" · ".join(words) or str(record.get("type", "")))[:_LABEL_MAX]


def _table(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
