"""Times as a person writes them in a command."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click import Context, Parameter

    _Base = click.ParamType[datetime]
else:
    _Base = click.ParamType

_AGO = re.compile(r"(\d+)\s*([mhdw])\Z")
_UNIT = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(_Base):
    """A date, a date with a time, or how long ago: `2026-11-22`, `2026-11-22T10:00`, `3d`. Without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        ago = _AGO.match(text)
        try:
            if ago is not None:
                return datetime.now(UTC) - timedelta(**{_UNIT[ago[2]]: int(ago[1])})
            found = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r} is no time. Write 2026-11-22, 2026-11-22T10:00 or 3d, for three days ago.",
                param,
                ctx,
            )
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
