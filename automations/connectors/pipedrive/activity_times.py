"""When an activity is due and how long it takes, in the forms of the API: UTC, `HH:MM`.

Source: Pipedrive API v2 "Activities" (`due_date`, `due_time` in UTC, `duration`), read 2026-11-22; answers carry
seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.values import as_clock, as_day
from automations.engine.contracts import JsonObject

_MINUTES = re.compile(r"\d{1,4}\Z")
_A_DAY = 24 * 60


def due(mapped: Mapping[str, Any]) -> JsonObject:
    """Return `due_date` and `due_time` where mapped.

    A moment with its zone counts in UTC for the time; its day in UTC is the due date, unless a plain date is
    mapped. A bare time of day is UTC already. Raises FieldsError.
    """
    body: JsonObject = {}
    moment = None
    if "due_time" in mapped:
        given = mapped["due_time"]
        moment = _moment(given)
        body["due_time"] = None if given is None else moment.strftime("%H:%M") if moment else _clock(given)
    if "due_date" in mapped:
        body["due_date"] = _day(mapped["due_date"], in_utc=moment is not None)
    elif moment is not None:
        body["due_date"] = moment.date().isoformat()
    return body


def _day(given: Any, *, in_utc: bool) -> str | None:
    if given is None:
        return None
    moment = _moment(given)
    if moment is not None and in_utc:
        return moment.date().isoformat()
    try:
        return as_day(given)
    except ValueError as error:
        raise wrong("due_date", given, str(error)) from None


def _moment(given: Any) -> datetime | None:
    """Return a date with a time, in UTC; None for anything else. Without a zone it counts as UTC."""
    text = str(given).strip()
    if len(text) < 16:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def _clock(given: Any) -> str:
    try:
        return as_clock(given)[:5]
    except ValueError:
        wanted = "a time of day in UTC such as 09:30, or a date and time with its zone"
        raise wrong("due_time", given, wanted) from None


def duration(mapped: Mapping[str, Any]) -> JsonObject:
    """Return `duration` where mapped: `1:30`, or whole minutes such as 90. Raises FieldsError."""
    if "duration" not in mapped:
        return {}
    given = mapped["duration"]
    if given is None:
        return {"duration": None}
    text = str(given).strip()
    if _MINUTES.match(text) and int(text) < _A_DAY:
        return {"duration": f"{int(text) // 60:02d}:{int(text) % 60:02d}"}
    try:
        return {"duration": as_clock(text)[:5]}
    except ValueError:
        raise wrong(
            "duration", given, "a duration under a day, such as 01:30, or minutes such as 90"
        ) from None


def without_seconds(record: JsonObject) -> JsonObject:
    """Return an activity as it is read, with its times in the form in which they are written."""
    shown = dict(record)
    for name in ("due_time", "duration"):
        if isinstance(shown.get(name), str):
            shown[name] = shown[name][:5]
    return shown
