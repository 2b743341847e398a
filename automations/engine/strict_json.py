"""Read JSON that a stranger sent: everything doubtful is refused, and nothing is quietly changed.

The standard parser takes UTF-16, NaN, infinite numbers and repeated keys, and deep nesting exhausts its stack;
faster parsers round big integers. Here the common body costs one strict decode, one parse in C and a few
counts; the exact walk over the result happens only when those counts cannot rule trouble out.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, Final, NoReturn

import orjson

from automations.errors import InputError

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 64
MAX_ITEMS: Final = 10_000

# Raw text is strict UTF-8 already, and raw control characters are refused: only escapes can make these.
_UNSTORABLE_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# Each digit becomes a nought, all else a blank: a long number is then found at the speed of memory.
_AS_NOUGHTS: Final = (
    bytes(ord("0") if chr(byte).isdecimal() else ord(" ") for byte in range(128)) + b" " * 128
)
_TOO_LONG_FOR_64_BITS: Final = b"0" * 19
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def loads(
    body: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS
) -> Any:
    """Return the one JSON value in `body`. Integers stay exact up to 4,300 digits.

    A lone surrogate or U+0000 inside a text becomes U+FFFD, because no database can keep it. A byte order mark
    is passed over. max_depth: a bare list or object is 1 deep. max_items: keys and list elements together.

    Raises InputError with status 413 (`too_large`) or 400: `bad_encoding`, `bad_json`, `bad_number`,
    `duplicate_key`, `too_deep`, `too_many_items`. Its message never repeats what was sent.
    """
    if len(body) > max_bytes:
        raise InputError("The body is too large.", code="too_large", status=413)
    text = _decoded(body)
    openings = text.count("{") + text.count("[")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise InputError("The body is not valid JSON.", code="bad_json") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise InputError("A number in the body is too long.", code="bad_number") from None
    if openings > max_depth or openings + text.count(",") > max_items:
        _measure(value, max_depth, max_items)
    return _storable(value) if _UNSTORABLE_ESCAPE.search(text) else value


def reread(body: bytes) -> Any:
    """Return what `loads` returned for a body that it has accepted; three times as fast.

    orjson reads the same where no number is too long for it and no escape is unstorable. Raises as `loads` does.
    """
    if _TOO_LONG_FOR_64_BITS not in body.translate(_AS_NOUGHTS):
        try:
            if b"\\u" not in body or _UNSTORABLE_ESCAPE.search(body.decode()) is None:
                return orjson.loads(body)
        except ValueError:
            pass
    return loads(body, max_bytes=len(body))


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("The body is not valid UTF-8.", code="bad_encoding") from None
    return text[1:] if text.startswith("\ufeff") else text


def _too_deep() -> InputError:
    return InputError("The body is nested too deeply.", code="too_deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise InputError("An object in the body has the same key twice.", code="duplicate_key")
    return table


def _finite(literal: str) -> float:
    number = float(literal)
    if isinf(number):
        raise InputError("A number in the body is too large.", code="bad_number")
    return number


def _no_constant(_name: str) -> NoReturn:
    raise InputError("NaN and Infinity are not JSON numbers.", code="bad_number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)


def _measure(value: Any, max_depth: int, max_items: int) -> None:
    """Walk level by level, so that no nesting costs stack. Raises InputError over either limit."""
    level = [value] if isinstance(value, dict | list) else []
    depth = items = 0
    while level:
        depth += 1
        items += sum(map(len, level))
        if depth > max_depth:
            raise _too_deep()
        if items > max_items:
            raise InputError("The body holds too many keys and elements.", code="too_many_items")
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]


def _storable(value: Any) -> Any:
    """Copy a value of bounded depth with every text made storable."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(entry) for entry in value]
    if isinstance(value, dict):
        return _unique([(_storable(key), _storable(entry)) for key, entry in value.items()])
    return value
