"""One value of a recipe as the text of an input, and back, without losing its type.

Beside every input stands its kind: `s` the text itself, `a` a number or yes/no where it reads like one and else
the text, `l` items with commas between them, `j` JSON. Reading what was written gives the same value again.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

TEXT, AUTO, LIST, JSON = "s", "a", "l", "j"

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_WORDS: Final = {"true": True, "false": False}


def as_text(value: Any, *, auto: bool = False) -> tuple[str, str]:
    """Return the text for an input and its kind.

    auto: whether a text typed here later may become a number, as in a property or beside a comparison.
    """
    kinds = (AUTO, TEXT) if auto else (TEXT, AUTO)
    for kind in (*kinds, LIST):
        text = _written(value, kind)
        if text is not None and _same(from_text(text, kind), value):
            return text, kind
    return as_json(value), JSON


def as_json(value: Any) -> str:
    """Return any value as JSON that a person can read and a form can carry."""
    text = json.dumps(
        value, ensure_ascii=False, indent=2 if isinstance(value, (dict, list)) and value else None
    )
    return text if is_plain(text) else json.dumps(value)


def from_text(text: str, kind: str) -> Any:
    """Return the value that was meant; what is no JSON, or no number, is the text itself."""
    text = text.replace("\r\n", "\n")
    if kind == AUTO:
        return _guessed(text)
    if kind == LIST:
        return [_guessed(item.strip()) for item in text.split(",")] if text.strip() else []
    if kind == JSON:
        return read_json(text)
    return text


def read_json(text: str) -> Any:
    """Return the JSON value, or the text itself where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(word: str) -> None:
    raise ValueError(word)


def _guessed(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    found = _NUMBER.fullmatch(text)
    if found:
        return float(text) if found[2] else int(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        inside = read_json(text)
        return inside if isinstance(inside, str) else text
    return text


def _written(value: Any, kind: str) -> str | None:
    if isinstance(value, str):
        return value if kind in (TEXT, AUTO) and value and is_plain(value) else None
    if kind == LIST and isinstance(value, list) and value:
        items = [_item(entry) for entry in value]
        return None if None in items else ", ".join(item for item in items if item is not None)
    if kind == AUTO and isinstance(value, (bool, int, float)):
        return _scalar(value)
    return None


def _item(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value and value.isprintable() and "{{" not in value else None
    return _scalar(value) if isinstance(value, (bool, int, float)) else None


def _scalar(value: bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def is_plain(text: str) -> bool:
    """Tell whether a form carries the text as it is: no control characters, no half characters."""
    return all(character.isprintable() or character in "\n\t" for character in text)


def _same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)
