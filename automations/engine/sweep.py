"""Looking for what did not arrive: changed records are listed, those that arrived subtracted, the rest made events.

For every account whose webhooks are looked after from here and every entity that a recipe waits for: what happened
since the last look (and a little before it, since clocks differ) is compared with the events of the same records.
What is missing goes through every recipe as if its webhook had come. A webhook that comes late after all is known
again (see `made_events`). A record's list entry tells its present state: several missed changes of one record are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog

from automations.clock import Clock
from automations.engine.arrived import Arrived, Here
from automations.engine.connections import Connections
from automations.engine.contracts import Arrival, ConnectionKind, Window
from automations.engine.job_kinds import JobKind, JobView, Slice, said_of
from automations.engine.made_events import MadeEvents, Making
from automations.engine.registry import Registry
from automations.engine.sweep_marks import SweepMarks
from automations.model.database import Database
from automations.model.states import EventOrigin

OVERLAP = timedelta(minutes=10)
PAGE = 500

_log = structlog.get_logger("sweep")


@dataclass(frozen=True)
class _Place:
    """Where a sweep is: which entity, which page of it, and what was found of it so far.

    problem: why the last record that failed did.
    """

    index: int = 0
    page: Any = None
    expected: int = 0
    received: int = 0
    recovered: int = 0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class _Found:
    """What a page of happenings came to. problem: why the last one that failed did."""

    recovered: int
    failed: int
    problem: str


class Sweep(JobKind):
    """The job kind. params: entities, and for each since when (`since`, ISO times); until when (`until`)."""

    name = "sweep"
    title = "Sweep"
    unit = "happenings"
    words: ClassVar[Mapping[str, str]] = {
        "done": "expected", "made": "recovered", "skipped": "received", "failed": "failed",
    }  # fmt: skip

    def __init__(
        self,
        database: Database,
        registry: Registry,
        connections: Connections,
        clock: Clock,
        ring: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._connections = connections
        self._clock = clock
        self._ring = ring
        self._made = MadeEvents(database)
        self._arrived = Arrived(database)
        self._marks = SweepMarks(database)

    def sentence(self, job: JobView) -> str:
        entities = ", ".join(f"{entity}s" for entity in job.params["entities"])
        return f"what did not arrive from {job.params.get('connection', 'an account')!r}: {entities}"

    def slice(self, job: JobView, room: int) -> Slice:
        entities: Sequence[str] = job.params["entities"]
        place = _Place(**job.cursor) if job.cursor else _Place()
        if place.index >= len(entities):
            return Slice(place.as_json(), finished=True)
        assert job.connection_id is not None
        entity = entities[place.index]
        since = datetime.fromisoformat(job.params["since"][entity])
        until = datetime.fromisoformat(job.params["until"])
        client = self._connections.client(job.connection_id, can_wait=True)
        kind = self._connections.open(job.connection_id).kind
        page = kind.changes(entity, client, place.page, Window(since, until), PAGE)
        found_here = self._recover(job.connection_id, kind, page.arrivals, since, client)
        expected, recovered = len(page.arrivals), found_here.recovered
        received = expected - recovered - found_here.failed
        after = replace(
            place,
            page=page.cursor,
            expected=place.expected + expected,
            received=place.received + received,
            recovered=place.recovered + recovered,
            problem=found_here.problem or place.problem,
        )
        if page.cursor is None:
            found = (after.expected, after.received, after.recovered)
            self._marks.put(job.connection_id, entity, until, self._clock.now(), found)
            after = _Place(index=place.index + 1, problem=after.problem)
        return Slice(
            after.as_json(),
            done=expected,
            made=recovered,
            skipped=received,
            failed=found_here.failed,
            finished=after.index >= len(entities),
            reason=after.problem,
        )

    def _recover(
        self,
        connection_id: int,
        kind: ConnectionKind,
        arrivals: Sequence[Arrival],
        since: datetime,
        client: Any,
    ) -> _Found:
        """Store what is missing; return how much it was. A record that fails keeps the others not back."""
        here = self._arrived.of(connection_id, kind, {one.record_key for one in arrivals}, since)
        makings: list[Making] = []
        failed, problem = 0, ""
        try:
            for arrival in arrivals:
                try:
                    missing = self._missing(kind, arrival, here, since, client)
                except Exception as error:  # noqa: BLE001 - one record must not stop the others
                    problem, failed = said_of(arrival.record_key, error), failed + 1
                    _log.warning("sweep.record_failed", record=arrival.record_key, error=type(error).__name__)
                    continue
                if missing is not None:
                    makings.append(missing)
        finally:
            # Where the account rests in the middle, the next try begins behind what was found by then.
            self._store(connection_id, makings)
        return _Found(len(makings), failed, problem)

    def _missing(
        self, kind: ConnectionKind, arrival: Arrival, here: Here, since: datetime, client: Any
    ) -> Making | None:
        """Return what is to be made of a happening; None where it arrived, or is none."""
        state = kind.state_of(kind.read(arrival.topic, arrival.payload))
        if state is None or here.has(arrival.record_key, state):
            return None
        whole = kind.with_previous(arrival, here.newest(arrival.record_key), since, client)
        if whole is None:
            return None
        named = replace(whole, dedupe_key=f"sweep/{whole.dedupe_key}")
        return Making(named, known_as=state.known_as, seen_upto=here.upto)

    def _store(self, connection_id: int, makings: Sequence[Making]) -> None:
        if self._made.store(connection_id, makings, EventOrigin.SWEEP, self._clock.now()):
            self._ring()
            _log.info("sweep.recovered", connection_id=connection_id, events=len(makings))
