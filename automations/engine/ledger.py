"""The effect ledger: the only place that writes run and delivery states.

A row is written before the call and closed after it, so a crash or a replay never repeats a closed effect and
knows which one is in doubt. Every change a worker makes is fenced by the lease it holds.

The statements are plain SQL: they carry thousands of rows a second, and both databases read them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from automations.clock import Clock
from automations.engine.changes import Changes, Claim, Closing, DecidedEvent, Opening, Room, RunUpdate
from automations.engine.held_runs import HELD, held_still
from automations.engine.lanes import Lanes
from automations.engine.leases import LEASE, Leases, Taker, in_chunks
from automations.engine.ledger_statements import (
    ATTEMPT_KINDS,
    CLOSE,
    CLOSING_KINDS,
    DECIDE,
    DECIDE_AND_LOOK,
    DELIVERY,
    DEPART,
    OPEN,
    OPEN_AGAIN,
    RELEASE,
    SETTLE,
    TRY,
    UPDATE_KINDS,
    VERDICT_KINDS,
)
from automations.engine.made_events import MadeEvents
from automations.engine.newcomers import Newcomers, lanes_joined
from automations.model.arrays import bigints, texts
from automations.model.columns import dump_json, micros, storable
from automations.model.database import Database
from automations.model.many import among, by_column
from automations.model.statements import Statements
from automations.model.states import DeliveryStatus


class Written(NamedTuple):
    """What became of changes.

    lost: the runs whose lease was lost; nothing of theirs was written. ids: of new deliveries, by (run, step, item).
    lets_go: whether runs that stood behind others may be claimed now.
    """

    lost: set[int]
    ids: dict[tuple[int, int, int], int]
    lets_go: bool = False


_LOCK_EVENTS = "SELECT 1 FROM event WHERE id IN ({ids}) ORDER BY id FOR NO KEY UPDATE"


def _json(value: Any) -> str | None:
    return None if value is None else dump_json(value)


class Ledger(Leases):
    """Writes run and delivery states for one worker, named `owner`."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        super().__init__(database, clock, owner)
        self._lanes = Lanes(database)
        self._newcomers = Newcomers(database)
        self._made = MadeEvents(database)
        # In one order everywhere, so that two workers never wait for each other.
        self._lock = "" if database.on_sqlite else " ORDER BY id FOR UPDATE"

    # -- deciding

    def decide(self, decided: Sequence[DecidedEvent], room: Room | None = None) -> None:
        """Store verdicts and new runs; events that another worker decided meanwhile are left out.

        Runs that there is room for become this worker's with it, and are noted there.
        """
        clock_now = self._clock.now()
        now, taker = micros(clock_now), None
        if room is not None:
            taker = Taker(self.owner, micros(clock_now + LEASE), dict(room.left))
        if self._database.on_sqlite or not _is_plain(decided):
            claims = self._decide_one_after_another(decided, now, taker)
        else:
            claims = self._decide_together(decided, now, taker)
        if room is not None and taker is not None:
            room.left = taker.room
            room.claims += claims

    # Verdicts that a power failure takes back are made again: no call can have followed them.

    def _decide_one_after_another(
        self, decided: Sequence[DecidedEvent], now: int, taker: Taker | None
    ) -> list[Claim]:
        with self._database.write_plain(durable=False) as connection:
            open_ids = self._still_undecided(connection, [event.event_id for event in decided])
            mine = self._not_told_yet(connection, [one for one in decided if one.event_id in open_ids])
            if not mine:
                return []
            DECIDE.run(connection, [_verdict_row(one, now) for one in mine])
            runs = held_still(self._database, connection, [run for event in mine for run in event.runs])
            return self._newcomers.insert(connection, runs, now, taker)

    def _decide_together(self, decided: Sequence[DecidedEvent], now: int, taker: Taker | None) -> list[Claim]:
        """The same on PostgreSQL with fewer messages, where nothing has to be asked between them."""
        lanes = lanes_joined([run for event in decided for run in event.runs])
        # In the order of their ids, as everywhere.
        rows = [_verdict_row(one, now) for one in sorted(decided, key=lambda one: one.event_id)]
        values = by_column(VERDICT_KINDS, rows)
        parameters = (values[-1], *values, texts(lanes))
        # Events before lanes, as one after another, so that two workers never wait for each other.
        events = _LOCK_EVENTS.format(ids=", ".join(str(row[-1]) for row in rows))
        first = "; ".join(filter(None, (events, self._lanes.locking(lanes))))
        with self._database.write_plain(durable=False, first=first) as connection:
            found = connection.exec_driver_sql(DECIDE_AND_LOOK, parameters).all()
            changed = {event_id for event_id, lane in found if lane is None}
            occupied = {lane for _, lane in found if lane is not None}
            runs = [run for event in decided if event.event_id in changed for run in event.runs]
            return self._newcomers.insert(connection, runs, now, taker, occupied) if runs else []

    def _not_told_yet(
        self, connection: Statements, decided: Sequence[DecidedEvent]
    ) -> Sequence[DecidedEvent]:
        """Let a happening that two events tell go through with the one that is decided first."""
        takings = [(one.taking, one.event_id) for one in decided if one.taking is not None]
        late = self._made.take(connection, takings) if takings else set()
        if not late:
            return decided
        return [
            replace(one, runs=[], passed_over=[], problem=f"event {one.taking} had told the same already")
            if one.event_id in late
            else one
            for one in decided
        ]

    def _still_undecided(self, connection: Statements, ids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for chunk in in_chunks(ids):
            which, values = among(connection, "id", chunk)
            sql = f"SELECT id FROM event WHERE decided_at IS NULL AND {which}{self._lock}"  # noqa: S608
            found |= {row[0] for row in connection.exec_driver_sql(sql, values)}
        return found

    # -- working

    def apply(self, changes: Changes) -> Written:
        """Write everything in one transaction."""
        now = micros(self._clock.now())
        if self._database.on_sqlite or any(o.delivery_id is not None for o in changes.openings):
            return self._one_after_another(changes, now)
        return self._depart(changes, now) if changes.is_departure else self._settle(changes, now)

    def _one_after_another(self, changes: Changes, now: int) -> Written:
        locking = self._lanes.locking(changes.lanes_left)
        with self._database.write_plain(durable=changes.is_durable, first=locking) as connection:
            kept = self._kept(connection, changes.held)
            self._close(connection, [c for c in changes.closings if c.run_id in kept], now)
            ids = self._open(connection, [o for o in changes.openings if o.run_id in kept], now)
            updates = [u for u in changes.updates if u.claim.run_id in kept]
            lets_go = self._release(connection, updates, kept, now)
        return Written(set(changes.held) - kept.keys(), ids, lets_go)

    def _depart(self, changes: Changes, now: int) -> Written:
        """Write what only opens deliveries, in one statement, which is a transaction of its own.

        One that is closed refuses all: the others are opened then, but nobody is told, and opening them again, each
        run alone, is the same as once.
        """
        with self._database.write_one_plain() as connection:
            found = connection.exec_driver_sql(DEPART, self._held_and_opened(changes, now)).all()
        return _written(changes, found)

    def _settle(self, changes: Changes, now: int) -> Written:
        """Write everything in one statement, after the lanes that are left are locked."""
        closings = list({c.delivery_id: c for c in changes.closings}.values())
        updates = list({u.claim.run_id: u for u in changes.updates}.values())
        ended = [u.claim for u in updates if u.claimable_at is None]
        parameters = (
            *self._held_and_opened(changes, now),
            *by_column(CLOSING_KINDS, [(*_closing_row(c, now), c.run_id) for c in closings]),
            *by_column(ATTEMPT_KINDS, [(*_attempt_row(c), c.run_id) for c in changes.closings if c.attempt]),
            *by_column(UPDATE_KINDS, [_update_row(u, now) for u in updates]),
            now,
            bigints([claim.run_id for claim in ended]),
        )
        locking = self._lanes.locking(changes.lanes_left)
        with self._database.write_plain(durable=changes.is_durable, first=locking) as connection:
            # A text of its own, so that what it sees is what was there when the lanes were locked.
            return _written(changes, connection.exec_driver_sql(SETTLE, parameters).all())

    def _held_and_opened(self, changes: Changes, now: int) -> tuple[Any, ...]:
        held = sorted(changes.held)
        counters = bigints([changes.held[run_id].counter for run_id in held])
        rows = by_column(DELIVERY.values(), [_opening_row(o, now) for o in changes.openings])
        return bigints(held), counters, self.owner, *rows

    def _kept(self, connection: Statements, held: dict[int, Claim]) -> dict[int, str | None]:
        """Return those runs that are still this worker's, each with its lane, and keep them so."""
        kept: dict[int, str | None] = {}
        for chunk in in_chunks(sorted(held)):
            which, values = among(connection, "id", chunk)
            sql = f"SELECT id, lease_counter, lane FROM run WHERE lease_owner=? AND {which}{self._lock}"  # noqa: S608
            for run_id, counter, lane in connection.exec_driver_sql(self._sql(sql), (self.owner, *values)):
                if held[run_id].counter == counter:
                    kept[run_id] = lane
        return kept

    def _open(
        self, connection: Statements, openings: Sequence[Opening], now: int
    ) -> dict[tuple[int, int, int], int]:
        again = [o for o in openings if o.delivery_id is not None]
        if again:
            opened = OPEN_AGAIN.run(connection, [(str(o.status), o.delivery_id) for o in again])
            _refuse_closed(opened, len(again))
        ids: dict[tuple[int, int, int], int] = {}
        for chunk in in_chunks([o for o in openings if o.delivery_id is None], 200):
            for delivery_id, *place in OPEN.returned(connection, [_opening_row(o, now) for o in chunk]):
                ids[place[0], place[1], place[2]] = delivery_id
        _refuse_closed(len(ids), len(openings) - len(again))
        return ids

    def _close(self, connection: Statements, closings: Sequence[Closing], now: int) -> None:
        if not closings:
            return
        CLOSE.run(connection, [_closing_row(c, now) for c in closings])
        if tried := [_attempt_row(c) for c in closings if c.attempt is not None]:
            TRY.run(connection, tried)

    def _release(
        self, connection: Statements, updates: Sequence[RunUpdate], lanes: Mapping[int, str | None], now: int
    ) -> bool:
        """Return whether that lets others go. lanes: of the runs, by id."""
        if not updates:
            return False
        ended = (lanes[u.claim.run_id] for u in updates if u.claimable_at is None)
        left = sorted({lane for lane in ended if lane is not None})
        RELEASE.run(connection, [_update_row(u, now) for u in updates])
        return self._lanes.let_next_go(connection, left, now) > 0


def _is_plain(decided: Sequence[DecidedEvent]) -> bool:
    """Tell whether verdicts depend on nothing that others may have stored meanwhile but the events themselves."""
    return all(one.taking is None and all(run.reason_kind != HELD for run in one.runs) for one in decided)


def _written(changes: Changes, found: Iterable[Any]) -> Written:
    """Read what `DEPART` and `SETTLE` return. Raises RuntimeError where a delivery could not be opened."""
    kept: set[int] = set()
    ids: dict[tuple[int, int, int], int] = {}
    lets_go = False
    for delivery_id, run_id, step_index, item_index in found:
        if delivery_id is not None:
            ids[run_id, step_index, item_index] = delivery_id
        elif run_id is not None:
            kept.add(run_id)
        else:
            lets_go = True
    _refuse_closed(len(ids), sum(o.run_id in kept for o in changes.openings))
    return Written(set(changes.held) - kept, ids, lets_go)


def _refuse_closed(opened: int, wanted: int) -> None:
    """Let no transaction pass that would send a closed effect again; nothing of it leaves or is written."""
    if opened != wanted:
        raise RuntimeError(f"{wanted - opened} of {wanted} deliveries to be opened are closed or gone")


def _verdict_row(one: DecidedEvent, now: int) -> tuple[Any, ...]:
    passed_over = _json(one.passed_over) if one.passed_over else None
    return now, storable(one.label), passed_over, storable(one.problem), one.event_id


def _opening_row(o: Opening, now: int) -> tuple[Any, ...]:
    sending = o.status == DeliveryStatus.SENDING
    return (
        o.run_id, o.step_index, o.item_index, o.step_name, o.action, o.connection_id, str(o.status), storable(o.reason),
        o.reason_kind, _json(o.fields), _json(o.outputs), o.idempotency_key, 1 if sending else 0, now,
        None if sending else now, o.item_key,
    )  # fmt: skip


def _closing_row(c: Closing, now: int) -> tuple[Any, ...]:
    return (
        str(c.status), storable(c.reason), c.reason_kind, _json(c.outputs),
        micros(c.next_attempt_at) if c.next_attempt_at else None,
        None if c.status == DeliveryStatus.WAITING else now, c.delivery_id,
    )  # fmt: skip


def _attempt_row(c: Closing) -> tuple[Any, ...]:
    a = c.attempt
    assert a is not None
    return (
        c.delivery_id, a.number, micros(a.started_at), a.duration_ms, a.outcome, storable(a.message),
        _json(a.exchanges), a.batch_size,
    )  # fmt: skip


def _update_row(u: RunUpdate, now: int) -> tuple[Any, ...]:
    return (
        str(u.status), storable(u.reason), u.reason_kind, u.step_index, u.connection_id,
        micros(u.claimable_at) if u.claimable_at else None, _json(u.memory),
        None if u.claimable_at else now, 1 if u.claimable_at else 0, u.marks, u.claim.run_id,
    )  # fmt: skip
