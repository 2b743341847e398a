"""The worker's one coordinating thread: decides, claims, renders, writes the ledger, lets calls leave.

Only this thread touches the ledger and the walks; threads make calls and report back. Each turn writes at
most three transactions, however many runs it carries: decide, claim, and one that closes what came back and
opens what leaves next. If the process dies on any line, the rows say what was in hand.
"""

from __future__ import annotations

import math
import queue
import random
import threading
from collections import defaultdict, deque
from dataclasses import replace
from datetime import datetime

import structlog
from sqlmodel import select

from automations.clock import Clock
from automations.engine import signals
from automations.engine.aftermath import Aftermath
from automations.engine.connections import Connections
from automations.engine.decider import Decider
from automations.engine.departures import Departures, Group, Inbox
from automations.engine.doorstep import Doorstep
from automations.engine.hands import CallOver, Delivered, Hand, Loader, LookedUp, Unusable
from automations.engine.ledger import Changes, Ledger, Opening, RunUpdate
from automations.engine.recipes import Catalog
from automations.engine.registry import Registry
from automations.engine.stepping import End, LookUp, Send, WaitUntil, idempotency_key
from automations.errors import StorageUnavailableError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.states import ConnectionState, DeliveryStatus, RunStatus

DECIDE_MAX = 500
ABSORB_MAX = 2_000
IDLE_S = 1.0
RENEW_EVERY_S = 15.0
STATES_FRESH_S = 0.1

_log = structlog.get_logger("runner")


