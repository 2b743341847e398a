"""Filters for what is missing, for tables of one's own, and for objects and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from automations.engine.templating.comparing import nothing
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.filters.text import plain
from automations.engine.templating.limits import MAX_ITEMS, MAX_VALUE_BYTES, MAX_WORK_CHARACTERS
from automations.engine.templating.missing import MISSING
from automations.engine.templating.values import as_json, as_text, finish, shown
from automations.errors import MappingError

_structure = FilterTable("Missing values, tables and objects")


@_structure.add("default(fallback, also_empty)", "Gives the fallback for a missing value; with true also for ''.",
                "{{ none | default('unknown') }}", "unknown", aliases=("d",), cures_missing=True)  # fmt: skip
def _default(value: Any, fallback: Any = "", also_empty: Any = False) -> Any:
    if nothing(value) or (also_empty and not value):
        return fallback
    return value


@_structure.add("coalesce(…)", "Gives the first value that is not missing.", "{{ none | coalesce(none, 'c') }}", "c",
                cures_missing=True)  # fmt: skip
def _coalesce(value: Any, *others: Any) -> Any:
    return next((found for found in (value, *others) if not nothing(found)), MISSING)


@_structure.add("lookup(table, default)", "Gives what the table has for the value, else the default.",
                "{{ 2 | lookup({'1': 'New', '2': 'Won'}, 'Other') }}", "Won")  # fmt: skip
def _lookup(value: Any, table: Any, default: Any = MISSING) -> Any:
    if not isinstance(table, Mapping):
        raise MappingError(f"'lookup' needs a table such as {{'a': 'b'}}, but found {shown(table)}.")
    wanted = plain(value, "lookup")
    for key, entry in table.items():
        if as_text(key) == wanted:
            return entry
    return default


@_structure.add("flatten(separator)", "Makes nested objects one object with joined keys, nested lists one list.",
                "{{ {'a': {'b': 1}} | flatten('_') }}", {"a_b": 1}, walks_through=True)  # fmt: skip
def _flatten(value: Any, separator: Any = ".") -> Any:
    if not isinstance(separator, str) or len(separator) > 10:
        raise MappingError(f"'flatten' needs a short text between the keys, but found {shown(separator)}.")
    if isinstance(value, Mapping):
        return _within_bounds(dict(_flat_pairs(value, "", separator)))
    if isinstance(value, (list, tuple)):
        return list(_flat_items(value))
    raise MappingError(f"'flatten' needs an object or a list, but found {shown(value)}.")


def _flat_pairs(value: Mapping[Any, Any], before: str, separator: str) -> Iterator[tuple[str, Any]]:
    for key, entry in value.items():
        name = f"{before}{as_text(key)}"
        if len(name) > MAX_VALUE_BYTES:
            raise MappingError("'flatten' makes a key that is far too long. Flatten a part of the object.")
        if isinstance(entry, (list, tuple)) and any(
            isinstance(item, (list, tuple, Mapping)) for item in entry
        ):
            entry = {str(index): item for index, item in enumerate(entry)}
        if isinstance(entry, Mapping) and entry:
            yield from _flat_pairs(entry, name + separator, separator)
        else:
            yield name, entry


def _within_bounds(flat: dict[str, Any]) -> dict[str, Any]:
    if sum(map(len, flat)) > MAX_WORK_CHARACTERS:
        raise MappingError("'flatten' makes keys that are far too long. Flatten a part of the object.")
    return flat


def _flat_items(value: Any) -> Iterator[Any]:
    for entry in value:
        if isinstance(entry, (list, tuple)):
            yield from _flat_items(entry)
        else:
            yield entry


@_structure.add("items", "Gives an object's keys and values as pairs, for a loop.", "{{ {'a': 1} | items }}",
                [["a", 1]])  # fmt: skip
def _items(value: Any) -> list[list[Any]]:
    if not isinstance(value, Mapping):
        raise MappingError(f"'items' needs an object, but found {shown(value)}.")
    if len(value) > MAX_ITEMS:
        raise MappingError(f"'items' takes at most {MAX_ITEMS:,} keys.")
    return [[key, entry] for key, entry in value.items()]


@_structure.add("json", "Writes any value as compact JSON text.", "{{ {'a': [1, true]} | json }}", '{"a":[1,true]}',
                aliases=("tojson",), walks_through=True)  # fmt: skip
def _json(value: Any) -> str:
    return as_json(value)


@_structure.add("from_json", "Reads a value from JSON text.", "{{ '[1, 2]' | from_json }}", [1, 2])
def _from_json(value: Any) -> Any:
    text = plain(value, "from_json")
    try:
        return finish(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise MappingError(f"{shown(value)} is not JSON text. Check it where it comes from.") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


FILTERS: Final[Mapping[str, FilterDoc]] = _structure.docs
