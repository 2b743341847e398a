"""What is equal, and what comes first: one answer for templates and for conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from automations.engine.templating.missing import MISSING

_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?\s*", re.ASCII)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_in(value: Any) -> int | float | None:
    """Return the number a value is or plainly spells (`42`, `-1.50`); None for anything else."""
    if is_number(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and len(value) <= 70 and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None


def moment_in(value: Any) -> datetime | None:
    """Return the moment an ISO date or date-time spells, UTC where it names no zone; else None."""
    if not isinstance(value, str) or len(value) > 40 or not _MOMENT.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def nothing(value: Any) -> bool:
    return value is None or value is MISSING


def order(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1 as left comes before, with or after right; None where there is no order.

    Numbers in order of size, also where one or both are numeric text; ISO dates in order of time; other
    texts by their characters.
    """
    if is_number(left) or is_number(right) or (isinstance(left, str) and isinstance(right, str)):
        a, b = number_in(left), number_in(right)
        if a is not None and b is not None:
            return (a > b) - (a < b)
    if isinstance(left, str) and isinstance(right, str):
        earlier, later = moment_in(left), moment_in(right)
        if earlier is not None and later is not None:
            return (earlier > later) - (earlier < later)
        return (left > right) - (left < right)
    return None


def alike(left: Any, right: Any, *, ignore_case: bool = False) -> bool:
    """Return whether two values are the same to a person.

    A number equals its numeric text; two texts are compared as written, so `007` is not `7`; true equals
    only true. Lists and objects are the same when all inside is.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) or is_number(right):
        a, b = number_in(left), number_in(right)
        return a is not None and a == b
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold() if ignore_case else left == right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(alike(a, b, ignore_case=ignore_case) for a, b in pairs)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            alike(left[key], right[key], ignore_case=ignore_case) for key in left
        )
    return nothing(left) and nothing(right)
