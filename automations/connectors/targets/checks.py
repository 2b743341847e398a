"""Checks for the attributes that a target reads itself, and the form in which it takes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from automations.connectors.targets.parts import CheckPart
from automations.connectors.targets.times import read_moment

Check = Callable[[Any], Any]
"""Returns the value in its fitting form, or None where it does not fit."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"\+[1-9]\d{7,14}")
_URL: Final = re.compile(r"https?://[^\s/]+\S*")
_YES: Final = frozenset({"true", "yes", "y", "1"})
_NO: Final = frozenset({"false", "no", "n", "0"})


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _matching(pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> Any:
        text = as_text(value).strip()
        return text if pattern.fullmatch(text) else None

    return check


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    try:
        number = float(as_text(value))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _boolean(value: Any) -> Any:
    word = as_text(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _date(value: Any) -> Any:
    return value if read_moment(value) is not None else None


CHECKS: Final[Mapping[str, tuple[Check, str]]] = {
    "email": (_matching(_EMAIL), "an e-mail address"),
    "e164": (_matching(_PHONE), "a phone number with country code, such as +351912345678"),
    "number": (_number, "a number"),
    "boolean": (_boolean, "true or false"),
    "date": (_date, "a date such as 1990-09-21"),
    "url": (_matching(_URL), "a web address"),
    "text": (as_text, "a text"),
}


def check_of(part: str | CheckPart) -> tuple[Check, str]:
    """Return a check, and what it wants in words that follow "is not". Raises KeyError for an unknown word."""
    if isinstance(part, str):
        return CHECKS[part]
    if part.one_of:
        allowed = {word.lower(): word for word in part.one_of}
        return lambda value: allowed.get(as_text(value).strip().lower()), f"one of {', '.join(part.one_of)}"
    return CHECKS[part.kind or "text"]


def fitting(value: Any, check: Check) -> Any:
    """Return what is left of a value after its check: nested ones never fit."""
    return None if isinstance(value, dict | list) else check(value)