class Runner:
    """Runs everything that is due. One thread calls `run_forever` or `turn`; `nudge` may come from any."""

    def __init__(
        self, database: Database, registry: Registry, connections: Connections, clock: Clock, *, owner: str
    ) -> None:
        self._database = database
        self._clock = clock
        catalog = Catalog(database, registry)
        self.ledger = Ledger(database, clock, owner)
        self._decider = Decider(database, registry, connections, catalog, self.ledger)
        self._loader = Loader(database, connections, catalog)
        self._inbox: Inbox = queue.SimpleQueue()
        self._put_back: deque[Delivered | LookedUp | CallOver] = deque()
        self._departures = Departures(Doorstep(connections, clock), self._inbox)
        self._held: dict[int, datetime] = {}
        self._aftermath = Aftermath(connections, clock, random.Random(), self)  # noqa: S311 - jitter, not secrecy
        self._in_hand: dict[int, int] = {}
        self._count_of: dict[int, int] = defaultdict(int)
        self._renewed_s = clock.monotonic_s()
        self._open_connections: list[int] = [0]
        self._states_read_s = -math.inf

    # -- life

    def nudge(self) -> None:
        """Something may be due; look at once."""
        self._inbox.put(None)

    def run_forever(self, stop: threading.Event) -> None:
        """Turn until `stop` is set, then let the calls in flight come home."""
        while not stop.is_set():
            try:
                if not self.turn():
                    self._wait(IDLE_S)
            except StorageUnavailableError as error:
                _log.warning("runner.storage_unavailable", message=error.message)
                stop.wait(0.5)
        self.drain(25.0)

    def drain(self, timeout_s: float) -> None:
        """Start nothing new; close what comes back, hand back the rest, end the threads."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._hand_back()
        while self._departures.in_flight and self._clock.monotonic_s() < deadline_s:
            self._wait(0.2)
            self._absorb()
            self._hand_back()
        self._departures.close()

    def work_until_idle(self, timeout_s: float = 30.0) -> None:
        """Turn until nothing is due and nothing is in flight. Raises TimeoutError."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._states_read_s = -math.inf
        while True:
            moved = self.turn()
            if not moved and not self._departures.in_flight:
                return
            if not moved:
                self._wait(0.05)
            if self._clock.monotonic_s() > deadline_s:
                raise TimeoutError("work is still under way")

    def abandon(self) -> None:
        """Forget everything in memory, as a killed process does, for tests of recovery."""
        self._departures.close(wait=True)

    def turn(self) -> bool:
        """Do everything that can be done now; return whether anything was."""
        self._renew_leases()
        absorbed = self._absorb()
        decided = self._decider.decide_pending(DECIDE_MAX, self._loader.remember)
        claimed = self._claim()
        return bool(absorbed or decided or claimed)

    def _wait(self, timeout_s: float) -> None:
        try:
            found = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return
        if found is not None:
            self._put_back.append(found)

    def _renew_leases(self) -> None:
        now_s = self._clock.monotonic_s()
        if not self._in_hand:
            self._renewed_s = now_s
        elif now_s - self._renewed_s > RENEW_EVERY_S:
            self.ledger.renew()
            self._renewed_s = now_s

    # -- taking

    def _claim(self) -> int:
        """Take what is due, for each connection as much as it has room for.

        Nothing while a connection has more than half of that in hand: every claim is a transaction of its own.
        """
        taken = 0
        due = self.ledger.due()
        for connection_id in self._available():
            most = self._departures.most_in_hand(connection_id)
            room = most - self._count_of[connection_id]
            if connection_id not in due or room < most // 2:
                continue
            claims = self.ledger.claim(connection_id, room)
            taken += len(claims)
            changes = Changes()
            for loaded in self._loader.load(claims):
                if isinstance(loaded, Unusable):
                    changes.held[loaded.claim.run_id] = loaded.claim
                    changes.updates.append(_parked(loaded))
                else:
                    self._in_hand[loaded.run_id] = connection_id
                    self._count_of[connection_id] += 1
                    self.move(loaded, changes)
            self._write(changes)
        return taken

    def _available(self) -> list[int]:
        """Return the connections that may be worked for; 0 stands for steps that talk to nobody.

        What this worker learns itself holds at once; what others change is seen within `STATES_FRESH_S`.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._states_read_s >= STATES_FRESH_S:
            self._states_read_s = now_s
            self._read_states()
        return [known for known in self._open_connections if known not in self._held]

    def _read_states(self) -> None:
        now = self._clock.now()
        with self._database.read() as session:
            rows = session.exec(select(Connection.id, Connection.state, Connection.hold_until)).all()
        self._open_connections = [0]
        self._held.clear()
        for connection_id, state, hold_until in rows:
            assert connection_id is not None
            self._open_connections.append(connection_id)
            if state != ConnectionState.OK:
                self._held[connection_id] = now
            elif hold_until is not None and hold_until > now:
                self._held[connection_id] = hold_until

    # -- moving

    def move(self, hand: Hand, changes: Changes) -> None:
        """Walk on until the run must wait for something, or is over."""
        walk = hand.walk
        changes.held[hand.run_id] = hand.claim
        while True:
            move = walk.next_move(self._clock.now())
            if isinstance(move, Send):
                self._departures.add(hand, move)
                return
            if isinstance(move, LookUp):
                self._departures.add_look_up(hand, move.connection_id)
                return
            if isinstance(move, WaitUntil):
                walk.waited()
                self.suspend(hand, move.at, move.reason, "wait", changes)
                return
            if isinstance(move, End):
                self.end(hand, move, changes)
                return
            self._aftermath.close(hand, move, changes)
            if move.status == DeliveryStatus.PARKED and move.step.part.on_error != "continue":
                self.end(hand, End(RunStatus.PARKED, move.reason, move.reason_kind), changes)
                return

    def end(self, hand: Hand, end: End, changes: Changes) -> None:
        walk = hand.walk
        changes.updates.append(
            RunUpdate(
                hand.claim, end.status, end.reason, end.reason_kind, walk.step_index, 0, None, walk.memory
            )
        )
        self._let_go(hand.run_id)

    def suspend(self, hand: Hand, at: datetime, reason: str, kind: str, changes: Changes) -> None:
        """Give the run back to the database until `at`; its lane waits with it."""
        walk = hand.walk
        target = walk.target_connection_id
        changes.updates.append(
            RunUpdate(hand.claim, RunStatus.WAITING, reason, kind, walk.step_index, target, at, walk.memory)
        )
        self._let_go(hand.run_id)

    def hold(self, connection_id: int, until: datetime) -> None:
        """Let nothing of this connection leave before `until`; what waits here goes back to the database."""
        self._held[connection_id] = until

    def _let_go(self, run_id: int) -> None:
        connection_id = self._in_hand.pop(run_id, None)
        if connection_id is not None:
            self._count_of[connection_id] -= 1

    # -- writing

    def _write(self, changes: Changes) -> None:
        """Write one transaction, with what may leave now opened in it, and then let that leave."""
        for connection_id, hand in self._departures.take_held(list(self._held)):
            changes.held[hand.run_id] = hand.claim
            self.suspend(hand, self._held[connection_id], "its connection is paused", "connection", changes)
        leaving = self._departures.choose(self._held)
        for group in leaving:
            for hand, send in group:
                changes.held[hand.run_id] = hand.claim
                changes.openings.append(_opening(hand, send))
        if changes:
            lost, ids = self.ledger.apply(changes)
            self._after_write(changes, lost)
            for group in leaving:
                self._leave(group, lost, ids)
        self._departures.start_look_ups(self._held)

    def _leave(self, group: Group, lost: set[int], ids: dict[tuple[int, int, int], int]) -> None:
        connection_id = group[0][1].step.connection_id
        kept = [(hand, _with_id(hand, send, ids)) for hand, send in group if hand.run_id not in lost]
        self._departures.dispatch(kept, connection_id)

    def _after_write(self, changes: Changes, lost: set[int]) -> None:
        for run_id in lost:
            _log.warning("run.lease_lost", run_id=run_id)
            self._let_go(run_id)
        for update in changes.updates:
            claim = update.claim
            if update.claimable_at is None and claim.run_id not in lost:
                facts = {"run_id": claim.run_id, "recipe_id": claim.recipe_id, "reason": update.reason}
                signals.tell("run-finished", status=str(update.status), **facts)

    # -- what comes back

    def _absorb(self) -> int:
        """Take everything that is back, write it in one transaction, and let the next leave with it."""
        changes = Changes()
        count = 0
        while count < ABSORB_MAX:
            found = self._put_back.popleft() if self._put_back else self._next_back()
            if found is None:
                break
            count += 1
            if isinstance(found, CallOver):
                self._departures.call_over(found.connection_id)
            elif isinstance(found, LookedUp):
                self._aftermath.looked_up(found, changes)
            else:
                self._aftermath.delivered(found, changes)
        if count or self._departures.waiting:
            self._write(changes)
        return count

    def _next_back(self) -> Delivered | LookedUp | CallOver | None:
        """Return the next report, passing over nudges; None when there is none."""
        while True:
            try:
                found = self._inbox.get_nowait()
            except queue.Empty:
                return None
            if found is not None:
                return found

    def _hand_back(self) -> None:
        """At the end of a worker's life: what has not left goes back to the database at once."""
        changes = Changes()
        for hand in self._departures.take_all():
            changes.held[hand.run_id] = hand.claim
            self.suspend(hand, self._clock.now(), "its worker stopped", "worker", changes)
        if changes:
            self.ledger.apply(changes)


def _parked(unusable: Unusable) -> RunUpdate:
    claim = unusable.claim
    return RunUpdate(
        claim, RunStatus.PARKED, unusable.reason, unusable.kind, claim.step_index, memory=claim.memory
    )


def _opening(hand: Hand, send: Send) -> Opening:
    return Opening(
        run_id=hand.run_id,
        step_index=send.step.index,
        item_index=send.item_index,
        step_name=send.step.name,
        action=send.step.part.action,
        connection_id=send.step.connection_id,
        status=DeliveryStatus.SENDING,
        fields=None if send.delivery_id else send.fields.model_dump(mode="json", exclude_unset=True),
        idempotency_key=idempotency_key(hand.walk, send.step.index, send.item_index),
        delivery_id=send.delivery_id,
    )


def _with_id(hand: Hand, send: Send, ids: dict[tuple[int, int, int], int]) -> Send:
    if send.delivery_id is not None:
        return send
    return replace(send, delivery_id=ids[hand.run_id, send.step.index, send.item_index])
