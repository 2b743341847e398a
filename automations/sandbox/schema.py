"""Strict types for request bodies: no `"5"` for 5, no 0 or 1 for a boolean, no key that is not documented."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, such as "must be an integer", or None when it is right."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})")
_SPACED = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(value: Any) -> str | None:
    return None if is_integer(value) else "must be an integer"


def number(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number else "must be a number"


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be a boolean"


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def filled_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    return None if value.strip() else "must not be empty"


def text_up_to(length: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        return None if len(value) <= length else f"must be at most {length} characters long"

    return check


def one_of(*choices: Any) -> Check:
    def check(value: Any) -> str | None:
        same_type = any(type(value) is type(choice) and value == choice for choice in choices)
        return None if same_type else "must be one of " + ", ".join(str(choice) for choice in choices)

    return check


def calendar_date(value: Any) -> str | None:
    """`YYYY-MM-DD`, a day that exists; a date with a time is refused."""
    if not isinstance(value, str):
        return "is not a valid 'string'"
    if not _DATE.fullmatch(value):
        return "must be a date in the form YYYY-MM-DD"
    return _parses(date.fromisoformat, value, "must be a day that exists")


def rfc3339(value: Any) -> str | None:
    """A time in whole seconds with a zone; fractions are refused (seen live in 2026, third party)."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return "must be an RFC 3339 time such as 2025-01-01T10:20:00Z"
    return _parses(datetime.fromisoformat, value, "must be a time that exists")


def spaced_time(value: Any) -> str | None:
    """`YYYY-MM-DD HH:MM:SS`, UTC: the older API's form."""
    if not isinstance(value, str) or not _SPACED.fullmatch(value):
        return "must be a time in the form YYYY-MM-DD HH:MM:SS"
    return _parses(datetime.fromisoformat, value, "must be a time that exists")


def clock_time(value: Any) -> str | None:
    is_time = isinstance(value, str) and _CLOCK.fullmatch(value)
    return None if is_time else "is not a valid time, expected HH:MM"


def uuid_text(value: Any) -> str | None:
    return None if isinstance(value, str) and _UUID.fullmatch(value) else "must be a UUID"


def _parses(parse: Callable[[str], Any], value: str, otherwise: str) -> str | None:
    try:
        parse(value)
    except ValueError:
        return otherwise
    return None


def nullable(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def list_of(check: Check, *, non_empty: bool = False) -> Check:
    def check_list(value: Any) -> str | None:
        if not isinstance(value, list):
            return "must be an array"
        if non_empty and not value:
            return "must not be an empty array"
        for index, item in enumerate(value):
            problem = check(item)
            if problem:
                return f"[{index}] {problem}"
        return None

    return check_list


def object_of(keys: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    def check_object(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "must be an object"
        problems = [f"{key} is required" for key in required if key not in value]
        for key, item in value.items():
            if key not in keys:
                problems.append(f"key '{key}' is not allowed")
                continue
            problem = keys[key](item)
            if problem:
                problems.append(f"{key} {problem}")
        return ", ".join(problems) or None

    return check_object


def problems_of(
    values: Mapping[str, Any], keys: Mapping[str, Check], required: tuple[str, ...] = ()
) -> list[str]:
    """Everything wrong with a body, one text a problem, in the order of the body."""
    problems = [f"{key}: is required" for key in required if values.get(key) is None]
    for key, value in values.items():
        check = keys.get(key)
        if check is None:
            problems.append(f"Parameter '{key}' is not allowed for this request")
            continue
        problem = check(value)
        if problem and f"{key}: is required" not in problems:
            problems.append(f"{key}: {problem}")
    return problems


ADDRESS_PARTS = (
    "country",
    "admin_area_level_1",
    "admin_area_level_2",
    "locality",
    "sublocality",
    "route",
    "street_number",
    "subpremise",
    "postal_code",
)
address = object_of({"value": text, **dict.fromkeys(ADDRESS_PARTS, nullable(text))}, required=("value",))
_contact_detail = object_of({"value": filled_text, "label": text, "primary": boolean}, required=("value",))


def contact_details(value: Any) -> str | None:
    """E-mails or phones: objects, not plain strings; at most one of them primary."""
    problem = list_of(_contact_detail)(value)
    if problem:
        return problem
    if sum(1 for item in value if item.get("primary")) > 1:
        return "must have at most one primary item"
    return None


def filled_address(value: dict[str, Any]) -> dict[str, Any]:
    return {"value": value["value"], **{part: value.get(part) for part in ADDRESS_PARTS}}


def filled_contact_details(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As stored: every item labelled, exactly one primary."""
    marked = [bool(item.get("primary")) for item in items]
    if items and not any(marked):
        marked[0] = True
    return [
        {"label": item.get("label") or "work", "value": item["value"], "primary": primary}
        for item, primary in zip(items, marked, strict=True)
    ]
