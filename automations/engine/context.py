"""What a template may read, built as plain JSON from one occurrence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automations.engine.contracts import JsonObject, Occurrence
from automations.made_often import made_often

ALWAYS_KNOWN = ("record", "previous", "changed", "event", "steps", "now")


@made_often
@dataclass(frozen=True)
class Envelope:
    """What is known about the event itself; times are ISO 8601, UTC."""

    id: int = 0
    trigger: str = ""
    connection: str = ""
    occurred_at: str = ""
    received_at: str = ""
    is_replay: bool = False
    is_backfill: bool = False

    def as_json(self) -> JsonObject:
        return {
            "id": self.id,
            "trigger": self.trigger,
            "connection": self.connection,
            "occurred_at": self.occurred_at,
            "received_at": self.received_at,
            "is_replay": self.is_replay,
            "is_backfill": self.is_backfill,
        }


def iso(at: datetime | None) -> str:
    """Return an aware time as ISO 8601 with milliseconds and `Z`; an empty text for None."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""


def build_context(
    occurrence: Occurrence,
    envelope: Envelope,
    *,
    names: Mapping[str, Any] | None = None,
    related: Mapping[str, Any] | None = None,
    steps: Mapping[str, Any] | None = None,
) -> JsonObject:
    """Return the names a template may read.

    names: what the connection's kind adds at the top; it takes no name away. related: what was looked up for this
    run; it lies inside the record, under the sample's own where both have a key. steps: outcomes of earlier steps
    by name.
    """
    record = {**occurrence.record, **occurrence.related, **(related or {})}
    context: JsonObject = {
        **(names or {}),
        "record": record,
        "previous": occurrence.previous or {},
        "changed": occurrence.changed,
        "event": envelope.as_json(),
        "steps": dict(steps or {}),
        "now": envelope.occurred_at or occurrence.occurred_at or envelope.received_at,
    }
    if occurrence.entity:
        context[occurrence.entity] = record
    return context


def with_item(context: Mapping[str, Any], item: Any, index: int, count: int) -> JsonObject:
    """Return the context inside a `for_each`."""
    loop = {
        "index": index + 1,
        "index0": index,
        "first": index == 0,
        "last": index == count - 1,
        "length": count,
    }
    return {**context, "item": item, "loop": loop}


def known_names(entity: str, names: Iterable[str] = (), *, in_loop: bool = False) -> frozenset[str]:
    """Return the top-level names that templates of this trigger may use. names: the trigger's own."""
    return frozenset(ALWAYS_KNOWN) | {entity, *names} | ({"item", "loop"} if in_loop else set())
