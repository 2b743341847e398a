"""Periodic work: done by one worker at a time, however many there are.

Every worker is reminded; the first to move the chore's mark in the database does it, the others leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from automations.clock import Clock
from automations.errors import AutomationError
from automations.model.columns import micros
from automations.model.database import Database

_log = structlog.get_logger("chores")


@dataclass(frozen=True)
class Chore:
    """name: permanent, the mark's name in the database. every: how often, at most."""

    name: str
    every: timedelta
    work: Callable[[], object]


class Chores:
    """Safe to call from many workers at once."""

    def __init__(self, database: Database, clock: Clock, chores: list[Chore]) -> None:
        self._database = database
        self._clock = clock
        self._chores = chores

    def run_due(self) -> list[str]:
        """Do what is due and nobody else has begun; return the names. A chore that fails is done at its next time."""
        done: list[str] = []
        for chore in self._chores:
            if not self._begin(chore):
                continue
            try:
                chore.work()
                done.append(chore.name)
            except AutomationError as error:
                _log.warning("chore.failed", chore=chore.name, kind=error.kind, message=error.message)
            except Exception:  # noqa: BLE001 - one chore must not stop the others
                _log.exception("chore.failed", chore=chore.name)
        return done

    def _begin(self, chore: Chore) -> bool:
        """Move the chore's mark to now if it is old enough; True for the one who moved it."""
        now = self._clock.now()
        name, stamp = f"chore.{chore.name}", str(micros(now)).zfill(20)
        oldest = str(micros(now - chore.every)).zfill(20)
        with self._database.connect_for_write() as connection:
            row = connection.exec_driver_sql(self._database.sql(_BEGIN), (name, stamp, oldest)).first()
        return row is not None


_BEGIN = """
INSERT INTO installation (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value=excluded.value WHERE installation.value <= ?
RETURNING name
"""
