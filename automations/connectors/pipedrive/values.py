"""Values into the 16 types of custom fields, options and people named as people name them.

Every converter raises ValueError with what was wanted, in words; the caller adds which field it was.

Source: Pipedrive "Custom fields" and API v2 migration guide (value shapes), read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from automations.engine.contracts import JsonObject

_LONGEST_TEXT = 255
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\Z")
_MONEY = re.compile(r"(?P<amount>[+-]?\d+(?:\.\d+)?)\s*(?P<currency>[A-Za-z]{3})\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("a text")


def as_short_text(value: Any) -> str:
    text = as_text(value)
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a text of at most {_LONGEST_TEXT} characters (this one has {len(text)})")
    return text


def as_number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        text = str(value).strip() if isinstance(value, str) else "no"
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else _finite(float(text))
    except ValueError:
        raise ValueError("a number such as 12.5") from None


def _finite(number: float) -> float:
    if number in (float("inf"), float("-inf")) or number != number:
        raise ValueError
    return number


def as_id(value: Any) -> int:
    """Return a record's id; an object that carries one is taken, too."""
    if isinstance(value, Mapping):
        value = value.get("id")
    try:
        number = as_number(value)
    except ValueError:
        number = -1
    if not isinstance(number, int) or number < 1:
        raise ValueError("the id of a record, a whole number")
    return number


def as_day(value: Any) -> str:
    try:
        if isinstance(value, datetime):
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        text = str(value).strip()
        return date.fromisoformat(text).isoformat() if len(text) == 10 else _day_of_moment(text)
    except ValueError:
        raise ValueError("a date such as 2026-12-15") from None


def _day_of_moment(text: str) -> str:
    return datetime.fromisoformat(text).date().isoformat()


def as_clock(value: Any) -> str:
    match = _CLOCK.match(str(value).strip())
    if match is None:
        raise ValueError("a time of day such as 09:30")
    return f"{int(match[1]):02d}:{match[2]}:{match[3] or '00'}"


def as_money(value: Any, before: Any) -> JsonObject:
    """Return an amount with its currency: `{value, currency}`, `900 EUR`, or a number that keeps the currency."""
    wanted = "an amount with its currency, such as 900 EUR or {value: 900, currency: EUR}"
    amount: Any = value
    currency = before.get("currency") if isinstance(before, Mapping) else None
    if isinstance(value, Mapping):
        amount, currency = value.get("value", value.get("amount")), value.get("currency", currency)
    elif isinstance(value, str) and (match := _MONEY.match(value.strip())):
        amount, currency = match["amount"], match["currency"]
    currency = str(currency or "").upper()
    try:
        number = as_number(amount)
    except ValueError:
        raise ValueError(wanted) from None
    if not _CURRENCY.match(currency):
        raise ValueError(wanted)
    return {"value": number, "currency": currency}


def _ends(value: Any, wanted: str) -> tuple[Any, Any]:
    """Return both ends of a range: an object, a list of two, or `a/b`."""
    if isinstance(value, Mapping):
        first = value.get("value", value.get("from", value.get("start")))
        last = value.get("until", value.get("to", value.get("end")))
    else:
        parts = value.split("/") if isinstance(value, str) else value
        if not isinstance(parts, list) or len(parts) != 2:
            raise ValueError(wanted)
        first, last = parts
    if first in (None, "") or last in (None, ""):
        raise ValueError(wanted)
    return first, last


def as_days(value: Any) -> JsonObject:
    first, last = _ends(value, "two dates such as 2026-12-01/2026-12-15")
    return {"value": as_day(first), "until": as_day(last)}


def as_hours(value: Any) -> JsonObject:
    first, last = _ends(value, "two times of day such as 09:00/11:30")
    return {"value": as_clock(first), "until": as_clock(last), **_zone(value)}


def as_time(value: Any) -> JsonObject:
    clock = value.get("value") if isinstance(value, Mapping) else value
    return {"value": as_clock(clock), **_zone(value)}


def _zone(value: Any) -> JsonObject:
    name = value.get("timezone_name") if isinstance(value, Mapping) else None
    return {"timezone_name": str(name)} if name else {}


def as_address(value: Any) -> JsonObject:
    if isinstance(value, str) and value.strip():
        return {"value": value.strip()}
    if isinstance(value, Mapping) and isinstance(value.get("value"), str) and value["value"].strip():
        return {str(name): part for name, part in value.items() if name != "formatted_address"}
    raise ValueError("an address as one text, or as an object with `value`")


def as_option(value: Any, options: Iterable[Mapping[str, Any]]) -> Any:
    """Return the id of an option given by id or label; a text is a label first, a number an id."""
    known = list(options)
    if isinstance(value, Mapping):
        value = value.get("id", value.get("label"))
    text = _folded(value)
    for part in ("id", "label") if isinstance(value, int) else ("label", "id"):
        for option in known:
            if text and text == _folded(option.get(part)):
                return option.get("id")
    labels = ", ".join(str(option.get("label")) for option in known[:20])
    raise ValueError(f"one of its options: {labels or 'it has none'}")


def as_options(value: Any, options: Iterable[Mapping[str, Any]]) -> list[Any] | None:
    """Return the ids of several options; none at all clears the field, for Pipedrive refuses an empty list."""
    known = list(options)
    if isinstance(value, str):
        try:
            return [as_option(value, known)]
        except ValueError:
            value = [part for part in value.split(",") if part.strip()]
    chosen = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(as_option(one, known) for one in chosen)) or None


def _folded(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else str(value).strip().casefold()


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "varchar": as_short_text,
    "varchar_auto": as_short_text,
    "text": as_text,
    "phone": as_text,
    "double": as_number,
    "org": as_id,
    "people": as_id,
    "date": as_day,
    "daterange": as_days,
    "time": as_time,
    "timerange": as_hours,
    "address": as_address,
}


def as_custom(value: Any, definition: Mapping[str, Any], *, before: Any, user: Callable[[Any], Any]) -> Any:
    """Return REST v2's value for a custom field. null clears.

    definition: the field, from a field list. before: its value now. user: finds a user's id by id, e-mail or
    name. Raises ValueError with what was wanted.
    """
    kind = str(definition.get("type"))
    if value is None:
        return None
    if kind == "enum":
        return as_option(value, definition.get("options") or ())
    if kind == "set":
        return as_options(value, definition.get("options") or ())
    if kind == "monetary":
        return as_money(value, before)
    if kind == "user":
        return user(value)
    convert = _PLAIN.get(kind)
    if convert is None:
        raise ValueError(f"nothing: fields of type {kind} cannot be written")
    return convert(value)


def is_same(wanted: Any, now: Any) -> bool:
    """Tell whether a record already holds `wanted`; of an object, only the parts that are wanted count."""
    if isinstance(wanted, Mapping):
        return isinstance(now, Mapping) and all(is_same(part, now.get(name)) for name, part in wanted.items())
    if isinstance(wanted, list) and isinstance(now, list):
        return len(wanted) == len(now) and _pairs_up(wanted, now)
    if isinstance(wanted, bool) or isinstance(now, bool):
        return wanted is now
    return bool(wanted == now)


def _pairs_up(wanted: list[Any], now: list[Any]) -> bool:
    """Tell whether each wanted entry has one of its own in `now`, in any order."""
    left = list(now)
    for one in wanted:
        place = next((index for index, other in enumerate(left) if is_same(one, other)), None)
        if place is None:
            return False
        del left[place]
    return True
