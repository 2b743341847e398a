"""Looking for what did not arrive: changed records are listed, those that arrived subtracted, the rest made events.

For every account whose webhooks are looked after from here and every entity that a recipe waits for: what happened
since the last look (and a little before it, since clocks differ) is compared with the events of the same records.
What is missing goes through every recipe as if its webhook had come. A webhook that comes late after all is known
again (see `made_events`). A record's list entry tells its present state: several missed changes of one record are one.

How much there is, is counted where it is more than a page, so that a person sees how far a long sweep is.
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
from automations.engine.packer import id_before
from automations.engine.registry import Registry
from automations.engine.sweep_marks import SweepMarks
from automations.model.database import Database
from automations.model.states import EventOrigin

OVERLAP = timedelta(minutes=10)
PAGE = 500
COUNTED_PAGES = 200
# Behind every event: a cursor that an older version wrote does not tell it.
_UNTOLD = 2**63 - 1

_log = structlog.get_logger("sweep")


@dataclass(frozen=True)
class _Place:
    """Where a sweep is: which entity, which page of it, and what was found of it so far.

    problem: why the last record that failed did. upto: the newest event when this page's turn came. ahead: where
    counting what is left is, while it is counted. counted: it was, or it is more than is counted.
    """

    index: int = 0
    page: Any = None
    expected: int = 0
    received: int = 0
    recovered: int = 0
    problem: str = ""
    upto: int = _UNTOLD
    ahead: dict[str, Any] | None = None
    counted: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class _Found:
    """What a page of happenings came to. recovered: also by an earlier try at it that died before it could tell.

    problem: why the last one that failed did.
    """

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
        self._database = database
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
        place = _Place(**job.cursor) if job.cursor else _Place(upto=self._newest_before(job.created_at))
        if place.index >= len(entities):
            return Slice(place.as_json(), finished=True)
        if place.ahead is not None:
            return self._count(job, place, place.ahead)
        assert job.connection_id is not None
        entity = entities[place.index]
        since, until = _times(job, entity)
        client = self._connections.client(job.connection_id, can_wait=True)
        kind = self._connections.open(job.connection_id).kind
        page = kind.changes(entity, client, place.page, Window(since, until), PAGE)
        found_here = self._recover(job.connection_id, kind, page.arrivals, since, client, place.upto)
        expected, recovered = len(page.arrivals), found_here.recovered
        received = expected - recovered - found_here.failed
        after = replace(
            place,
            page=page.cursor,
            expected=place.expected + expected,
            received=place.received + received,
            recovered=place.recovered + recovered,
            problem=found_here.problem or place.problem,
            upto=self._made.newest(),
        )
        done = job.done + expected
        if page.cursor is None:
            found = (after.expected, after.received, after.recovered)
            self._marks.put(job.connection_id, entity, until, self._clock.now(), found)
            after = replace(
                _Place(after.index + 1), problem=after.problem, upto=after.upto, counted=after.counted
            )
        elif page.looked_at >= PAGE and not place.counted:
            ahead = {"index": place.index, "page": page.cursor, "found": done, "pages": 0}
            after = replace(after, ahead=ahead, counted=True)
        return Slice(
            after.as_json(),
            expected=done if after.index >= len(entities) else None,
            done=expected,
            made=recovered,
            skipped=received,
            failed=found_here.failed,
            finished=after.index >= len(entities),
            reason=after.problem,
        )

    def _count(self, job: JobView, place: _Place, ahead: Mapping[str, Any]) -> Slice:
        """Count a page of what is left, in the same order; the next slice goes on with it, or with the work."""
        assert job.connection_id is not None
        entities: Sequence[str] = job.params["entities"]
        entity = entities[ahead["index"]]
        client = self._connections.client(job.connection_id, can_wait=True)
        kind = self._connections.open(job.connection_id).kind
        page = kind.changes(entity, client, ahead["page"], Window(*_times(job, entity)), PAGE)
        found, pages = ahead["found"] + len(page.arrivals), ahead["pages"] + 1
        index = ahead["index"] + (page.cursor is None)
        if index >= len(entities) or pages >= COUNTED_PAGES:
            expected = found if index >= len(entities) else None
            return Slice(replace(place, ahead=None).as_json(), expected=expected, reason=place.problem)
        further = {"index": index, "page": page.cursor, "found": found, "pages": pages}
        return Slice(replace(place, ahead=further).as_json(), reason=place.problem or "counting")

    def _newest_before(self, at: datetime) -> int:
        return id_before(self._database, "event", "received_at", at)

    def _recover(
        self,
        connection_id: int,
        kind: ConnectionKind,
        arrivals: Sequence[Arrival],
        since: datetime,
        client: Any,
        upto: int,
    ) -> _Found:
        """Store what is missing; return how much it was. A record that fails keeps the others not back."""
        keys = {one.record_key for one in arrivals}
        here = self._arrived.of(connection_id, kind, keys, since, after=upto)
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
        return _Found(len(makings) + here.swept, failed, problem)

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


def _times(job: JobView, entity: str) -> tuple[datetime, datetime]:
    """Return since and until when a sweep looks for what happened to an entity."""
    return datetime.fromisoformat(job.params["since"][entity]), datetime.fromisoformat(job.params["until"])
