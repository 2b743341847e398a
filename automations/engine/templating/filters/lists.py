"""Filters that count, order and join lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from automations.engine.templating.comparing import is_number, nothing
from automations.engine.templating.context import GuardedContext
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.filters.numbers import a_number
from automations.engine.templating.filters.text import count_of, plain
from automations.engine.templating.limits import MAX_ITEMS, MAX_WORK_CHARACTERS
from automations.engine.templating.missing import MISSING
from automations.engine.templating.operators import calculate, refuse_unknown
from automations.engine.templating.values import as_json, as_text, listed, member, shown
from automations.errors import MappingError

_lists = FilterTable("Lists")


def path_reader(attribute: Any, name: str) -> Callable[[Any], Any]:
    """Return what reads `attribute` of an item: a key, an index, or keys joined by dots; None: the item."""
    if attribute is None:
        return lambda item: item
    if type(attribute) is int:
        return lambda item: member(item, attribute)
    if not isinstance(attribute, str) or not 0 < len(attribute) <= 200:
        raise MappingError(f"'{name}' needs the name of a field, but found {shown(attribute)}.")
    keys = [int(key) if key.isdecimal() else key for key in attribute.split(".")]

    def read(item: Any) -> Any:
        for key in keys:
            item = member(item, key)
        return item

    return read


@_lists.add("length", "Counts the items of a list, the keys of an object or the characters of a text.",
            "{{ [1, 2] | length }}", 2, aliases=("count",))  # fmt: skip
def _length(value: Any) -> int:
    if not isinstance(value, (str, list, tuple, Mapping)):
        raise MappingError(f"'length' needs a list or a text, but found {shown(value)}.")
    return len(value)


@_lists.add("first", "Gives the first item, or a text's first character; missing where there is none.",
            "{{ [1, 2] | first }}", 1)  # fmt: skip
def _first(value: Any) -> Any:
    items = value if isinstance(value, str) else listed(value, "first")
    return items[0] if items else MISSING


@_lists.add("last", "Gives the last item, or a text's last character; missing where there is none.",
            "{{ [1, 2] | last }}", 2)  # fmt: skip
def _last(value: Any) -> Any:
    items = value if isinstance(value, str) else listed(value, "last")
    return items[-1] if items else MISSING


@_lists.add(
    "list", "Makes a list: of an object's keys, of a text's characters.", "{{ {'a': 1} | list }}", ["a"]
)
def _list(value: Any) -> list[Any]:
    if isinstance(value, str) and len(value) <= MAX_ITEMS:
        return list(value)
    return listed(value, "list")


@_lists.add("reverse", "Turns a list or a text around.", "{{ [1, 2] | reverse }}", [2, 1])
def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else listed(value, "reverse")[::-1]


@_lists.add("join(separator, attribute)", "Joins the items, or one field of each, to a text; leaves out missing ones.",
            "{{ ['a', 'b'] | join(', ') }}", "a, b", walks_through=True)  # fmt: skip
def _join(value: Any, separator: Any = "", attribute: Any = None) -> str:
    between = plain(separator, "join")
    read = path_reader(attribute, "join")
    texts = [as_text(found) for found in map(read, listed(value, "join")) if not nothing(found)]
    if sum(map(len, texts)) + len(between) * len(texts) > MAX_WORK_CHARACTERS:
        raise MappingError("The result of 'join' is too long. Join fewer items.")
    return between.join(texts)


@_lists.add("sort(reverse, case_sensitive, attribute)", "Orders numbers or texts, or objects by one of their fields.",
            "{{ [3, 1, 2] | sort }}", [1, 2, 3], walks_through=True)  # fmt: skip
def _sort(value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    read = path_reader(attribute, "sort")
    items = listed(value, "sort")
    keys = _orderable([read(item) for item in items], "sort", bool(case_sensitive))
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    return [items[index] for index in order]


def _orderable(found: list[Any], name: str, case_sensitive: bool) -> list[Any]:
    """Return keys that can be ordered among themselves; missing ones come first."""
    present = [key for key in found if not nothing(key)]
    if all(map(is_number, present)):
        return [(0, 0) if nothing(key) else (1, key) for key in found]
    if all(isinstance(key, str) for key in present):
        return [(0, "") if nothing(key) else (1, key if case_sensitive else key.casefold()) for key in found]
    raise MappingError(
        f"'{name}' needs all numbers or all texts. Name a field of the items, as attribute='name'."
    )


def _extreme(value: Any, name: str, attribute: Any, case_sensitive: Any, choose: Callable[..., Any]) -> Any:
    read = path_reader(attribute, name)
    items = [item for item in listed(value, name) if not nothing(read(item))]
    if not items:
        return MISSING
    keys = _orderable([read(item) for item in items], name, bool(case_sensitive))
    return items[choose(range(len(items)), key=keys.__getitem__)]


@_lists.add("min(case_sensitive, attribute)", "Gives the smallest item; missing where there is none.",
            "{{ [3, 1] | min }}", 1, walks_through=True)  # fmt: skip
def _min(value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    return _extreme(value, "min", attribute, case_sensitive, min)


@_lists.add("max(case_sensitive, attribute)", "Gives the largest item; missing where there is none.",
            "{{ [3, 1] | max }}", 3, walks_through=True)  # fmt: skip
def _max(value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    return _extreme(value, "max", attribute, case_sensitive, max)


@_lists.add("sum(attribute, start)", "Adds up numbers, or one field of each item; leaves out missing ones.",
            "{{ [{'value': 2}, {'value': 3}] | sum('value') }}", 5, needs_context=True)  # fmt: skip
def _sum(context: GuardedContext, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    read = path_reader(attribute, "sum")
    total: Any = a_number(start, "sum")
    for item in listed(value, "sum"):
        found = read(item)
        refuse_unknown(found)
        if not nothing(found):
            total = calculate(context.budget, "+", total, a_number(found, "sum"))
    return total


@_lists.add("unique(case_sensitive, attribute)", "Keeps the first of items that are the same.",
            "{{ ['a', 'A', 'b'] | unique }}", ["a", "b"], walks_through=True)  # fmt: skip
def _unique(value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    read = path_reader(attribute, "unique")
    kept: dict[Any, Any] = {}
    for item in listed(value, "unique"):
        found = read(item)
        if isinstance(found, (list, tuple, Mapping)):
            key: Any = ("json", as_json(found))
        elif isinstance(found, str):
            key = ("text", found if case_sensitive else found.casefold())
        else:
            key = (type(found) is bool, found)
        kept.setdefault(key, item)
    return list(kept.values())


@_lists.add("batch(size, fill)", "Cuts a list into lists of so many items.", "{{ [1, 2, 3] | batch(2) }}",
            [[1, 2], [3]])  # fmt: skip
def _batch(value: Any, size: Any, fill: Any = MISSING) -> list[list[Any]]:
    items = listed(value, "batch")
    step = max(1, count_of(size, "batch", MAX_ITEMS))
    rows = [items[start : start + step] for start in range(0, len(items), step)]
    if rows and not nothing(fill):
        rows[-1] += [fill] * (step - len(rows[-1]))
    return rows


FILTERS: Final[Mapping[str, FilterDoc]] = _lists.docs
