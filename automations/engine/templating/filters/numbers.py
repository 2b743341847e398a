"""Filters that read and shape numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Final

from automations.engine.templating.comparing import is_number
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.limits import INTEGER_BOUND
from automations.engine.templating.values import finite, shown, whole
from automations.errors import MappingError

_numbers = FilterTable("Numbers")
_LONGEST_NUMBER: Final = 60
_WIDE: Final = Context(prec=400)
_ROUNDINGS: Final = {"common": "ROUND_HALF_UP", "floor": "ROUND_FLOOR", "ceil": "ROUND_CEILING"}
_SURROUNDINGS: Final = re.compile(r"^[\s$€£¥₹]+|[\s$€£¥₹]+$|^[A-Z]{3}\s+|\s+[A-Z]{3}$")
_GROUPING: Final = re.compile(r"[\s'’_]")
_PLAIN: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_TRUE: Final = frozenset({"true", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "off", "0"})
_WITHOUT_MINOR: Final = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THREE_MINOR: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def a_number(value: Any, name: str) -> int | float:
    """Return a number that already is one; raises MappingError for anything else."""
    if not is_number(value):
        raise MappingError(f"'{name}' needs a number, but found {shown(value)}. Use 'as_number' first.")
    return whole(value) if isinstance(value, int) else finite(value)


def read_number(value: Any) -> int | float | None:
    """Return the number a value is or spells, in English or continental writing; None for anything else.

    With both signs in it, the last of `.` and `,` is the decimal sign. A lone comma before exactly three
    digits groups thousands (`1,234` is 1234); a lone point is always the decimal sign.
    """
    if is_number(value):
        return whole(value) if isinstance(value, int) else finite(value)
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    text = _GROUPING.sub("", _SURROUNDINGS.sub("", value.strip()))
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        grouping, decimal = (",", ".") if point > comma else (".", ",")
        text = text.replace(grouping, "").replace(decimal, ".")
    elif text.count(".") > 1:
        text = text.replace(".", "")
    elif comma >= 0:
        grouped = re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+", text)
        text = text.replace(",", "") if grouped else text.replace(",", ".")
    if not _PLAIN.fullmatch(text):
        return None
    return whole(int(text)) if text.lstrip("+-").isdigit() else finite(float(text))


def read_boolean(value: Any) -> bool | None:
    """Return true or false for true, false, 1, 0, yes, no, y, n, on, off in any case; else None."""
    if isinstance(value, bool):
        return value
    if is_number(value):
        return bool(value) if value in (0, 1) else None
    word = value.strip().lower() if isinstance(value, str) and len(value) < _LONGEST_NUMBER else ""
    return True if word in _TRUE else False if word in _FALSE else None


@_numbers.add("as_number", "Reads a number from text such as `1,234.50`, `1.234,50` or `€ 99`.",
              "{{ '1.234,50' | as_number }}", 1234.5)  # fmt: skip
def _as_number(value: Any) -> int | float:
    number = read_number(value)
    if number is None:
        raise MappingError(
            f"{shown(value)} is not a number. Choose a field that holds one, or take the rest off with 'replace'."
        )
    return number


@_numbers.add(
    "as_integer", "Reads a whole number; 12.0 is one, 12.5 is not.", "{{ '12.0' | as_integer }}", 12
)
def _as_integer(value: Any) -> int:
    number = _as_number(value)
    if number != int(number):
        raise MappingError(
            f"{shown(value)} is not a whole number. Use 'as_number | round | int' to round it."
        )
    return whole(int(number))


@_numbers.add("as_boolean", "Reads true or false from true, yes, on, 1 and their opposites.",
              "{{ 'Yes' | as_boolean }}", True)  # fmt: skip
def _as_boolean(value: Any) -> bool:
    read = read_boolean(value)
    if read is None:
        raise MappingError(
            f"{shown(value)} is neither true nor false. Write a comparison, such as `value == 'x'`."
        )
    return read


@_numbers.add("int(default)", "Cuts a number to a whole one; `default` where there is no number.",
              "{{ 12.7 | int }}", 12)  # fmt: skip
def _int(value: Any, default: Any = None) -> Any:
    number = int(value) if isinstance(value, bool) else read_number(value)
    if number is None:
        return _fallback(value, default)
    return whole(int(number))


@_numbers.add("float(default)", "Makes a decimal number; `default` where there is no number.", "{{ 5 | float }}",
              5.0)  # fmt: skip
def _float(value: Any, default: Any = None) -> Any:
    number = int(value) if isinstance(value, bool) else read_number(value)
    return _fallback(value, default) if number is None else float(number)


def _fallback(value: Any, default: Any) -> Any:
    if default is None:
        raise MappingError(
            f"{shown(value)} is not a number. Choose another field, or give a default in brackets."
        )
    return default


@_numbers.add("round(digits, method)", "Rounds, halves away from zero; method `floor` and `ceil` round down and up.",
              "{{ 2.345 | round(2) }}", 2.35)  # fmt: skip
def _round(value: Any, digits: Any = 0, method: Any = "common") -> int | float:
    number = a_number(value, "round")
    if type(digits) is not int or not -30 <= digits <= 15:
        raise MappingError(f"'round' takes from -30 to 15 digits, but found {shown(digits)}.")
    if method not in _ROUNDINGS:
        raise MappingError(f"'round' knows common, floor and ceil, but found {shown(method)}.")
    if isinstance(number, int) and digits >= 0:
        return number
    if abs(number) >= INTEGER_BOUND:
        return number
    rounded = _rounded(number, digits, _ROUNDINGS[method])
    return int(rounded) if isinstance(number, int) or digits <= 0 else float(rounded)


def _rounded(number: int | float, digits: int, rounding: str) -> Decimal:
    """Round as a person does on paper: 2.345 is exactly that, not the binary number nearest to it."""
    scaled = Decimal(repr(number)).scaleb(digits, _WIDE).to_integral_value(rounding=rounding)
    return scaled.scaleb(-digits, _WIDE)


@_numbers.add("abs", "Drops the minus sign.", "{{ -3 | abs }}", 3)
def _abs(value: Any) -> int | float:
    return abs(a_number(value, "abs"))


@_numbers.add("money(currency)", "Writes an amount with its currency, rounded to that currency's decimals.",
              "{{ 1234.5 | money('EUR') }}", "1,234.50 EUR")  # fmt: skip
def _money(value: Any, currency: Any) -> str:
    number = _as_number(value)
    code = currency.strip().upper() if isinstance(currency, str) else ""
    if not re.fullmatch("[A-Z]{3}", code):
        raise MappingError(f"{shown(currency)} is not a currency. Use its three letters, such as 'EUR'.")
    if not math.fabs(number) < INTEGER_BOUND:
        raise MappingError(f"{shown(value)} is too large an amount.")
    minor = 0 if code in _WITHOUT_MINOR else 3 if code in _THREE_MINOR else 2
    return f"{_rounded(number, minor, 'ROUND_HALF_UP'):,.{minor}f} {code}"


FILTERS: Final[Mapping[str, FilterDoc]] = _numbers.docs
