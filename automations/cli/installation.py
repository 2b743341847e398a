"""The installation that a command works on, opened for its length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from automations.cli.lazy import debugging
from automations.cli.output import remark

if TYPE_CHECKING:
    from automations.assembly import Assembly


@contextmanager
def opened() -> Iterator[Assembly]:
    """Yield the installation of the settings in force, its database brought up to date.

    Raises SettingsError when it cannot be used.
    """
    from automations.assembly import Assembly
    from automations.settings import load_settings

    _logs_to_standard_error()
    settings = load_settings()
    assembly = Assembly.make(settings)
    try:
        if assembly.sealer.created:
            remark(
                f"Made the key file {settings.instance / 'secret.keys'}. Keep a copy of it apart from the "
                "database: without it, stored secrets cannot be read."
            )
        yield assembly
    finally:
        assembly.close()


def _logs_to_standard_error() -> None:
    """Keep standard output for the result; what goes wrong is said by the command itself."""
    import logging
    import sys

    import structlog

    level = logging.DEBUG if debugging() else logging.CRITICAL
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
