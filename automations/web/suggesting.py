"""What a new step is filled with: the actions' own suggestions, as far as this trigger's records have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.engine.contracts import Action, JsonObject, Trigger
from automations.web.leaf_text import read_json
from automations.web.path_words import path_source, words_for


def suggested_fields(action: Action, trigger: type[Trigger] | None) -> JsonObject:
    """Return field values for a new step; a suggestion that reads nothing of the sample is left out."""
    found: JsonObject = {}
    for name, info in action.Fields.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        text = str(extra.get("suggest") or "")
        if not text:
            continue
        value = read_json(text) if text.startswith(('{"', "[")) else text
        if isinstance(value, dict):
            value = {key: fit for key, inner in value.items() if (fit := _fitted(inner, trigger)) is not None}
        else:
            value = _fitted(value, trigger)
        if value not in (None, {}):
            found[name] = value
    return found


def _fitted(value: Any, trigger: type[Trigger] | None) -> Any:
    """Return the template as this trigger can read it; None where its sample has no such value."""
    words = words_for(value) if isinstance(value, str) else None
    if words is None or trigger is None:
        return value
    root, *rest = words.path
    if root in ("event", "now", "previous", "changed"):
        return value
    record = {**trigger.sample.record, **trigger.sample.related}
    if root in ("record", trigger.entity):
        path, start = [trigger.entity, *rest], record
    else:
        path, start = [trigger.entity, root, *rest], record
    if _at(start, path[1:]) is None:
        return None
    return value.replace(path_source(words.path), path_source(tuple(path)), 1)


def _at(value: Any, keys: list[Any]) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value
