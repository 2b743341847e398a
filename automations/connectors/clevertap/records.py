"""Upload records as CleverTap wants them, made from what an author mapped.

Sources: CleverTap, "Upload User Profiles", "Upload Events" (2026-06-30), its SFTP import page for `$add`, `$remove`
and `$delete`, its Web SDK for `$incr` and `$decr`; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from automations.connectors.clevertap.mending import Mender, is_plain_list, misfit, table
from automations.connectors.clevertap.policies import DEFAULT, Policies
from automations.connectors.clevertap.special_keys import is_special, special_value
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError
from automations.made_often import made_often

# Outside 1973 to 5138 a number of seconds can only be a mistake, such as milliseconds.
_EARLIEST_TS: Final = 100_000_000
_LATEST_TS: Final = 99_999_999_999
_IDENTITY_CHARACTERS: Final = 1023
_CHARGED_ITEMS: Final = 50
_PASSED_THROUGH: Final = frozenset({"category-unsubscribe", "category-resubscribe"})
_OPERATORS: Final = ("increment", "append", "remove", "unset")
_UNSET: Final = {"$delete": True}

RESERVED_EVENTS: Final = frozenset(
    (
        "Notification Sent", "Notification Viewed", "Notification Clicked", "Notification Delivered",
        "Notification Replied", "Notification Bounced", "UTM Visited", "App Launched", "App Uninstalled",
        "App Version Changed", "Stayed", "Reply Sent", "Experiment Rendered", "Reachable By", "Identity Set",
        "Identity Reset", "Identity Error", "wzrk_d",
    )
)  # fmt: skip


@made_often
@dataclass(frozen=True)
class UploadRecord:
    """One record ready to send. mended: what had to be changed, one short sentence each.

    drops_invalid: a key that CleverTap refuses may be left out, so that the rest arrives.
    """

    record: JsonObject
    mended: list[str]
    drops_invalid: bool = False

    def without(self, key: str, why: str) -> UploadRecord:
        """Return this profile record without one of its keys."""
        data = {name: value for name, value in self.record["profileData"].items() if name != key}
        note = f"{key!r} was left out: {why}"
        return replace(self, record={**self.record, "profileData": data}, mended=[*self.mended, note])


def profile_record(
    identity: str | None,
    object_id: str | None,
    timestamp: datetime | int | None,
    properties: Mapping[str, Any],
    operators: Mapping[str, Any],
    policies: Policies = DEFAULT,
) -> UploadRecord:
    """Return a profile record. Raises FieldsError for what CleverTap would refuse and the policies do not mend.

    With both ids the record addresses the device, and its profile gets the identity.
    """
    mender = Mender(in_profile=True, nested=policies.nested)
    data: JsonObject = {}
    if identity and object_id:
        data["identity"] = _identity(identity)
    for key, value in properties.items():
        if value is None and policies.if_null == "skip":
            continue
        field = f"properties.{key}"
        for name, fitting in _profile_values(mender.name(key, field), value, mender, field, policies):
            mender.put(data, name, fitting, field)
    for operator in _known_operators(operators):
        for key, value in _operands(operator, operators[operator]):
            field = f"operators.{operator}.{key}"
            name = mender.name(key, field)
            change = _operation(operator, name, value, mender, field)
            if change is not None:
                mender.put(data, name, change, field)
    record = {"type": "profile", **_root(identity, object_id, timestamp), "profileData": data}
    return UploadRecord(record, mender.notes, drops_invalid=policies.if_invalid == "drop")


def event_record(
    identity: str | None,
    object_id: str | None,
    event_name: str,
    timestamp: datetime | int | None,
    properties: Mapping[str, Any],
    policies: Policies = DEFAULT,
) -> UploadRecord:
    """Return an event record; null properties are left out. Raises FieldsError for what would be refused."""
    if identity and object_id:
        raise FieldsError(
            "An event takes one id. Map Identity or CleverTap ID, not both.",
            field="object_id",
            wanted="nothing",
        )
    mender = Mender(in_profile=False, nested=policies.nested)
    name = mender.name(event_name, "event_name")
    if name in RESERVED_EVENTS:
        raise misfit("event_name", event_name, "free: CleverTap keeps this event name for itself")
    data: JsonObject = {}
    for key, value in properties.items():
        field = f"properties.{key}"
        if name == "Charged" and key == "Items" and value is not None:
            data[key] = _items(value, mender, field)
        else:
            _put_single(data, key, value, mender, field)
    root = _root(identity, object_id, timestamp)
    return UploadRecord({"type": "event", **root, "evtName": name, "evtData": data}, mender.notes)


def _root(identity: str | None, object_id: str | None, timestamp: datetime | int | None) -> JsonObject:
    root: JsonObject = {"objectId": object_id} if object_id else {"identity": _identity(identity or "")}
    if timestamp is not None:
        root["ts"] = _seconds(timestamp)
    return root


def _identity(identity: str) -> str:
    text = identity.strip()
    if not 0 < len(text) <= _IDENTITY_CHARACTERS:
        raise misfit("identity", identity, f"an id of 1 to {_IDENTITY_CHARACTERS:,} characters")
    return text


def _seconds(timestamp: datetime | int) -> int:
    seconds = int(timestamp.timestamp()) if isinstance(timestamp, datetime) else timestamp
    if not _EARLIEST_TS <= seconds <= _LATEST_TS:
        raise misfit("timestamp", timestamp, "a time with its zone, or seconds (not milliseconds) since 1970")
    return seconds


def _profile_values(
    name: str, value: Any, mender: Mender, field: str, policies: Policies
) -> Iterable[tuple[str, Any]]:
    """Return what is sent for one property, as (name, value): mostly one, none or several by the policies."""
    if value is None:
        return [(name, dict(_UNSET))]
    if is_special(name):
        return _special(name, value, mender, field, policies)
    if name in _PASSED_THROUGH:
        return [(name, value)]
    if is_plain_list(value):
        # A multi-value property without values does not exist; that is what an empty list means.
        return [(name, mender.texts(name, value) or dict(_UNSET))]
    return _single(name, value, mender, field)


def _special(name: str, value: Any, mender: Mender, field: str, policies: Policies) -> list[tuple[str, Any]]:
    try:
        return [(name, special_value(name, value, mender, field))]
    except FieldsError as error:
        if policies.if_invalid == "park":
            raise
        mender.notes.append(f"{name!r} was left out: {error.value[:60]!r} is not {error.wanted}")
        return []


def _single(name: str, value: Any, mender: Mender, field: str) -> Iterable[tuple[str, Any]]:
    """Return a value as single ones; a part of a nested one is named after it."""
    if not isinstance(value, dict | list):
        return [(name, mender.scalar(name, value))]
    unfolded = mender.unfolded(name, value, field)
    return [
        (clean, mender.scalar(clean, part))
        for key, part in unfolded
        for clean in [key if key == name else mender.name(key, field)]
    ]


def _put_single(data: JsonObject, key: str, value: Any, mender: Mender, field: str) -> None:
    if value is not None:
        for name, fitting in _single(mender.name(key, field), value, mender, field):
            mender.put(data, name, fitting, field)


def _known_operators(operators: Mapping[str, Any]) -> Iterable[str]:
    for name in operators:
        if name not in _OPERATORS:
            raise misfit(f"operators.{name}", name, f"an operator: use {', '.join(_OPERATORS)}")
    return [name for name in _OPERATORS if operators.get(name) is not None]


def _operands(operator: str, given: Any) -> Iterable[tuple[str, Any]]:
    """Return keys and what to do with them; `unset` also takes a key or a list of keys."""
    if operator == "unset" and not isinstance(given, dict):
        keys = given if isinstance(given, list) else [given]
        if not all(isinstance(key, str) for key in keys):
            raise misfit("operators.unset", given, "a key, or a list of keys")
        return [(key, True) for key in keys]
    return table(given, f"operators.{operator}").items()


def _operation(operator: str, name: str, value: Any, mender: Mender, field: str) -> JsonObject | None:
    """Return CleverTap's form of one operation; None where there is nothing to do."""
    if operator == "unset":
        return dict(_UNSET) if value not in (None, False) else None
    if value is None:
        return None
    if is_special(name):
        raise misfit(field, name, f"a key that {operator} works on; put its value into Properties")
    if operator == "increment":
        return _increment(value, field)
    if not is_plain_list(value) and isinstance(value, list | dict):
        raise misfit(field, value, "a text, or a list of texts")
    texts = mender.texts(name, value if isinstance(value, list) else [value])
    return {"$add" if operator == "append" else "$remove": texts} if texts else None


def _increment(value: Any, field: str) -> JsonObject | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise misfit(field, value, "a number")
    if value == 0:
        return None
    return {"$incr": value} if value > 0 else {"$decr": -value}


def _items(value: Any, mender: Mender, field: str) -> list[JsonObject]:
    """Return the items of a purchase: flat objects, the only list that an event may carry."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise misfit(field, value, "a list of items, each a set of named values")
    if len(value) > _CHARGED_ITEMS:
        mender.notes.append(f"'Items' was cut to its first {_CHARGED_ITEMS}")
    items: list[JsonObject] = []
    for item in value[:_CHARGED_ITEMS]:
        flat: JsonObject = {}
        for key, part in item.items():
            _put_single(flat, key, part, mender, field)
        items.append(flat)
    return items
