"""Stored things in words for a page: times, states, JSON, and text that strangers wrote."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask

from automations.model.connection import Connection
from automations.model.states import DeliveryStatus, RunStatus
from automations.web.services import services

SHOWN_AT_ONCE: Final = 4_096

# Controls, halves of characters, and what turns the direction of text or hides in it: shown, they mislead nobody.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)

_MARKS: Final[Mapping[str, str]] = {
    RunStatus.QUEUED: "queued",
    RunStatus.RUNNING: "running",
    RunStatus.WAITING: "waiting",
    RunStatus.SUCCEEDED: "ok",
    RunStatus.FILTERED: "filtered",
    RunStatus.PARKED: "parked",
    RunStatus.CANCELLED: "cancelled",
    DeliveryStatus.PENDING: "queued",
    DeliveryStatus.SENDING: "running",
    DeliveryStatus.SKIPPED: "filtered",
}
#: status -> (mark, sentence)
STATES: Final[Mapping[str, tuple[str, str]]] = {
    status: (_MARKS[status], status.sentence) for status in (*DeliveryStatus, *RunStatus)
}


def install(app: Flask) -> None:
    """Give these to every template."""
    app.jinja_env.filters.update(
        ago=ago,
        exact=exact,
        iso=iso,
        visible=visible,
        json_text=json_text,
        plural=plural,
        duration=duration,
        size=size,
    )
    app.jinja_env.globals.update(STATES=STATES, SHOWN_AT_ONCE=SHOWN_AT_ONCE, is_sandbox=is_sandbox)


def ago(at: datetime | None) -> str:
    """Return a time as people say it: `just now`, `12 min ago`, `in 3 h`, `4 days ago`, then the date."""
    if at is None:
        return "never"
    seconds = (services().clock.now() - at).total_seconds()
    distance = abs(seconds)
    if distance < 60:
        return "just now" if seconds >= 0 else "in a moment"
    for unit, length, below in (("min", 60, 3_600), ("h", 3_600, 86_400), ("day", 86_400, 7 * 86_400)):
        if distance < below:
            amount = int(distance // length)
            words = f"{amount} {unit}{'s' if unit == 'day' and amount != 1 else ''}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def exact(at: datetime | None) -> str:
    """Return `2026-11-22 10:42:07 UTC`; the browser puts the reader's own time in its place."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else ""


def duration(milliseconds: float) -> str:
    """Return `41 ms`, `12.4 s`, `26 min`, `3.5 h`."""
    if milliseconds < 10_000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def plural(amount: int, one: str, many: str = "") -> str:
    """Return `1 run`, `1,204 runs`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def visible(text: object) -> str:
    """Return text with every character that cannot be seen written as its code, such as `⟨U+202E⟩`."""
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(text))


def json_text(value: Any) -> str:
    """Return a JSON value spread over lines; a bare text stays as it is."""
    if isinstance(value, str):
        return visible(value)
    return visible(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def json_to_edit(value: Any) -> str:
    """Return a JSON value spread over lines, what cannot be seen in it escaped as JSON does, so that it reads back."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _INVISIBLE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def size(amount: float) -> str:
    """Return bytes as `812 B`, `4.1 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1_000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} TB"


def is_sandbox(row: Connection) -> bool:
    """Tell whether a connection talks to this machine only, so that nothing in it is real."""
    host = urlsplit(str(row.settings.get("base_url", ""))).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
