"""Who is there: every process of an installation has a row and lets it beat while it lives.

A wall clock says nothing here, it may jump and differ from machine to machine: a row counts as dead when somebody
has watched its beats stand still, and is taken away only if they stand still yet in that same statement.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import col, delete, select

from automations import __version__
from automations.clock import Clock
from automations.errors import AutomationError, SettingsError
from automations.model.columns import micros
from automations.model.database import Database
from automations.model.process import Process
from automations.model.states import ProcessRole

BEAT_S = 3.0
DEAD_S = 15.0
FORGOTTEN = timedelta(minutes=10)

_BEAT = "UPDATE process SET beats=beats+1, seen_at=?, agreed=?, crowded=? WHERE id=?"
_log = structlog.get_logger("presence")


@dataclass(frozen=True)
class Me:
    """Which process this is. place: instance folder and slot, held by a lock; keys: fingerprints, newest first."""

    role: ProcessRole
    place: str
    keys: tuple[str, ...] = ()


class Presence:
    """This process's own row. Used by one thread."""

    def __init__(self, database: Database, clock: Clock, me: Me) -> None:
        self._database = database
        self._clock = clock
        self._me = me
        self._id = 0

    @property
    def id(self) -> int:
        """Return the row's number; 0 while there is none."""
        return self._id

    def enter(self) -> None:
        """Take a row, in place of one that a dead process left at this place.

        Raises SettingsError where this process could not read the secrets of those that are there.
        """
        now = self._clock.now()
        with self._database.write() as session:
            session.exec(delete(Process).where(col(Process.place) == self._me.place))
            session.exec(
                delete(Process).where(
                    col(Process.role) == ProcessRole.WEB, col(Process.seen_at) < now - FORGOTTEN
                )
            )
            _refuse_other_keys(session.exec(select(Process)).all(), self._me, now - timedelta(seconds=DEAD_S))
            row = Process(
                role=self._me.role,
                place=self._me.place,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=__version__,
                keys=" ".join(self._me.keys),
                started_at=now,
                seen_at=now,
            )
            session.add(row)
            session.flush()
            assert row.id is not None
            self._id = row.id

    def beat(self, agreed: str = "", crowded: str = "") -> bool:
        """Say that it lives, and what it agrees to; False where others took the row away."""
        parameters = (micros(self._clock.now()), agreed, crowded, self._id)
        with self._database.connect_for_write() as connection:
            found = connection.exec_driver_sql(self._database.sql(_BEAT), parameters)
            return found.rowcount == 1

    def leave(self) -> None:
        with self._database.write() as session:
            session.exec(delete(Process).where(col(Process.id) == self._id))
        self._id = 0


def _refuse_other_keys(rows: Sequence[Process], me: Me, since: datetime) -> None:
    """Those of one folder read the same keys, so a row of this one only tells what they were."""
    folder = me.place.partition("/")[0]
    for row in rows:
        others = set(row.keys.split())
        is_elsewhere = row.place.partition("/")[0] != folder and row.seen_at >= since
        if is_elsewhere and me.keys and others and not others & set(me.keys):
            raise SettingsError(
                f"This machine has other secret keys than the {row.role} that runs on {row.host} (process {row.pid}). "
                "Give both the same AUTOMATIONS_SECRET_KEYS, or copy the file secret.keys from there, and start again."
            )


class Present:
    """A thread that keeps a row for a process that has no turns of its own, such as the web."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._beat_forever, daemon=True, name="presence")

    def start(self) -> None:
        """Raises SettingsError as `Presence.enter` does."""
        self._presence.enter()
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(timeout=BEAT_S)
        try:
            self._presence.leave()
        except AutomationError as error:
            _log.warning("presence.not_left", message=error.message)

    def _beat_forever(self) -> None:
        while not self._ends.wait(BEAT_S):
            try:
                if not self._presence.beat():
                    self._presence.enter()
            except AutomationError as error:
                _log.warning("presence.not_seen", message=error.message)


def live(database: Database, clock: Clock) -> list[Process]:
    """Return the processes seen lately, workers first, oldest first; a clock that is off by seconds does no harm."""
    since = clock.now() - timedelta(seconds=DEAD_S)
    with database.read() as session:
        rows = session.exec(
            select(Process).where(col(Process.seen_at) >= since).order_by(col(Process.id))
        ).all()
    return sorted(rows, key=lambda row: row.role != ProcessRole.WORKER)


def beats(database: Database) -> dict[int, tuple[int, str]]:
    """Return for every row how often it has beaten, and which process it is; the same later means a dead one."""
    with database.read() as session:
        rows = session.exec(select(Process)).all()
    return {row.id or 0: (row.beats, f"{row.role} on {row.host}, process {row.pid}") for row in rows}
