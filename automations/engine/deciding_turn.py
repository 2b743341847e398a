"""Who decides just now: one worker at a time, while the others go on with what is decided.

Several would all read and judge the same oldest events, and all but the first in vain. No promise rests on it: verdicts
are stored once whoever stores them. So a worker that stands still in its turn is not waited for long.
"""

from __future__ import annotations

import fcntl
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from automations.model.database import Database

PATIENCE_S: Final = 1.0
AGAIN_S: Final = 0.1
_LOCK: Final = (79, 0)


class DecidingTurn:
    """Used by one thread at a time. is_anothers: it was, at the last look; `AGAIN_S` later it is worth another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refused_s = math.inf
        self.is_anothers = False

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether this worker may decide in the block. Raises StorageUnavailableError."""
        with self._in_a_file() if self._database.on_sqlite else self._in_the_database() as is_mine:
            yield self._may_decide(is_mine=is_mine)

    @contextmanager
    def _in_a_file(self) -> Iterator[bool]:
        """A lock in the database itself would keep intake from writing. The system gives up that of who dies."""
        with ExitStack() as held:
            yield _is_locked(self._database.engine.url.database, held)

    @contextmanager
    def _in_the_database(self) -> Iterator[bool]:
        # A worker that dies in its turn gives it up with its transaction. That holds no row and no old state of any
        # between two statements; a lock of the session would outlive it behind a pooler such as PgBouncer.
        with self._database.write_plain(durable=False) as connection:
            yield bool(connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK).scalar())

    def over(self) -> None:
        """Nothing is to be decided; forget that it was another's turn."""
        self._refused_s, self.is_anothers = math.inf, False

    def _may_decide(self, *, is_mine: bool) -> bool:
        now_s = time.monotonic()
        if is_mine or now_s - self._refused_s >= PATIENCE_S:
            self.over()
            return True
        self._refused_s = min(self._refused_s, now_s)
        self.is_anothers = True
        return False


def _is_locked(database: str | None, held: ExitStack) -> bool:
    """Lock the file beside a database, as long as `held` lasts; True also where there can be none."""
    if not database:
        return True
    try:
        file = held.enter_context(Path(f"{database}-deciding").open("ab"))  # noqa: SIM115 - `held` closes it
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
