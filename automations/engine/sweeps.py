"""When accounts are looked through for what did not arrive: every hour, and at once after something went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.connections import Connections
from automations.engine.jobs import Jobs
from automations.engine.registry import Registry
from automations.engine.subscriptions import Subscriptions
from automations.engine.sweep import OVERLAP, Sweep
from automations.engine.sweep_marks import SweepMarks, SweepResult
from automations.errors import InputError
from automations.model.columns import micros, moment
from automations.model.connection import Connection, Subscription
from automations.model.database import Database
from automations.model.job import Job
from automations.model.made import SweepMark
from automations.model.person import Installation
from automations.model.states import ConnectionState

EVERY = timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=1)
DOWN_AFTER = timedelta(minutes=5)
IN_TROUBLE_EVERY = timedelta(minutes=10)
# A sender tries a webhook again for some minutes; what may still come by itself is left to the next look.
ON_THEIR_WAY = timedelta(minutes=5)
# A record may change twice within a second, the unit of its time, and clocks differ by some: only what has come to
# rest is listed, so that no listed state stands for a change that follows it.
AT_REST = timedelta(seconds=10)

_ALIVE = "sweep.alive"


class Sweeps:
    def __init__(
        self,
        database: Database,
        registry: Registry,
        connections: Connections,
        subscriptions: Subscriptions,
        jobs: Jobs,
        clock: Clock,
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._subscriptions = subscriptions
        self._jobs = jobs
        self._clock = clock
        self._marks = SweepMarks(database)

    def look(self) -> None:
        """The chore: ask for a sweep of every account that is due."""
        was_down, now = self._was_down(), self._clock.now()
        for connection in self._connections.all():
            if connection.state != ConnectionState.OK or connection.id is None:
                continue
            entities, marks = self._entities(connection), self._marks.of(connection.id)
            if gone := set(marks) - set(entities):
                self._marks.forget(connection.id, gone)
            self._marks.begin(connection.id, set(entities) - set(marks), now)
            kept = [mark for entity, mark in marks.items() if entity in entities]
            if not kept:
                continue
            if was_down or self._is_in_trouble(connection, kept):
                self._ask(connection, entities, now, by="after a gap")
            elif now - min(mark.swept_at for mark in kept) >= EVERY:
                self._ask(connection, entities, now - ON_THEIR_WAY, by="timer")

    def start(self, name: str, *, since: datetime | None = None, by: str = "") -> Job:
        """Ask for a sweep of one account now, up to this moment.

        since: from when on, where it is longer ago than the last look. Raises InputError when nothing of it can be
        listed or a sweep is under way, NotFoundError.
        """
        connection = self._connections.get(name)
        entities = self._entities(connection)
        if not entities:
            raise InputError(
                f"{name!r} has nothing to look through: no recipe that is on waits for its webhooks, or its changes "
                "cannot be listed."
            )
        assert connection.id is not None
        self._marks.begin(connection.id, entities, self._clock.now())
        job = self._ask(connection, entities, self._clock.now(), by=by, since=since)
        if job is not None:
            return job
        if any(
            open_.kind == Sweep.name and open_.connection_id == connection.id for open_ in self._jobs.open()
        ):
            raise InputError(
                f"A sweep of {name!r} is under way; `automations job list` shows it.", status=409
            )
        raise InputError(
            f"All of {name!r} was looked through a moment ago; the last {AT_REST.seconds} seconds still come by "
            "themselves. Try again in a minute.",
            status=409,
        )

    def results(self) -> Sequence[SweepResult]:
        return self._marks.results()

    def result(self, connection_id: int) -> SweepResult | None:
        return next((one for one in self.results() if one.connection_id == connection_id), None)

    def _ask(
        self,
        connection: Connection,
        entities: Sequence[str],
        until: datetime,
        *,
        by: str,
        since: datetime | None = None,
    ) -> Job | None:
        assert connection.id is not None
        until = min(until, self._clock.now() - AT_REST)
        begins = {
            entity: min(max(mark.swept_until - OVERLAP, mark.begun_at), since or mark.swept_until)
            for entity, mark in self._marks.of(connection.id).items()
        }
        wanted = [entity for entity in entities if begins[entity] < until]
        if not wanted:
            return None
        try:
            return self._jobs.start(
                Sweep.name,
                {
                    "connection": connection.name,
                    "entities": wanted,
                    "since": {entity: begins[entity].isoformat() for entity in wanted},
                    "until": until.isoformat(),
                },
                connection_id=connection.id,
                by=by,
                alone=f"sweep:{connection.id}",
            )
        except InputError:
            return None

    def _entities(self, connection: Connection) -> tuple[str, ...]:
        kind = self._registry.kinds.get(connection.kind)
        if connection.id is None or kind is None:
            return ()
        topics = self._subscriptions.topics_on(connection.id)
        return kind.swept(topics) if topics else ()

    def _is_in_trouble(self, connection: Connection, marks: Sequence[SweepMark]) -> bool:
        """Tell whether callers were refused or a webhook was made since the last look: something may be lost then."""
        looked_at = min(mark.swept_at for mark in marks)
        if self._clock.now() - looked_at < IN_TROUBLE_EVERY:
            return False
        refused = connection.refused_hook_at
        return (refused is not None and refused > looked_at) or self._was_mended(
            connection.id or 0, looked_at
        )

    def _was_mended(self, connection_id: int, since: datetime) -> bool:
        with self._database.read() as session:
            found = session.exec(
                select(Subscription.id).where(
                    col(Subscription.connection_id) == connection_id, col(Subscription.created_at) > since
                )
            )
            return found.first() is not None

    def _was_down(self) -> bool:
        """Tell whether nobody looked for a while, and note that somebody does now."""
        now = self._clock.now()
        with self._database.write() as session:
            row = session.get(Installation, _ALIVE) or Installation(name=_ALIVE, value=str(micros(now)))
            before = moment(int(row.value))
            row.value = str(micros(now))
            session.add(row)
        return now - before >= DOWN_AFTER
