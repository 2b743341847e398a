"""The harmless methods of texts, for people who write `name.upper()` as they know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from automations.engine.templating.budget import Budget
from automations.engine.templating.limits import MAX_ITEMS, MAX_WORK_CHARACTERS
from automations.engine.templating.missing import MISSING
from automations.engine.templating.operators import refuse_unknown
from automations.engine.templating.values import bounded, shown
from automations.errors import MappingError


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    """Return `text` with `old` replaced; the size of the result is known before it is made."""
    found = text.count(old)
    if count >= 0:
        found = min(found, count)
    if len(text) + found * (len(new) - len(old)) > MAX_WORK_CHARACTERS:
        raise MappingError("The result of 'replace' is too long. Shorten its parts first.")
    return text.replace(old, new, count)


def split(text: str, separator: str | None = None, most: int = -1) -> list[str]:
    """Return the parts of a text, at most 10,000."""
    parts = text.split(separator, MAX_ITEMS if most < 0 else min(most, MAX_ITEMS))
    if len(parts) > MAX_ITEMS:
        raise MappingError(f"'split' gives more than {MAX_ITEMS:,} parts. Shorten the text first.")
    return parts


STRING_METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    "capitalize": str.capitalize,
    "casefold": str.casefold,
    "count": str.count,
    "endswith": str.endswith,
    "find": str.find,
    "isdigit": str.isdigit,
    "lower": str.lower,
    "lstrip": str.lstrip,
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "replace": replaced,
    "rstrip": str.rstrip,
    "split": split,
    "startswith": str.startswith,
    "strip": str.strip,
    "title": str.title,
    "upper": str.upper,
}


def call_method(budget: Budget, text: Any, name: str, *arguments: Any) -> Any:
    """Return `text.name(arguments)`; missing text or arguments make it missing."""
    budget.look_at(text)
    for value in (text, *arguments):
        refuse_unknown(value)
        if value is None or value is MISSING:
            return MISSING
        if not isinstance(value, (str, int)):
            raise MappingError(f"'{name}()' works on texts, but found {shown(value)}.")
    if not isinstance(text, str):
        raise MappingError(f"'{name}()' works on texts, but found {shown(text)}.")
    try:
        return bounded(STRING_METHODS[name](text, *arguments))
    except (TypeError, ValueError):
        raise MappingError(
            f"'{name}()' cannot take {', '.join(map(shown, arguments)) or 'nothing'}."
        ) from None
