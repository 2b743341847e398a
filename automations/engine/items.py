"""What a step goes through: the items of its `for_each`, and how each of them is known again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from automations.engine.compiled import CompiledStep
from automations.engine.definition import FOR_EACH_MAX
from automations.engine.templating import MISSING, render
from automations.errors import MappingError
from automations.model.columns import dump_json


def items_of(step: CompiledStep, context: Mapping[str, Any]) -> Sequence[Any]:
    """Return the items of a step's `for_each`; a step without one has one item, None.

    Raises MappingError when there is no list, or too long a one.
    """
    if step.for_each is None:
        return [None]
    try:
        found = render(step.for_each, context)
    except MappingError as error:
        raise MappingError(
            f"Step {step.name!r}, for_each: {error.message}", step=step.name, field="for_each"
        ) from error
    if found is MISSING or found is None:
        return []
    if not isinstance(found, list):
        raise MappingError(
            f"Step {step.name!r}: for_each needs a list and found {type(found).__name__}. Choose a field that "
            "holds a list.",
            step=step.name,
            field="for_each",
        )
    if len(found) > FOR_EACH_MAX:
        raise MappingError(
            f"Step {step.name!r}: for_each found {len(found)} items; {FOR_EACH_MAX} is the most.",
            step=step.name,
            field="for_each",
        )
    return found


def item_keys(items: Sequence[Any]) -> list[str]:
    """Return a text for each item of a `for_each` by which it is known again in another order or a longer list.

    It is `<identity>`, or `<identity>.<value>` where the two differ: a record is known by its `id`, anything else by
    its value. A number, and a record that is nothing but its `id`, have an empty value: out of their list they could
    be anything. Of several alike the first, the second, … are told apart by their number.
    """
    identities: Counter[str] = Counter()
    values: Counter[str] = Counter()
    keys: list[str] = []
    for item in items:
        named = _named(item)
        key = _numbered(identities, named)
        if named == item and not _tells_little(item):
            keys.append(key)
        else:
            keys.append(f"{key}.{'' if _tells_little(item) else _numbered(values, item)}")
    return keys


def in_same_list(item_key: str) -> str:
    """Return what an item is known by as long as the list is the same, even where the item has changed."""
    return item_key.partition(".")[0]


def in_other_list(item_key: str) -> str:
    """Return what an item is known by where the list is another one: its whole value. Empty where none tells."""
    if item_key.startswith("="):
        return item_key
    identity, has_value, value = item_key.partition(".")
    known_by = value if has_value else identity
    return f"={known_by}" if known_by else ""


def _named(item: Any) -> Any:
    identity = item.get("id") if isinstance(item, dict) else None
    if isinstance(identity, int | str) and not isinstance(identity, bool) and identity != "":
        return {"id": identity}
    return item


def _tells_little(item: Any) -> bool:
    return item is None or isinstance(item, int | float) or (isinstance(item, dict) and item.keys() <= {"id"})


def _numbered(seen: Counter[str], item: Any) -> str:
    try:
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = dump_json(item).encode()
    key = hashlib.blake2b(text, digest_size=12).hexdigest()
    seen[key] += 1
    return key if seen[key] == 1 else f"{key}#{seen[key]}"
