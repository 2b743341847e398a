"""A record that was listed, kept as an event: what its payload looks like, and which state of the record it is.

A webhook tells what a record was before; a list tells only what it is. So `previous` is null here where nobody
knows, and `facts.listed` says why the record was listed: `backfill`, as if what the trigger waits for had just
happened to it, or `sweep`, because a change did not arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from automations.connectors.pipedrive import records
from automations.engine.contracts import Arrival, JsonObject, Occurrence, RecordState

BACKFILL, SWEEP = "backfill", "sweep"
_MARK = "listed"


def moment(value: Any) -> datetime | None:
    """Return a time of a record, RFC 3339 or v1's `YYYY-MM-DD HH:MM:SS`, aware; None when it cannot be read."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if when is None:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def changed_at(record: Mapping[str, Any]) -> datetime | None:
    """Return when a record was last changed, else when it was made, in whole seconds, as webhooks tell it."""
    when = moment(record.get("update_time")) or moment(record.get("add_time"))
    return when.replace(microsecond=0) if when else None


def arrival(
    entity: str, action: str, record: JsonObject, why: str, previous: JsonObject | None = None
) -> Arrival:
    """Return a listed record as what arrives. record: as `records.from_rest` gives it."""
    when = changed_at(record)
    number = record.get("id")
    state = record.get("update_time") or record.get("add_time") or ""
    body = {_MARK: {"entity": entity, "record": record, "previous": previous, "why": why}}
    return Arrival(
        topic=f"{entity}.{action}",
        record_key=f"{entity}:{number}",
        dedupe_key=f"{entity}.{action}:{number}@{state}",
        payload=orjson.dumps(body),
        occurred_at=when,
    )


def is_listed(body: Any) -> bool:
    """Tell whether a stored payload is of a listed record; what arrives from outside never is."""
    return isinstance(body, dict) and isinstance(body.get(_MARK), dict) and "meta" not in body


def read(topic: str, body: Mapping[str, Any]) -> Occurrence:
    kept = body[_MARK]
    entity, record = str(kept["entity"]), dict(kept["record"])
    when = changed_at(record)
    return Occurrence(
        topic=topic,
        entity=entity,
        record=record,
        previous=kept.get("previous"),
        record_key=f"{entity}:{record.get('id')}",
        label=records.label_of(entity, record),
        occurred_at=when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else "",
        facts={"listed": kept.get("why"), "change_source": None, "attempt": 1, "is_bulk_edit": False},
    )


def is_as_it_stands(occurrence: Occurrence) -> bool:
    """Tell whether a record is looked at as it stands, whatever it was before: it comes from a backfill."""
    return occurrence.facts.get("listed") == BACKFILL


def was_is_unknown(occurrence: Occurrence) -> bool:
    """Tell whether a change is known to have happened and nobody knows what there was before."""
    return (
        "listed" in occurrence.facts and occurrence.previous is None and occurrence.topic.endswith(".change")
    )


def state_of(occurrence: Occurrence) -> RecordState | None:
    """Return which happening of its record this is; None for a change whose record does not tell its time.

    A record comes into being once and is deleted once. Two changes within one second have one time, and count as one
    where a webhook and a sweep tell them.
    """
    action = occurrence.topic.rpartition(".")[2]
    at = changed_at(occurrence.record)
    if action in ("create", "delete"):
        return RecordState(action, at if action == "create" else moment(occurrence.occurred_at))
    return RecordState(at.isoformat(), at) if at is not None else None
