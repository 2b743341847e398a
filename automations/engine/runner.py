"""The worker's one coordinating thread: decides, claims, renders, writes the ledger, hands calls to threads.

Only this thread touches the database and the walks; threads make calls and report back. Each turn writes at
most three transactions, however many runs it carries: decide, claim, and one that closes what came back and
opens what leaves next. If the process dies on any line, the rows say what was in hand.
"""

from __future__ import annotations

import queue
import random
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import signals
from automations.engine.connections import Connections
from automations.engine.contracts import Occurrence, Outcome
from automations.engine.decide import Ruling, decide
from automations.engine.decider import EVENT_COLUMNS, Decider, StoredEvent, envelope_of
from automations.engine.doorstep import Doorstep, Result
from automations.engine.ledger import AttemptMade, Changes, Claim, Closing, Ledger, Opening, RunUpdate
from automations.engine.recipes import BrokenRecipe, Catalog
from automations.engine.registry import Registry
from automations.engine.retry import CLAIMS_MAX, Park, Pause, Retry, after_failure
from automations.engine.stepping import (
    Close,
    End,
    LookUp,
    PastDelivery,
    Send,
    WaitUntil,
    Walk,
    idempotency_key,
)
from automations.errors import AutomationError, OutcomeUnknownError, StorageUnavailableError
from automations.model.columns import micros, moment
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.history import Delivery
from automations.model.states import ConnectionState, DeliveryStatus, RunStatus

DECIDE_MAX = 500
CALLING_THREADS = 32
SINGLES_IN_HAND = 64
BATCHED_IN_HAND = 2_000
LOOK_UPS_TOGETHER = 100
IDLE_S = 1.0
RENEW_EVERY_S = 15.0
REMEMBERED_EVENTS = 4_000
STATES_FRESH_S = 0.1

_log = structlog.get_logger("runner")


@dataclass
class Hand:
    """A run in this worker's hands."""

    claim: Claim
    walk: Walk

    @property
    def run_id(self) -> int:
        return self.claim.run_id


@dataclass(frozen=True)
class Delivered:
    """A call is back."""

    hand: Hand
    send: Send
    result: Result


@dataclass(frozen=True)
class LookedUp:
    """A look-up is back; error None means that every hand has its `related`."""

    hands: list[Hand]
    related: list[dict[str, Any]]
    error: AutomationError | None


@dataclass(frozen=True)
class CallOver:
    """A calling thread is free again."""

    connection_id: int


