"""When a message happened: what its sender says, with a wrong clock put right.

Source: Segment docs, "Spec: Common" (timestamps), and RudderStack docs, "HTTP API", both read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# Plain numbers are epoch times. Seconds stay below this until the year 5138; milliseconds are above it since 1973.
_SECONDS_BELOW = 1e11


def moment(value: Any) -> datetime | None:
    """Return a time as senders write it, aware, UTC; None where it is none.

    ISO 8601 with any offset; without one it is UTC. A number is an epoch time, in milliseconds where it is large.
    """
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
            return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            seconds = value if value < _SECONDS_BELOW else value / 1000
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def happened_at(message: Mapping[str, Any]) -> datetime | None:
    """Return when the message happened, on our clock; None when nothing in it says so.

    `timestamp` is the sender's own word and is kept. Else it is `receivedAt` less what passed on the sender's clock
    between `originalTimestamp` and `sentAt`, and never after `receivedAt`. Else `receivedAt`.
    """
    given = moment(message.get("timestamp"))
    if given is not None:
        return given
    original, received = moment(message.get("originalTimestamp")), moment(message.get("receivedAt"))
    if original is None:
        return received
    sent = moment(message.get("sentAt"))
    if received is None or sent is None:
        return original
    return received - max(sent - original, timedelta(0))


def written(at: datetime | None) -> str:
    """Return a time as ISO 8601, UTC, milliseconds and `Z`; an empty text for None."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""
