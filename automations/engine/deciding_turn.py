"""Who decides just now on PostgreSQL: one worker at a time, while the others go on with what is decided.

Several would all read and judge the same oldest events, and all but the first in vain. No promise rests on it: verdicts
are stored once whoever stores them. So a worker that stands still in its turn is not waited for long. On SQLite, where
workers wait for each other anyway, it saved nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from automations.model.database import Database

PATIENCE_S: Final = 1.0
AGAIN_S: Final = 0.02
_LOCK: Final = (79, 0)


class DecidingTurn:
    """Used by one thread. again_in_s: when to look again, because it was another's turn; else infinite."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refused_s = math.inf
        self.again_in_s = math.inf

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether this worker may decide in the block. Raises StorageUnavailableError."""
        if self._database.on_sqlite:
            yield True
            return
        # A worker that dies in its turn gives it up with its transaction. That holds no row and no old state of any
        # between two statements; a lock of the session would outlive it behind a pooler such as PgBouncer.
        with self._database.write_plain(durable=False) as connection:
            is_mine = connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK).scalar()
            yield self._may_decide(is_mine=bool(is_mine))

    def over(self) -> None:
        """Nothing is to be decided; forget that it was another's turn."""
        self._refused_s = self.again_in_s = math.inf

    def _may_decide(self, *, is_mine: bool) -> bool:
        now_s = time.monotonic()
        if is_mine or now_s - self._refused_s >= PATIENCE_S:
            self.over()
            return True
        self._refused_s = min(self._refused_s, now_s)
        self.again_in_s = AGAIN_S
        return False