class Runner:
    """Runs everything that is due. One thread calls `run_forever` or `turn`; `nudge` may come from any."""

    def __init__(
        self, database: Database, registry: Registry, connections: Connections, clock: Clock, *, owner: str
    ) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock
        self._catalog = Catalog(database, registry)
        self.ledger = Ledger(database, clock, owner)
        self._decider = Decider(database, registry, connections, self._catalog, self.ledger)
        self._doorstep = Doorstep(connections, clock)
        self._calls = ThreadPoolExecutor(CALLING_THREADS, thread_name_prefix="call")
        self._inbox: queue.SimpleQueue[Delivered | LookedUp | CallOver | None] = queue.SimpleQueue()
        self._put_back: deque[Delivered | LookedUp | CallOver] = deque()
        self._ready: dict[int, deque[tuple[Hand, Send]]] = defaultdict(deque)
        self._to_look_up: dict[int, list[Hand]] = defaultdict(list)
        self._in_flight: dict[int, int] = defaultdict(int)
        self._in_hand: dict[int, Hand] = {}
        self._hands_of: dict[int, set[int]] = defaultdict(set)
        self._batched: set[int] = set()
        self._held: dict[int, datetime] = {}
        self._recent: dict[int, tuple[StoredEvent, Occurrence]] = {}
        self._random = random.Random()  # noqa: S311 - jitter, not secrecy
        self._renewed_s = clock.monotonic_s()
        self._open_connections: list[int] = [0]
        self._states_read_s = -STATES_FRESH_S

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
        self._hand_back_unsent()
        while any(self._in_flight.values()) and self._clock.monotonic_s() < deadline_s:
            self._wait(0.2)
            self._absorb(starting=False)
        self._calls.shutdown(wait=False, cancel_futures=True)

    def work_until_idle(self, timeout_s: float = 30.0) -> None:
        """Turn until nothing is due and nothing is in flight. Raises TimeoutError."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while True:
            moved = self.turn()
            if not moved and not any(self._in_flight.values()):
                return
            if not moved:
                self._wait(0.05)
            if self._clock.monotonic_s() > deadline_s:
                raise TimeoutError("work is still under way")

    def turn(self) -> bool:
        """Do everything that can be done now; return whether anything was."""
        self._renew_leases()
        absorbed = self._absorb(starting=True)
        decided = self._decider.decide_pending(DECIDE_MAX, self._remember)
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
        if self._in_hand and now_s - self._renewed_s > RENEW_EVERY_S:
            self.ledger.renew()
            self._renewed_s = now_s
        elif not self._in_hand:
            self._renewed_s = now_s

    def _remember(self, event: StoredEvent, occurrence: Occurrence) -> None:
        """Keep what was just read, so that the run that follows within a moment need not read it again."""
        if len(self._recent) >= REMEMBERED_EVENTS:
            self._recent.clear()
        self._recent[event.id] = (event, occurrence)

    # -- taking

    def _claim(self) -> int:
        """Take what is due, for each connection as much as it has room for."""
        now = self._clock.now()
        taken = 0
        for connection_id in self._available(now):
            most = BATCHED_IN_HAND if connection_id in self._batched else SINGLES_IN_HAND
            room = most - len(self._hands_of[connection_id])
            if room > 0 and self.ledger.due(connection_id):
                claims = self.ledger.claim(connection_id, room)
                taken += len(claims)
                self._take(claims)
        return taken

    def _available(self, now: datetime) -> list[int]:
        """Return the connections that may be worked for; 0 stands for steps that talk to nobody.

        What this worker learns itself holds at once; what others change is seen within `STATES_FRESH_S`.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._states_read_s < STATES_FRESH_S:
            return [known for known in self._open_connections if known not in self._held]
        self._states_read_s = now_s
        with self._database.read() as session:
            rows = session.exec(select(Connection.id, Connection.state, Connection.hold_until)).all()
        free = [0]
        for connection_id, state, hold_until in rows:
            assert connection_id is not None
            if state != ConnectionState.OK:
                self._held[connection_id] = now
            elif hold_until is not None and hold_until > now:
                self._held[connection_id] = hold_until
            else:
                self._held.pop(connection_id, None)
                free.append(connection_id)
        self._open_connections = free
        return list(free)

    def _take(self, claims: Sequence[Claim]) -> None:
        events = self._events([claim.event_id for claim in claims])
        past = self._past([c.run_id for c in claims if c.step_index >= 0 or c.claims_without_end > 1])
        changes = Changes()
        for claim in claims:
            hand = self._hand(claim, events, past, changes)
            if hand is not None:
                self._hold(hand, claim.connection_id)
                self._move(hand, changes)
        self._write(changes)

    def _hand(
        self,
        claim: Claim,
        events: dict[int, tuple[StoredEvent, Occurrence]],
        past: dict[int, dict[tuple[int, int], PastDelivery]],
        changes: Changes,
    ) -> Hand | None:
        recipe = self._catalog.version(claim.version_id)
        found = events.get(claim.event_id)
        reason, kind = "", ""
        if claim.claims_without_end > CLAIMS_MAX:
            reason = f"its worker died {CLAIMS_MAX} times while working on it; look at its last step, then try again"
            kind = "crash"
        elif isinstance(recipe, BrokenRecipe):
            reason, kind = recipe.error.message, recipe.error.kind
        elif found is None:
            reason, kind = "its event is gone or cannot be read", "event"
        if reason or isinstance(recipe, BrokenRecipe) or found is None:
            changes.held[claim.run_id] = claim
            changes.updates.append(
                RunUpdate(claim, RunStatus.PARKED, reason, kind, claim.step_index, memory=claim.memory)
            )
            return None
        event, occurrence = found
        walk = Walk(
            recipe=recipe,
            occurrence=occurrence,
            envelope=envelope_of(event, recipe, is_replay=claim.replay_number > 0),
            memory=claim.memory,
            run_id=claim.run_id,
            replay_number=claim.replay_number,
            past=past.get(claim.run_id, {}),
        )
        needs = bool(recipe.needs) or bool(claim.memory.get("undetermined"))
        walk.must_look_up = needs and "related" not in claim.memory
        return Hand(claim, walk)

    def _events(self, ids: Sequence[int]) -> dict[int, tuple[StoredEvent, Occurrence]]:
        found = {event_id: self._recent.pop(event_id) for event_id in set(ids) if event_id in self._recent}
        absent = sorted(set(ids) - set(found))
        for start in range(0, len(absent), 500):
            chunk = absent[start : start + 500]
            sql = f"SELECT {EVENT_COLUMNS} FROM event WHERE id IN ({', '.join('?' * len(chunk))})"  # noqa: S608
            with self._database.connect_for_read() as connection:
                rows = connection.exec_driver_sql(self._database.sql(sql), tuple(chunk)).all()
            for row in rows:
                event = StoredEvent.of(row)
                occurrence = self._read(event)
                if occurrence is not None:
                    found[event.id] = (event, occurrence)
        return found

    def _read(self, event: StoredEvent) -> Occurrence | None:
        try:
            return self._connections.open(event.connection_id).kind.read(event.topic, event.payload)
        except Exception as error:  # noqa: BLE001 - the run is parked with the reason
            _log.warning("event.unreadable", event_id=event.id, error=type(error).__name__)
            return None

    def _past(self, run_ids: Sequence[int]) -> dict[int, dict[tuple[int, int], PastDelivery]]:
        past: dict[int, dict[tuple[int, int], PastDelivery]] = defaultdict(dict)
        for start in range(0, len(run_ids), 500):
            with self._database.read() as session:
                rows = session.exec(
                    select(Delivery).where(col(Delivery.run_id).in_(run_ids[start : start + 500]))
                )
                for row in rows:
                    past[row.run_id][row.step_index, row.item_index] = PastDelivery(
                        row.id or 0, DeliveryStatus(row.status), row.reason_kind, row.fields, row.outputs,
                        row.attempts, row.created_at,
                    )  # fmt: skip
        return past

    def _hold(self, hand: Hand, connection_id: int) -> None:
        self._in_hand[hand.run_id] = hand
        self._hands_of[connection_id].add(hand.run_id)

    def _let_go(self, hand: Hand) -> None:
        self._in_hand.pop(hand.run_id, None)
        for hands in self._hands_of.values():
            hands.discard(hand.run_id)

    # -- moving

    def _move(self, hand: Hand, changes: Changes) -> None:
        """Walk on until the run must wait for something, or is over."""
        walk = hand.walk
        changes.held[hand.run_id] = hand.claim
        while True:
            move = walk.next_move(self._clock.now())
            if isinstance(move, Close):
                self._note_closed(hand, move, changes)
                walk.done(move.status, None, move.reason)
                if move.status == DeliveryStatus.PARKED and move.step.part.on_error != "continue":
                    self._end(hand, End(RunStatus.PARKED, move.reason, move.reason_kind), changes)
                    return
            elif isinstance(move, Send):
                self._ready[move.step.connection_id].append((hand, move))
                return
            elif isinstance(move, LookUp):
                self._to_look_up[move.connection_id].append(hand)
                return
            elif isinstance(move, WaitUntil):
                walk.waited()
                self._suspend(hand, move.at, move.reason, "wait", changes)
                return
            else:
                self._end(hand, move, changes)
                return

    def _note_closed(self, hand: Hand, move: Close, changes: Changes) -> None:
        step = move.step
        past = hand.walk.past.get((step.index, move.item_index))
        if past is not None:
            changes.closings.append(
                Closing(hand.run_id, past.delivery_id, move.status, None, move.reason, move.reason_kind)
            )
            return
        changes.openings.append(
            Opening(
                hand.run_id, step.index, move.item_index, step.name, step.part.action, step.connection_id,
                move.status, None, idempotency_key(hand.walk, step.index, move.item_index),
                reason=move.reason, reason_kind=move.reason_kind,
            )
        )  # fmt: skip

    def _end(self, hand: Hand, end: End, changes: Changes) -> None:
        changes.updates.append(
            RunUpdate(
                hand.claim,
                end.status,
                end.reason,
                end.reason_kind,
                hand.walk.step_index,
                0,
                None,
                hand.walk.memory,
            )
        )
        self._let_go(hand)

    def _suspend(self, hand: Hand, at: datetime, reason: str, kind: str, changes: Changes) -> None:
        """Give the run back to the database until `at`; its lane waits with it."""
        walk = hand.walk
        changes.updates.append(
            RunUpdate(
                hand.claim,
                RunStatus.WAITING,
                reason,
                kind,
                walk.step_index,
                walk.target_connection_id,
                at,
                walk.memory,
            )
        )
        self._let_go(hand)

    # -- sending

    def _write(self, changes: Changes) -> None:
        """Write one transaction, with what may leave now opened in it, and then let that leave."""
        leaving = self._take_ready(changes)
        for _, group in leaving:
            for hand, send in group:
                changes.held[hand.run_id] = hand.claim
                changes.openings.append(self._opening(hand, send))
        if changes:
            lost, ids = self.ledger.apply(changes)
            self._after_write(changes, lost)
            for connection_id, group in leaving:
                self._dispatch(connection_id, [_with_id(h, s, ids) for h, s in group if h.run_id not in lost])
        self._start_look_ups()

    def _opening(self, hand: Hand, send: Send) -> Opening:
        return Opening(
            hand.run_id, send.step.index, send.item_index, send.step.name, send.step.part.action,
            send.step.connection_id, DeliveryStatus.SENDING,
            None if send.delivery_id else send.fields.model_dump(mode="json", exclude_unset=True),
            idempotency_key(hand.walk, send.step.index, send.item_index), send.delivery_id,
        )  # fmt: skip

    def _after_write(self, changes: Changes, lost: set[int]) -> None:
        for run_id in lost:
            _log.warning("run.lease_lost", run=run_id)
            hand = self._in_hand.get(run_id)
            if hand is not None:
                self._let_go(hand)
        for update in changes.updates:
            if update.claimable_at is None and update.claim.run_id not in lost:
                signals.tell(
                    "run-finished", run_id=update.claim.run_id, recipe_id=update.claim.recipe_id,
                    status=str(update.status), reason=update.reason,
                )  # fmt: skip

    def _take_ready(self, changes: Changes) -> list[tuple[int, list[tuple[Hand, Send]]]]:
        """Choose what leaves now: full batches and single calls, as far as each connection has room."""
        leaving: list[tuple[int, list[tuple[Hand, Send]]]] = []
        for connection_id, waiting in self._ready.items():
            if connection_id in self._held and waiting:
                self._put_off(connection_id, waiting, changes)
            while waiting and self._in_flight[connection_id] < self._room(connection_id, waiting[0][1]):
                group = self._next_group(waiting)
                self._in_flight[connection_id] += 1
                leaving.append((connection_id, group))
        return leaving

    def _room(self, connection_id: int, send: Send) -> int:
        action = send.step.action
        if action.batch is not None:
            self._batched.add(connection_id)
            return action.batch.concurrent_calls
        return action.connection.concurrent_calls if action.connection is not None else 8

    def _next_group(self, waiting: deque[tuple[Hand, Send]]) -> list[tuple[Hand, Send]]:
        first = waiting.popleft()
        group = [first]
        batch = first[1].step.action.batch
        while batch is not None and waiting and len(group) < batch.max_records:
            if waiting[0][1].step.action.batch is not batch or waiting[0][1].in_doubt:
                break
            group.append(waiting.popleft())
        return group

    def _put_off(self, connection_id: int, waiting: deque[tuple[Hand, Send]], changes: Changes) -> None:
        """The connection is paused or held: nothing of it leaves; its runs wait in the database."""
        until = self._held[connection_id]
        while waiting:
            hand, _send = waiting.popleft()
            changes.held[hand.run_id] = hand.claim
            self._suspend(hand, until, "its connection is paused", "connection", changes)

    def _dispatch(self, connection_id: int, group: list[tuple[Hand, Send]]) -> None:
        if not group:
            self._in_flight[connection_id] -= 1
            return
        self._calls.submit(self._call, connection_id, group)

    def _call(self, connection_id: int, group: list[tuple[Hand, Send]]) -> None:
        """In a calling thread: make the call and report. Nothing here writes."""
        keyed = [(send, idempotency_key(hand.walk, send.step.index, send.item_index)) for hand, send in group]
        if group[0][1].step.action.batch is not None and not group[0][1].in_doubt:
            results = self._doorstep.deliver_batch(keyed)
        else:
            results = [self._doorstep.deliver(send, key) for send, key in keyed]
        for (hand, send), result in zip(group, results, strict=True):
            self._inbox.put(Delivered(hand, send, result))
        self._inbox.put(CallOver(connection_id))

    def _start_look_ups(self) -> None:
        for connection_id, hands in list(self._to_look_up.items()):
            while hands and self._in_flight[connection_id] < 4 and connection_id not in self._held:
                together = [h for h in hands if h.walk.recipe is hands[0].walk.recipe][:LOOK_UPS_TOGETHER]
                chosen = {h.run_id for h in together}
                hands[:] = [h for h in hands if h.run_id not in chosen]
                self._in_flight[connection_id] += 1
                self._calls.submit(self._look_up, connection_id, together)

    def _look_up(self, connection_id: int, hands: list[Hand]) -> None:
        """In a calling thread: fetch what the runs of one recipe need, together."""
        recipe = hands[0].walk.recipe

        def prepare(client: Any) -> None:
            recipe.trigger.prepare(recipe.trigger_fields, client)

        related, error, _ = self._doorstep.look_up(
            recipe.kind, connection_id, [h.walk.occurrence for h in hands], recipe.needs, prepare
        )
        if error is None and len(related) != len(hands):
            error = OutcomeUnknownError(
                f"{recipe.kind.title} answered for {len(related)} of {len(hands)} records."
            )
        self._inbox.put(LookedUp(hands, related, error))
        self._inbox.put(CallOver(connection_id))

    # -- what comes back

    def _absorb(self, *, starting: bool) -> int:
        """Take everything that is back, write it in one transaction, and let the next leave with it."""
        changes = Changes()
        count = 0
        while count < DECIDE_MAX * 4:
            if self._put_back:
                found: Any = self._put_back.popleft()
            else:
                try:
                    found = self._inbox.get_nowait()
                except queue.Empty:
                    break
            if found is None:
                continue
            if isinstance(found, CallOver):
                self._in_flight[found.connection_id] -= 1
            elif isinstance(found, LookedUp):
                self._take_look_up(found, changes)
            else:
                self._take_delivery(found, changes)
            count += 1
        if not starting:
            self._hand_back_unsent(changes)
        if count or any(self._ready.values()) or any(self._to_look_up.values()):
            self._write(changes)
        return count

    def _take_look_up(self, found: LookedUp, changes: Changes) -> None:
        for index, hand in enumerate(found.hands):
            changes.held[hand.run_id] = hand.claim
            if found.error is not None:
                self._look_up_failed(hand, found.error, changes)
                continue
            hand.walk.looked_up(found.related[index])
            if not self._is_refused(hand, changes):
                self._move(hand, changes)

    def _is_refused(self, hand: Hand, changes: Changes) -> bool:
        """Ask the verdict again now that everything is known; True when it ended the run."""
        walk, recipe = hand.walk, hand.walk.recipe
        if not walk.memory.pop("undetermined", False):
            return False
        directory = self._connections.directory(recipe.connection.id)
        verdict = decide(recipe, walk.occurrence, walk.context, directory, looked_up=True)
        if verdict.ruling is Ruling.PASSED:
            return False
        status = RunStatus.PARKED if verdict.ruling is Ruling.BROKEN else RunStatus.FILTERED
        self._end(hand, End(status, verdict.reason, verdict.ruling.value), changes)
        return True

    def _look_up_failed(self, hand: Hand, error: AutomationError, changes: Changes) -> None:
        walk, now = hand.walk, self._clock.now()
        tries = walk.memory["look_up_tries"] = int(walk.memory.get("look_up_tries", 0)) + 1
        since_us = walk.memory.setdefault("look_up_since", micros(now))
        follow = after_failure(
            error, attempts=tries, since=moment(since_us), now=now, jitter=self._random.random()
        )
        reason = f"look-up before the steps: {error.message}"
        if isinstance(follow, Park):
            self._end(hand, End(RunStatus.PARKED, reason, error.kind), changes)
            return
        self._follow(walk.recipe.connection.id, follow, error)
        self._suspend(hand, follow.at if isinstance(follow, Retry) else now, reason, error.kind, changes)

    def _follow(self, connection_id: int, follow: Retry | Pause, error: AutomationError) -> None:
        if isinstance(follow, Pause):
            self._connections.pause(connection_id, error.message)
            self._held[connection_id] = self._clock.now()
        elif follow.hold_until is not None:
            self._connections.hold(connection_id, follow.hold_until)
            self._held[connection_id] = follow.hold_until

    def _take_delivery(self, found: Delivered, changes: Changes) -> None:
        hand, result = found.hand, found.result
        changes.held[hand.run_id] = hand.claim
        outcome = result.outcome
        if isinstance(outcome, Outcome):
            status = DeliveryStatus.SKIPPED if outcome.nothing_to_do else DeliveryStatus.SUCCEEDED
            changes.closings.append(self._closing(found, status, outcome.summary, "", outcome.outputs))
            hand.walk.done(status, outcome.outputs, outcome.summary)
            if outcome.stop:
                self._end(hand, End(RunStatus.SUCCEEDED, outcome.summary), changes)
            else:
                self._move(hand, changes)
            return
        self._delivery_failed(found, outcome, changes)

    def _delivery_failed(self, found: Delivered, error: AutomationError, changes: Changes) -> None:
        hand, send, now = found.hand, found.send, self._clock.now()
        follow: Retry | Pause | Park
        if found.result.settling and isinstance(error, OutcomeUnknownError):
            follow = Park()
        else:
            follow = after_failure(
                error,
                attempts=send.attempts + 1,
                since=send.first_tried_at or found.result.started_at,
                now=now,
                jitter=self._random.random(),
            )
        kind = "unknown" if found.result.settling else error.kind
        if isinstance(follow, Park):
            changes.closings.append(self._closing(found, DeliveryStatus.PARKED, error.message, kind))
            signals.tell("delivery-parked", run_id=hand.run_id, step=send.step.name, message=error.message)
            hand.walk.done(DeliveryStatus.PARKED, None, error.message)
            if send.step.part.on_error == "continue":
                self._move(hand, changes)
            else:
                self._end(hand, End(RunStatus.PARKED, f"{send.step.name}: {error.message}", kind), changes)
            return
        at = follow.at if isinstance(follow, Retry) else now
        changes.closings.append(self._closing(found, DeliveryStatus.WAITING, error.message, kind, None, at))
        self._follow(send.step.connection_id, follow, error)
        self._suspend(hand, at, f"{send.step.name}: {error.message}", kind, changes)

    def _closing(
        self,
        found: Delivered,
        status: DeliveryStatus,
        reason: str,
        kind: str,
        outputs: dict[str, Any] | None = None,
        next_attempt_at: datetime | None = None,
    ) -> Closing:
        result, send = found.result, found.send
        outcome = result.outcome
        attempt = AttemptMade(
            number=send.attempts + 1,
            started_at=result.started_at,
            duration_ms=result.duration_ms,
            outcome=outcome.kind if isinstance(outcome, AutomationError) else "succeeded",
            message=outcome.message if isinstance(outcome, AutomationError) else outcome.summary,
            exchanges=result.exchanges,
            batch_size=result.batch_size,
        )
        assert send.delivery_id is not None
        return Closing(
            found.hand.run_id, send.delivery_id, status, attempt, reason, kind, outputs, next_attempt_at
        )

    def _hand_back_unsent(self, changes: Changes | None = None) -> None:
        """At the end of a worker's life: what has not left goes back to the database at once."""
        mine = changes or Changes()
        now = self._clock.now()
        waiting = [hand for entries in self._ready.values() for hand, _ in entries]
        waiting += [hand for hands in self._to_look_up.values() for hand in hands]
        for entries in self._ready.values():
            entries.clear()
        for hands in self._to_look_up.values():
            hands.clear()
        for hand in waiting:
            mine.held[hand.run_id] = hand.claim
            self._suspend(hand, now, "its worker stopped", "worker", mine)
        if changes is None and mine:
            self.ledger.apply(mine)


def _with_id(hand: Hand, send: Send, ids: dict[tuple[int, int, int], int]) -> tuple[Hand, Send]:
    if send.delivery_id is not None:
        return hand, send
    return hand, replace(send, delivery_id=ids[hand.run_id, send.step.index, send.item_index])
