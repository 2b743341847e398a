"""What happened: as intake stores it, and as triggers and templates read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any

from automations.engine.contracts.fields import JsonObject
from automations.made_often import made_often


@made_often
@dataclass(frozen=True)
class Arrival:
    """One happening as intake stores it, before anything is decided.

    topic: `entity.action` in the connector's words, such as `deal.change`. record_key: `deal:5120`, empty where
    nothing has an order. dedupe_key: the same happening always gives the same text, at most 200 characters.
    payload: bytes that `ConnectionKind.read` understands again. hops: how many runs lie behind it, where the sender
    says so.
    """

    topic: str
    record_key: str
    dedupe_key: str
    payload: bytes
    occurred_at: datetime | None = None
    hops: int = 0


@made_often
@dataclass(frozen=True)
class Occurrence:
    """A happening in the shape that triggers and templates read; plain JSON throughout.

    entity: the record's name inside templates (`deal`). previous: old values of what changed, by the record's
    own keys; None when the whole is new or gone. label: a few words for lists, such as `Office chairs (deal 5120)`.
    related: what was looked up and belongs inside the record (`person`, `stage`, …). facts: what else a
    trigger may need (change source, acting user).
    """

    topic: str
    entity: str
    record: JsonObject
    previous: JsonObject | None = None
    record_key: str = ""
    label: str = ""
    occurred_at: str = ""
    related: JsonObject = dataclass_field(default_factory=dict)
    facts: JsonObject = dataclass_field(default_factory=dict)

    @property
    def changed(self) -> list[str]:
        """Names of the fields whose value really differs; a key in `previous` alone proves nothing."""
        return changed_names(self.record, self.previous)

    def as_json(self) -> JsonObject:
        return {
            "topic": self.topic,
            "entity": self.entity,
            "record": self.record,
            "previous": self.previous,
            "record_key": self.record_key,
            "label": self.label,
            "occurred_at": self.occurred_at,
            "related": self.related,
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Occurrence:
        """Build from `as_json`'s shape; unknown keys are ignored, absent ones take their defaults."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        return cls(**{"topic": "", "entity": "record", "record": {}, **known})


def changed_names(record: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[str]:
    """Return the keys that are in `previous` and hold another value now, custom fields one level down."""
    names: list[str] = []
    for key, old in (previous or {}).items():
        now = record.get(key)
        if key == "custom_fields" and isinstance(old, dict):
            inner = now if isinstance(now, dict) else {}
            names += [f"custom_fields.{name}" for name, value in old.items() if inner.get(name) != value]
        elif now != old:
            names.append(key)
    return names
