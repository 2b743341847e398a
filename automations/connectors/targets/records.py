"""What an author mapped, turned into the records that a target wants. Pure: nothing is asked, nothing leaves."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from automations.connectors.targets.attributes import Fitter, clean_name, misfit
from automations.connectors.targets.changes import Changes
from automations.connectors.targets.target import Operation, Target
from automations.connectors.targets.times import moment_of, read_moment
from automations.engine.contracts import JsonObject
from automations.engine.templating import MISSING
from automations.errors import FieldsError


@dataclass(frozen=True)
class Neutral:
    """One profile or event before any target is known. ids: by `user_id`, `anonymous_id`, `email`, `phone`.

    time: aware, or seconds since 1970; None: not mapped.
    """

    ids: Mapping[str, str]
    name: str = ""
    time: datetime | int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    operators: Mapping[str, Any] = field(default_factory=dict)


def ids_of(fields: Any) -> dict[str, str]:
    """Return the ids that were mapped, by the names that descriptions use."""
    found = {
        "user_id": fields.identity,
        "anonymous_id": fields.anonymous_id,
        "email": fields.email,
        "phone": fields.phone,
    }
    return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Shaped:
    """What one delivery comes to. records: at least one. notes: what was changed, one short sentence each.

    place: names that the call's path reads. equal: what must be the same within one call. person: whom it is about.
    """

    operation: Operation
    records: list[JsonObject]
    notes: list[str]
    place: Mapping[str, Any]
    equal: Any
    person: str


def shape(
    target: Target,
    operation: Operation,
    neutral: Neutral,
    settings: Mapping[str, str],
    *,
    delivery: str,
    first_at: str = "",
) -> Shaped:
    """Return what is sent. Raises FieldsError for what the target would refuse.

    settings: as templates read them. delivery: the same text for every try of one delivery. first_at: when its
    first try began, ISO 8601; for targets that need a time where none was mapped.
    """
    ids = _ids(target, neutral.ids)
    fitter = Fitter(target, operation)
    name = _event_name(operation, neutral.name, fitter) if operation.name == "event" else ""
    also = {theirs: neutral.ids.get(ours) for ours, theirs in target.part.identity.also_as.items()}
    mapped = {fitter.part.rename.get(key, key) for key in neutral.data}
    spare = {key: value for key, value in also.items() if value and key not in mapped}
    fitted = fitter.fit({**(spare if operation.name == "profile" else {}), **neutral.data})
    context: dict[str, Any] = {
        **{"user_id": None, "anonymous_id": None, "email": None, "phone": None},
        **ids,
        "name": name or None,
        "time": _time(target, neutral.time, first_at),
        "key": _key(delivery, neutral) if operation.carries_key else "",
        "settings": settings,
        "top": fitted.top,
    }
    changes = Changes(target, fitter, {"settings": settings})
    if operation.name == "profile":
        changes.take(neutral.operators, fitted.to_unset)
    context |= {"data": fitted.data, "operators": changes.groups or None}
    records = [_whole(operation.record.fill(context))]
    if changes.apart and not (fitted.data or fitted.top or changes.groups):
        records = []
    for operator, change in changes.apart:
        if operator.record is not None:
            records.append(_whole(operator.record.fill({**context, "change": change})))
    _check_sizes(operation, records)
    equal = operation.equal.fill(context) if operation.equal else None
    return Shaped(operation, records, fitted.notes, context, equal, ids["identity"])


def _ids(target: Target, given: Mapping[str, str]) -> dict[str, str]:
    part = target.part.identity
    found: dict[str, str] = {
        name: given[name].strip() for name in part.first_of if given.get(name, "").strip()
    }
    if not found:
        raise FieldsError(
            f"{target.title} needs one of {', '.join(_TITLES[name] for name in part.first_of)}. Map one of them.",
            field="identity",
            wanted="an id",
        )
    first = next(iter(found))
    ids = {first: found[first]} if part.only_first else found
    for name, value in ids.items():
        if not part.least_characters <= len(value) <= part.most_characters:
            wanted = f"an id of {part.least_characters} to {part.most_characters:,} characters"
            raise misfit(_FIELDS[name], value, wanted)
    return {**ids, "identity": found[first]}


_FIELDS = {"user_id": "identity", "anonymous_id": "anonymous_id", "email": "email", "phone": "phone"}
_TITLES = {"user_id": "Identity", "anonymous_id": "Anonymous id", "email": "E-mail", "phone": "Phone"}


def _event_name(operation: Operation, given: str, fitter: Fitter) -> str:
    part = operation.part.name
    name = clean_name(given, part.forbidden, part.instead, part.bytes)
    if not name.strip(part.instead or " "):
        raise misfit("event_name", given, "a name that the service can keep")
    if name in part.reserved:
        raise misfit("event_name", given, "free: the service keeps this event name for itself")
    if name != given:
        fitter.found.notes.append(f"{given[:60]!r} was sent as {name[:60]!r}")
    return name


def _time(target: Target, given: datetime | int | None, first_at: str) -> Any:
    if given is None:
        moment = read_moment(first_at) if target.part.time.needed else None
        return None if moment is None else target.record_time(moment)
    try:
        return target.record_time(moment_of(given))
    except ValueError as error:
        raise misfit("timestamp", str(given), f"a time with its zone, or {error}") from error


def _key(delivery: str, neutral: Neutral) -> str:
    """Return a UUID that is the same for every try of one delivery, and another for any other.

    Two installations that send to one account count their runs alike, so what is sent goes into it, too.
    """
    parts = (delivery, neutral.name, dict(neutral.ids), str(neutral.time), neutral.data, neutral.operators)
    content = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)
    return str(uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=4))


def _whole(record: Any) -> JsonObject:
    if record is MISSING or not isinstance(record, dict):
        raise FieldsError("Nothing is left to send of this record. Map more fields.", field="properties")
    return record


def _check_sizes(operation: Operation, records: list[JsonObject]) -> None:
    most = operation.batch.record_bytes
    for record in records if most is not None else ():
        size = len(orjson.dumps(record, default=str))
        if most is not None and size > most:
            raise misfit(
                "properties", f"a record of {size:,} bytes", f"at most {most:,} bytes, which it takes"
            )
