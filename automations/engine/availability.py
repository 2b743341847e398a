"""Which connections may be worked for just now: known, not paused, not told to wait."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from automations.clock import Clock
from automations.engine.breaker import PROBE_EVERY, Breakers
from automations.engine.retry import RETRY_AFTER_MAX_S
from automations.errors import AutomationError
from automations.model.columns import micros, moment
from automations.model.database import Database
from automations.model.states import ConnectionState

FRESH_S = 0.1
_STATES = """
SELECT connection.id, state, hold_until, breaker.opened_at, breaker.probe_at
FROM connection LEFT JOIN breaker ON breaker.connection_id=connection.id
"""
_EARLIER = "UPDATE {row}=CASE WHEN {column}-?>? THEN {column}-? ELSE ? END WHERE {column}>?"
_THAW = (
    (
        _EARLIER.format(row="connection SET hold_until", column="hold_until"),
        timedelta(seconds=RETRY_AFTER_MAX_S),
    ),
    (_EARLIER.format(row="breaker SET probe_at", column="probe_at"), PROBE_EVERY),
)


class Availability:
    """Used by the coordinating thread.

    What this worker learns itself holds at once; what others change is seen within `FRESH_S`.
    held: connections that nothing may leave for, each with the time from when its work is due again.
    """

    def __init__(self, database: Database, clock: Clock, breakers: Breakers) -> None:
        self._database = database
        self.breakers = breakers
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
        return [known for known in self._known if known not in self.held or self.is_tried_alone(known)]

    def is_tried_alone(self, connection_id: int) -> bool:
        """Tell whether one call of a connection whose breaker is open may leave, and no more."""
        open_until = self.breakers.until(connection_id)
        return (
            open_until is not None
            and self.held.get(connection_id, open_until) == open_until
            and self.breakers.may_be_probed(connection_id)
        )

    def try_alone(self, connection_id: int) -> bool:
        """Make the one call this worker's, and let it leave; False when it is another worker's."""
        if not self.breakers.take_probe(connection_id):
            self.hold(connection_id, self.breakers.until(connection_id) or self._clock.now())
            return False
        self.held.pop(connection_id, None)
        return True

    def answered(self, connection_id: int, error: AutomationError | None, weight: float = 1.0) -> None:
        """Count a call that is over, and hold or let go what follows from that."""
        was_open = self.breakers.until(connection_id)
        self.breakers.came_back(connection_id, error, weight)
        until = self.breakers.until(connection_id)
        if until is not None:
            self.hold(connection_id, max(until, self.held.get(connection_id, until)))
        elif was_open is not None:
            self.look_again()

    def why(self, connection_id: int) -> tuple[str, str]:
        """Return why nothing leaves for a connection: words, and the kind of reason."""
        if self.breakers.until(connection_id) is not None:
            return (
                "its connection does not answer, and is asked every half minute whether it is back",
                "breaker",
            )
        return "its connection is paused", "connection"

    def hold(self, connection_id: int, until: datetime) -> None:
        """Let nothing of this connection leave before `until`."""
        self.held[connection_id] = until

    def look_again(self) -> None:
        """Read the states anew at the next `open`, however fresh they are."""
        self._read_s = -math.inf

    def thaw(self, went_back: timedelta = timedelta(0)) -> None:
        """End holds and ask silent targets as much earlier as the wall clock was set back.

        went_back: zero where it is not known; then only what no hold can ask for is ended.
        """
        now = micros(self._clock.now())
        # Set back by an unknown time, what is impossible ends now: that is what taking off `now` comes to.
        back = went_back // timedelta(microseconds=1) or now
        with self._database.connect_for_write() as connection:
            for sql, longest in _THAW:
                beyond = now if went_back else now + longest // timedelta(microseconds=1)
                connection.exec_driver_sql(self._database.sql(sql), (back, now, back, now, beyond))
        self.look_again()

    def _read(self) -> None:
        now = self._clock.now()
        with self._database.read_plain() as connection:
            rows = connection.exec_driver_sql(_STATES).all()
        breakers = {
            connection_id: now if probe_at is None else moment(probe_at)
            for connection_id, _, _, opened_at, probe_at in rows
            if opened_at is not None
        }
        self._known = [0]
        self.held.clear()
        self.breakers.read(breakers)
        for broken, probe_at in breakers.items():
            if not self.breakers.is_probing(broken):
                self.held[broken] = probe_at
        for connection_id, state, hold_until, _, _ in rows:
            self._known.append(connection_id)
            if state != ConnectionState.OK:
                self.held[connection_id] = now
            elif hold_until is not None and (until := moment(hold_until)) > now:
                self.held[connection_id] = until
