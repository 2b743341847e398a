"""Custom fields by their labels, options as labels: what `deal.custom["Roof type"]` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automations.engine.contracts import JsonObject


def by_label(record: Mapping[str, Any], fields: Sequence[JsonObject]) -> JsonObject:
    """Return every custom field of an entity by its label, null where the record has none.

    Of two fields with one label the first that has a value counts; the raw ones stay under `custom_fields`.
    """
    held = record.get("custom_fields")
    values = held if isinstance(held, dict) else {}
    found: JsonObject = {}
    for definition in fields:
        if not definition.get("is_custom"):
            continue
        label = str(definition.get("name"))
        value = readable(values.get(str(definition.get("id"))), definition)
        if found.get(label) is None:
            found[label] = value
    # A template that reads an earlier label means the same field still, unless another has taken the label.
    for definition in fields:
        for label in definition.get("former", ()) if definition.get("is_custom") else ():
            found.setdefault(str(label), found.get(str(definition.get("name"))))
    return found


def unknown_keys(record: Mapping[str, Any], fields: Iterable[JsonObject]) -> set[str]:
    """Return the keys of custom fields that hold a value here and have no definition."""
    held = record.get("custom_fields")
    used = {key for key, value in held.items() if value is not None} if isinstance(held, dict) else set()
    return used - {str(definition.get("id")) for definition in fields}


def readable(value: Any, definition: Mapping[str, Any]) -> Any:
    """Return a custom field's value with option labels for option ids; other types stay as they are.

    Takes v1's option texts too (`"41"`, `"41,44"`).
    """
    kind = definition.get("type")
    if value is None or kind not in ("enum", "set"):
        return value
    labels = {str(option.get("id")): option.get("label") for option in definition.get("options") or ()}
    if kind == "enum":
        return labels.get(str(value), value)
    chosen = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return [labels.get(str(one).strip(), one) for one in chosen]
