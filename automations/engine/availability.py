"""Which connections may be worked for just now: known, not paused, not told to wait."""

from __future__ import annotations

import math
from datetime import datetime

from sqlmodel import select

from automations.clock import Clock
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.states import ConnectionState

FRESH_S = 0.1


class Availability:
    """Used by the coordinating thread.

    What this worker learns itself holds at once; what others change is seen within `FRESH_S`.
    held: connections that nothing may leave for, each with the time from when its work is due again.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: list[int] = [0]
        self._read_s = -math.inf
        self.held: dict[int, datetime] = {}

    def open(self) -> list[int]:
        """Return the connections that may be worked for; 0 stands for steps that talk to nobody."""
        now_s = self._clock.monotonic_s()
        if now_s - self._read_s >= FRESH_S:
            self._read()
            self._read_s = now_s
        return [known for known in self._known if known not in self.held]

    def hold(self, connection_id: int, until: datetime) -> None:
        """Let nothing of this connection leave before `until`."""
        self.held[connection_id] = until

    def look_again(self) -> None:
        """Read the states anew at the next `open`, however fresh they are."""
        self._read_s = -math.inf

    def _read(self) -> None:
        now = self._clock.now()
        with self._database.read() as session:
            rows = session.exec(select(Connection.id, Connection.state, Connection.hold_until)).all()
        self._known = [0]
        self.held.clear()
        for connection_id, state, hold_until in rows:
            assert connection_id is not None
            self._known.append(connection_id)
            if state != ConnectionState.OK:
                self.held[connection_id] = now
            elif hold_until is not None and hold_until > now:
                self.held[connection_id] = hold_until
