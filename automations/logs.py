"""Logs: JSON lines on standard error, UTC, one event a line, secrets masked by name.

A closed pipe or a full disk must not stop a worker, so a line that cannot be written is dropped.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_SECRET_NAMES = ("password", "passcode", "token", "secret", "authorization", "api_key", "cookie", "write_key")


class _Lines:
    """Writes lines to standard error and never raises."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = failure = fatal = msg


def _mask_by_name(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> dict[str, Any]:
    return {
        key: "•••" if any(word in key.lower() for word in _SECRET_NAMES) else value
        for key, value in entry.items()
    }


def _as_line(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> str:
    return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def set_up_logs(level: int = logging.INFO) -> None:
    """Make every log of this process a JSON line; the standard library's loggers speak from WARNING up."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _mask_by_name,
            _as_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING,
        format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "%(message)s"}',
    )
