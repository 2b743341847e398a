"""Whether an event still starts live campaigns when it arrives.

Source: CleverTap, "Event APIs": events should arrive within two hours of their time and at most two minutes before
it, or campaigns that react at once pass them over; read 2026-11-22. They are stored all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from automations.engine.contracts import JsonObject

OLDEST: Final = timedelta(hours=2)
AHEAD: Final = timedelta(minutes=2)


def too_late_for_campaigns(record: JsonObject, now: str) -> str:
    """Return a sentence when live campaigns will pass this record over, else nothing.

    now: ISO 8601 with zone, when the record is sent; empty where nobody knows.
    """
    if record["type"] != "event" or not now or "ts" not in record:
        return ""
    age = datetime.fromisoformat(now) - datetime.fromtimestamp(record["ts"], UTC)
    if age > OLDEST:
        return f"live campaigns do not react to it: it is {_in_words(age)} old, and two hours is the most"
    if -age > AHEAD:
        return f"live campaigns do not react to it: its time is {_in_words(-age)} ahead of now"
    return ""


def _in_words(length: timedelta) -> str:
    minutes = length // timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
