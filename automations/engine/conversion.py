"""Fit a rendered JSON value to a field's declared type, or say in words what was wanted.

Lenient where a person would be (numeric text for a number, one value for a list) and strict where a guess
would hide a mistake (a list for a text, true for a number). Never loses digits in silence.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

_TRUE = frozenset({"true", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "no", "n", "off", "0"})
_INTEGER = re.compile(r"^[+-]?\d{1,400}$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def convert(value: Any, wanted: Any) -> Any:
    """Return `value` as the annotation `wanted`. Raises ValueError whose text is the wanted type in words."""
    options = _options(wanted)
    if value is None:
        if type(None) in options:
            return None
        raise ValueError(type_words(wanted))
    for option in options:
        if _is_exactly(value, option):
            return value
    for option in options:
        if option is not type(None):
            try:
                return _as(value, option)
            except (ValueError, OverflowError, OSError):
                continue
    raise ValueError(type_words(wanted))


@lru_cache(maxsize=2_048)
def _options(wanted: Any) -> tuple[Any, ...]:
    if get_origin(wanted) in (Union, types.UnionType):
        return tuple(option for arg in get_args(wanted) for option in _options(arg))
    return (wanted,)


def _is_exactly(value: Any, option: Any) -> bool:
    if option is Any:
        return True
    if option is float:
        return type(value) is float and math.isfinite(value)
    if option in (str, int, bool):
        return type(value) is option
    return False


def _as(value: Any, option: Any) -> Any:
    origin = get_origin(option) or option
    if origin is Literal:
        return _as_choice(value, get_args(option))
    if origin is list:
        (item,) = get_args(option) or (Any,)
        return [convert(element, item) for element in (value if isinstance(value, list) else [value])]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ValueError
        return value
    converter = _CONVERTERS.get(origin)
    if converter is None:
        return value
    return converter(value)


def _as_choice(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        # For Python, true is 1; for a person it is not.
        same = value == choice and isinstance(value, bool) == isinstance(choice, bool)
        if same or (isinstance(value, str) and value.strip().lower() == str(choice).lower()):
            return choice
    raise ValueError


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError


def _as_integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.match(value.strip()):
        return int(value.strip())
    raise ValueError


def _as_number(value: Any) -> float | int:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.match(text):
            return int(text)
        number = float(text)
        if math.isfinite(number) and "_" not in text:
            return number
    raise ValueError


def _as_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    raise ValueError


def _as_date(value: Any) -> str:
    if isinstance(value, str):
        text = value.strip()
        if _DATE.match(text):
            return date.fromisoformat(text).isoformat()
        return datetime.fromisoformat(text).date().isoformat()
    raise ValueError


def _as_moment(value: Any) -> datetime:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value.strip())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        moment = datetime.fromtimestamp(value, UTC)
    else:
        raise ValueError
    if moment.tzinfo is None:
        raise ValueError
    return moment


_CONVERTERS: dict[Any, Any] = {
    str: _as_text,
    int: _as_integer,
    float: _as_number,
    bool: _as_boolean,
    date: _as_date,
    datetime: _as_moment,
}

_WORDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    date: "a date such as 2026-11-22",
    datetime: "a time with its zone, such as 2026-11-22T10:42:00Z",
    dict: "a set of named values",
    Any: "a value",
}


def type_words(wanted: Any) -> str:
    """Return the type in words for people: `a whole number`, `a list of texts`, `one of stop, oldest`."""
    words: list[str] = []
    for option in _options(wanted):
        origin = get_origin(option) or option
        if option is type(None):
            continue
        if origin is Literal:
            words.append("one of " + ", ".join(str(choice) for choice in get_args(option)))
        elif origin is list:
            (item,) = get_args(option) or (Any,)
            words.append("a list (each " + type_words(item) + ")")
        else:
            words.append(_WORDS.get(origin, getattr(origin, "__name__", "a value")))
    return " or ".join(dict.fromkeys(words)) or "a value"


def value_words(value: Any) -> str:
    """Return what a rendered value is, for the line under a field."""
    if value is None:
        return "nothing (null)"
    for kind, words in ((bool, "yes or no"), (int, "whole number"), (float, "number"), (str, "text")):
        if isinstance(value, kind):
            return words
    return f"list of {len(value)}" if isinstance(value, list) else "named values"
