"""Logs: JSON lines on standard error, UTC, one event a line, secrets masked by name.

A closed pipe or a full disk must not stop a worker, so a line that cannot be written is dropped. Nothing in a
value can end its line, forge another, or steer a terminal: a line is printable ASCII.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

_SECRET_NAMES = ("password", "passcode", "token", "secret", "authorization", "api_key", "cookie", "write_key")
# Libraries write addresses with their parameters, and headers, into what they raise.
_SECRET_PAIR = re.compile(rf"""(?i)((?:{"|".join(_SECRET_NAMES)})["']?\s*[=:]\s*["']?)[^&\s"',;]+""")
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_DEEPEST = 20


class _Lines:
    """Writes lines to standard error and never raises."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = failure = fatal = msg


def _mask(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = _masked(dict(entry), _DEEPEST)
    if "exception" in masked:
        masked["exception"] = _SECRET_PAIR.sub(r"\1•••", str(masked["exception"]))
    return masked


def _masked(value: Any, levels: int) -> Any:
    """Return a copy that is plain JSON, with what is named like a secret hidden."""
    if isinstance(value, Mapping):
        return {
            str(key): "•••" if _names_secret(key) else _masked(inner, levels - 1) if levels else "…"
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner, levels - 1) if levels else "…" for inner in value]
    if isinstance(value, str):
        return _HALF_A_PAIR.sub("\ufffd", value)
    plain = value is None or isinstance(value, bool | int)
    return value if plain or (isinstance(value, float) and math.isfinite(value)) else str(value)


def _names_secret(key: Any) -> bool:
    return isinstance(key, str) and any(word in key.lower() for word in _SECRET_NAMES)


def _as_line(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> str:
    return json.dumps(entry).replace("\x7f", "\\u007f")


class _Libraries(logging.Handler):
    """Writes what libraries say as the same kind of line."""

    def emit(self, record: logging.LogRecord) -> None:
        entry: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            entry["exception"] = logging.Formatter().formatException(record.exc_info)
        _Lines().msg(_as_line(None, "", _mask(None, "", entry)))


def set_up_logs(level: int = logging.INFO) -> None:
    """Make every log of this process a JSON line; the standard library's loggers speak from WARNING up."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _mask,
            _as_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()])
