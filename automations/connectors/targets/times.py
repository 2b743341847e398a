"""Times as a target wants them written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

WriteTime = Callable[[datetime], Any]

_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})\Z|\d{4}-\d{2}-\d{2}\Z"
)
_WORD: Final = re.compile(r"\{([a-z_]+)\}")
# Outside 1973 to 5138 a number of seconds can only be a mistake, such as milliseconds.
_SECONDS: Final = range(100_000_000, 100_000_000_000)


def _iso(moment: datetime, timespec: str) -> str:
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


_WORDS: Final[dict[str, WriteTime]] = {
    "epoch_s": lambda moment: int(moment.timestamp()),
    "epoch_ms": lambda moment: int(moment.timestamp() * 1000),
    "iso": lambda moment: _iso(moment, "seconds"),
    "iso_ms": lambda moment: _iso(moment, "milliseconds"),
}


def time_writer(form: str) -> WriteTime:
    """Return what writes a time: `epoch_s`, `$D_{epoch_s}` or a pattern such as `%Y-%m-%dT%H:%M:%S%z`.

    Raises ValueError for anything else.
    """
    if form in _WORDS:
        return _WORDS[form]
    if "%Y" in form:
        return lambda moment: moment.astimezone(UTC).strftime(form)
    names = _WORD.findall(form)
    if names and all(name in _WORDS for name in names):
        return lambda moment: _WORD.sub(lambda found: str(_WORDS[found[1]](moment)), form)
    raise ValueError(
        f"{form!r} is no form of a time. Use one of {', '.join(_WORDS)}, such a word in braces inside a text, or a "
        "pattern with %Y"
    )


def read_moment(value: Any) -> datetime | None:
    """Return the time that a text in ISO 8601 says, a day as its midnight in UTC; None for everything else."""
    if not isinstance(value, str) or not _MOMENT.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_of(value: datetime | int) -> datetime:
    """Return an aware time. A number is seconds since 1970. Raises ValueError when it cannot be that."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if value not in _SECONDS:
        raise ValueError("a number of seconds (not milliseconds) since 1970")
    return datetime.fromtimestamp(value, UTC)
