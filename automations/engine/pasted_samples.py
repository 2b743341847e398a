"""What a person pastes as a sample: a record, a whole webhook, or an occurrence."""

from __future__ import annotations

import json

from automations.engine.contracts import (
    ConnectionKind,
    InboundRequest,
    JsonObject,
    Occurrence,
    Trigger,
    topic_fits,
)
from automations.engine.strict_json import loads
from automations.errors import InputError

PASTE_MAX_BYTES = 262_144
_SHAPES: dict[str, tuple[type, ...]] = {
    "topic": (str,),
    "entity": (str,),
    "record": (dict,),
    "previous": (dict, type(None)),
    "record_key": (str,),
    "label": (str,),
    "occurred_at": (str,),
    "related": (dict,),
    "facts": (dict,),
}


def parse_sample(trigger: Trigger, kind: ConnectionKind, text: str) -> Occurrence:
    """Read a record, a whole webhook as the product sends it, or an occurrence. Raises InputError."""
    body = text.encode("utf-8", "replace")
    value = loads(body, max_bytes=PASTE_MAX_BYTES)
    if not isinstance(value, dict):
        raise InputError("A sample is one JSON object: a record, or a webhook as it arrives.")
    if isinstance(value.get("record"), dict):
        return _occurrence(trigger, value)
    arrived = _as_arrival(trigger, kind, body)
    return arrived if arrived is not None else _bare_record(trigger, value)


def _occurrence(trigger: Trigger, value: JsonObject) -> Occurrence:
    for name, shapes in _SHAPES.items():
        if name in value and not isinstance(value[name], shapes):
            raise InputError(
                f"A sample's {name!r} is {'a text' if str in shapes else 'an object'}. Correct it."
            )
    base = {"topic": trigger.sample.topic, "entity": trigger.sample.entity, **trigger_facts(trigger)}
    return Occurrence.from_json({**base, **value})


def _as_arrival(trigger: Trigger, kind: ConnectionKind, body: bytes) -> Occurrence | None:
    try:
        for arrival in kind.receive(InboundRequest(body, "application/json", {})):
            if topic_fits(arrival.topic, trigger.topics):
                return kind.read(arrival.topic, arrival.payload)
    except (InputError, NotImplementedError, LookupError, AttributeError, TypeError, ValueError):
        return None
    return None


def _bare_record(trigger: Trigger, record: JsonObject) -> Occurrence:
    label = str(record.get("title") or record.get("name") or record.get("id") or "pasted")
    return Occurrence(
        topic=trigger.sample.topic,
        entity=trigger.sample.entity,
        record=record,
        previous=trigger.sample.previous,
        record_key=f"{trigger.sample.entity}:{record.get('id', '')}",
        label=label,
    )


def trigger_facts(trigger: Trigger) -> JsonObject:
    """Return what a bare record lacks to look like this trigger's occurrence."""
    return {"previous": trigger.sample.previous, "facts": trigger.sample.facts}


def sample_text(occurrence: Occurrence) -> str:
    """Return a sample as text that `parse_sample` reads back."""
    return json.dumps(occurrence.as_json(), indent=2, ensure_ascii=False)
