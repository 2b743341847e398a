"""Filters that apply another filter or test to every item of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from automations.engine.templating.context import GuardedContext
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.filters.lists import path_reader
from automations.engine.templating.missing import MISSING
from automations.engine.templating.values import listed

_picking = FilterTable("Lists")


@_picking.add("map(filter, …)", "Applies a filter to every item, or takes one field of each with attribute=.",
              "{{ [{'name': 'a'}, {'name': 'b'}] | map(attribute='name') }}", ["a", "b"],
              needs_context=True)  # fmt: skip
def _map(
    context: GuardedContext, value: Any, /, *arguments: Any, attribute: Any = None, default: Any = MISSING
) -> list[Any]:
    items = listed(value, "map")
    context.budget.spend(len(items))
    if arguments:
        return [context.apply_named("filter", arguments[0], item, arguments[1:]) for item in items]
    read = path_reader(attribute, "map")
    return [context.apply_named("filter", "default", read(item), (default,)) for item in items]


@_picking.add("select(test, …)", "Keeps the items that pass a test; without one, those that are not empty.",
              "{{ [1, 2, 3] | select('odd') }}", [1, 3], needs_context=True)  # fmt: skip
def _select(context: GuardedContext, value: Any, /, *test: Any) -> list[Any]:
    return _picked(context, value, "select", None, test, keep=True)


@_picking.add("reject(test, …)", "Leaves out the items that pass a test; without one, those that are not empty.",
              "{{ [1, 2, 3] | reject('odd') }}", [2], needs_context=True)  # fmt: skip
def _reject(context: GuardedContext, value: Any, /, *test: Any) -> list[Any]:
    return _picked(context, value, "reject", None, test, keep=False)


@_picking.add("selectattr(attribute, test, …)", "Keeps the objects whose field passes a test.",
              "{{ [{'won': true}, {'won': false}] | selectattr('won') }}", [{"won": True}],
              needs_context=True)  # fmt: skip
def _selectattr(context: GuardedContext, value: Any, attribute: Any, /, *test: Any) -> list[Any]:
    return _picked(context, value, "selectattr", attribute, test, keep=True)


@_picking.add("rejectattr(attribute, test, …)", "Leaves out the objects whose field passes a test.",
              "{{ [{'won': true}, {'won': false}] | rejectattr('won') }}", [{"won": False}],
              needs_context=True)  # fmt: skip
def _rejectattr(context: GuardedContext, value: Any, attribute: Any, /, *test: Any) -> list[Any]:
    return _picked(context, value, "rejectattr", attribute, test, keep=False)


def _picked(
    context: GuardedContext, value: Any, name: str, attribute: Any, test: tuple[Any, ...], *, keep: bool
) -> list[Any]:
    items = listed(value, name)
    context.budget.spend(len(items))
    read = path_reader(attribute, name)
    if not test:
        return [item for item in items if bool(read(item)) is keep]
    return [item for item in items if context.apply_named("test", test[0], read(item), test[1:]) is keep]


FILTERS: Final[Mapping[str, FilterDoc]] = _picking.docs
