"""Filters that read and write dates and times.

They take ISO text, and Unix time in seconds or milliseconds; they give ISO
text again, because a template holds plain JSON only. A time without a zone is UTC unless a zone is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from automations.engine.templating.comparing import is_number
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.spelling import did_you_mean
from automations.engine.templating.values import shown
from automations.errors import MappingError

_dates = FilterTable("Dates and times")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DOTTED: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", re.ASCII)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r" ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
_UNIX: Final = re.compile(r"-?[0-9]{9,13}(?:\.[0-9]{1,6})?", re.ASCII)
_MILLISECONDS_FROM: Final = 100_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_LONGEST_PATTERN: Final = 200


def read_moment(value: Any, zone: str = "UTC") -> date | datetime:
    """Return a plain date where no time of day is given, else an aware datetime; raises MappingError.

    zone: where the clock hung, for a text that does not say so itself.
    """
    text = value.strip() if isinstance(value, str) and len(value) < 50 else ""
    try:
        if is_number(value) or _UNIX.fullmatch(text):
            return _from_unix(float(value))
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if dotted := _DOTTED.fullmatch(text):
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        if _MOMENT.fullmatch(text):
            read = datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", ""))
            return read.replace(tzinfo=zone_of(zone)) if read.tzinfo is None else read
    except (ValueError, OverflowError):
        pass
    raise MappingError(
        f"{shown(value)} is not a date or time. Use one like '2027-03-31' or '2027-03-31T09:30:00Z'."
    )


def _from_unix(number: float) -> datetime:
    return _EPOCH + timedelta(seconds=number / 1000 if abs(number) >= _MILLISECONDS_FROM else number)


def zone_of(name: Any) -> ZoneInfo:
    """Return the time zone; raises MappingError naming the nearest one."""
    zone = _zone(name) if isinstance(name, str) and len(name) < 60 else None
    if zone is None:
        near = did_you_mean(str(name), _zone_names(), otherwise="Use one like 'Europe/Berlin'.")
        raise MappingError(f"{shown(name)} is not a time zone.{near}")
    return zone


@lru_cache(maxsize=700)
def _zone(name: str) -> ZoneInfo | None:
    if name not in _zone_names():
        return None
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _in_utc(value: Any, zone: str) -> datetime:
    moment = read_moment(value, zone)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), zone_of(zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MappingError(f"{shown(value)} lies outside the years 1 to 9999.") from None


def _iso_text(moment: datetime) -> str:
    exactness = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=exactness).replace("+00:00", "Z")


@_dates.add("as_date", "Gives the date, as ISO text, of a date, a time or Unix time.",
            "{{ '2027-03-31T22:30:00Z' | as_date }}", "2027-03-31")  # fmt: skip
def _as_date(value: Any) -> str:
    moment = read_moment(value)
    return (moment.date() if isinstance(moment, datetime) else moment).isoformat()


@_dates.add("as_datetime(zone)", "Gives the moment in UTC; zone is where the clock hung if the text does not say.",
            "{{ '2027-03-31 09:30:00' | as_datetime('Europe/Berlin') }}", "2027-03-31T07:30:00Z")  # fmt: skip
def _as_datetime(value: Any, zone: Any = "UTC") -> str:
    return _iso_text(_in_utc(value, zone))


@_dates.add("iso", "Writes a date as it is and a moment in UTC, both as ISO text.", "{{ 1806485400 | iso }}",
            "2027-03-31T09:30:00Z")  # fmt: skip
def _iso(value: Any) -> str:
    moment = read_moment(value)
    return _iso_text(_in_utc(value, "UTC")) if isinstance(moment, datetime) else moment.isoformat()


@_dates.add("epoch", "Gives Unix time in whole seconds.", "{{ '2027-03-31T09:30:00Z' | epoch }}", 1806485400)
def _epoch(value: Any) -> int:
    return (_in_utc(value, "UTC") - _EPOCH) // timedelta(seconds=1)


@_dates.add("epoch_ms", "Gives Unix time in whole milliseconds.", "{{ '2027-03-31T09:30:00Z' | epoch_ms }}",
            1806485400000)  # fmt: skip
def _epoch_ms(value: Any) -> int:
    return (_in_utc(value, "UTC") - _EPOCH) // timedelta(milliseconds=1)


@_dates.add("format_date(pattern, zone)", "Writes a date or moment by a pattern of %d, %m, %Y, %H, %M and the like.",
            "{{ '2027-03-31T22:30:00Z' | format_date('%d.%m.%Y %H:%M', 'Europe/Berlin') }}",
            "01.04.2027 00:30")  # fmt: skip
def _format_date(value: Any, pattern: Any = "%Y-%m-%d", zone: Any = "UTC") -> str:
    moment, where = read_moment(value), zone_of(zone)
    if isinstance(moment, datetime):
        moment = _in_utc(value, "UTC").astimezone(where)
    else:
        moment = datetime.combine(moment, time(), UTC)
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
        raise MappingError(f"'format_date' needs a pattern such as '%d.%m.%Y', but found {shown(pattern)}.")
    return re.sub(r"%(.?)", lambda found: _part(moment, found[1]), pattern, flags=re.DOTALL)


def _part(moment: datetime, letter: str) -> str:
    """Written by hand: the C library's own depends on the machine's language and takes widths of any size."""
    if letter == "%":
        return "%"
    try:
        return _PARTS[letter](moment)
    except KeyError:
        raise MappingError(
            f"'%{letter}' is not a part of a date. Use {' '.join('%' + x for x in _PARTS)}."
        ) from None


_PARTS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "d": lambda at: f"{at.day:02}",
    "m": lambda at: f"{at.month:02}",
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "H": lambda at: f"{at.hour:02}",
    "I": lambda at: f"{(at.hour - 1) % 12 + 1:02}",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "A": lambda at: _DAYS[at.weekday()],
    "a": lambda at: _DAYS[at.weekday()][:3],
    "B": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "V": lambda at: f"{at.isocalendar().week:02}",
    "u": lambda at: str(at.isoweekday()),
    "z": lambda at: at.strftime("%z"),
    "Z": lambda at: at.tzname() or "",
}


FILTERS: Final[Mapping[str, FilterDoc]] = _dates.docs
