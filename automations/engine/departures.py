"""What waits to leave, by connection: chosen by the coordinating thread, carried out by calling threads.

A connection has room for so many calls at once and no more; what is slow, dead or limited there holds up
nobody else. The room is this worker's share of what the account allows all workers together. Batchable deliveries
leave together, as many as wait, and no two calls in flight are about the same.
"""

from __future__ import annotations

import queue
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from automations.clock import Clock
from automations.engine.blame import is_suspect
from automations.engine.doorstep import Doorstep, Result
from automations.engine.gathering import Gathering, Group, Row, Subjects, is_full, picked
from automations.engine.hands import CallOver, Delivered, Hand, LookedUp
from automations.engine.leases import LEASE
from automations.engine.stepping import LookUp, Send, idempotency_key
from automations.errors import OutcomeUnknownError, UnavailableError

# Threads are made when they are needed: enough for a few dozen connections that hang all at once.
CALLING_THREADS = 512
LOOK_UPS_TOGETHER = 100
LOOK_UPS_AT_ONCE = 4
CALLS_AT_ONCE = 8
SINGLES_IN_HAND = 128
BATCHED_IN_HAND = 2_000

Share = Callable[[int, int], int]
Inbox = queue.SimpleQueue[Delivered | LookedUp | CallOver | None]


class Departures:
    """Used by the coordinating thread; calling threads only put into `inbox`.

    share: how many calls of a connection this worker may have in flight, out of so many that all may have together.
    """

    def __init__(self, doorstep: Doorstep, inbox: Inbox, clock: Clock, share: Share) -> None:
        self._doorstep = doorstep
        self._inbox = inbox
        self._share = share
        self._calls = ThreadPoolExecutor(CALLING_THREADS, thread_name_prefix="call")
        self._gathering = Gathering(clock)
        self._subjects = Subjects()
        self._ready: dict[int, Row] = defaultdict(deque)
        self._to_look_up: dict[int, list[Hand]] = defaultdict(list)
        self._in_flight: dict[int, int] = defaultdict(int)
        self._limits: dict[int, int] = {}
        self._clock = clock
        self._flying: dict[int, Hand] = {}
        self._leased_until_s = clock.monotonic_s() + LEASE.total_seconds()
        self._batched: set[int] = set()

    @property
    def waiting(self) -> bool:
        """Whether anything could leave as soon as there is room."""
        return any(self._ready.values()) or any(self._to_look_up.values())

    @property
    def in_flight(self) -> int:
        return sum(self._in_flight.values())

    @property
    def calls(self) -> dict[int, tuple[int, int]]:
        """Return for each connection its calls in flight, and what it allows all workers together."""
        return {
            connection_id: (calls, self._limits[connection_id])
            for connection_id, calls in self._in_flight.items()
            if calls and connection_id in self._limits
        }

    def most_in_hand(self, connection_id: int, move: Send | LookUp | None = None) -> int:
        """Return how many runs a worker should hold for this connection: many where they travel together.

        move: what one of them is about to do there, which may be the first batch that is heard of.
        """
        if isinstance(move, Send):
            self._heard_of(move)
        limit = self._limits.get(connection_id, CALLS_AT_ONCE)
        share = self._room(connection_id, limit)
        if connection_id in self._batched:
            # However small the share: one full call on its way and one that fills up.
            return BATCHED_IN_HAND if share else 0
        return SINGLES_IN_HAND * share // limit

    def _heard_of(self, send: Send) -> None:
        connection_id, limit = send.step.connection_id, self._limit(send)
        self._limits[connection_id] = min(limit, self._limits.get(connection_id, limit))
        if send.step.action.batch is not None:
            self._batched.add(connection_id)

    def _limit(self, send: Send) -> int:
        """Return how many calls of this kind the account allows at once, from all workers together."""
        action = send.step.action
        if action.batch is not None:
            return self._doorstep.limits(send).concurrent_calls
        return action.connection.concurrent_calls if action.connection is not None else CALLS_AT_ONCE

    def _room(self, connection_id: int, limit: int) -> int:
        """Return how many calls may be in flight here; steps that talk to nobody have all the room."""
        return self._share(connection_id, limit) if connection_id else limit

    # -- what waits

    def add(self, hand: Hand, send: Send) -> None:
        self._heard_of(send)
        self._ready[send.step.connection_id].append((hand, send))
        self._gathering.feed(send.step.connection_id)

    def add_look_up(self, hand: Hand, connection_id: int) -> None:
        self._limits.setdefault(connection_id, hand.walk.recipe.kind.concurrent_calls)
        self._to_look_up[connection_id].append(hand)

    def choose(self, held: Collection[int]) -> list[Group]:
        """Return what leaves now; each group is one call of its connection, which counts as in flight from here."""
        leaving: list[Group] = []
        for connection_id, waiting in self._ready.items():
            if connection_id in held:
                continue
            while waiting and self._in_flight[connection_id] < self._room(
                connection_id, self._limit(waiting[0][1])
            ):
                group = self._next_group(connection_id, waiting)
                if not group:
                    break
                self._in_flight[connection_id] += 1
                self._subjects.leave(connection_id, group)
                leaving.append(group)
        return leaving

    def _next_group(self, connection_id: int, waiting: Row) -> Group:
        """Take what leaves in one call; nothing where all that waits must stay a moment.

        A suspect keeps others out of this worker while it is in hand, and is blamed for what happens then.
        """
        most = self._doorstep.most_together
        group = picked(waiting, self._subjects.busy(connection_id), most)
        may_stay = not any(is_suspect(hand.claim.claims_without_end) for hand, _ in group)
        if group and may_stay and not is_full(group, most) and self._gathering.stays(connection_id):
            waiting.extendleft(reversed(group))
            return []
        self._gathering.leaves(connection_id)
        return group

    # -- batches that fill up

    def begin_turn(self, more_to_come: bool) -> None:
        """Take down whether the database holds more that this worker could decide."""
        self._gathering.begin_turn(more_to_come)

    def more_is_due(self) -> None:
        """The database holds more that this worker could claim."""
        self._gathering.more_to_come()

    def no_room_for_more(self, connection_id: int) -> None:
        """More is due for a connection than this worker takes; calls that come home make room for it."""
        if self._in_flight[connection_id]:
            self._gathering.crowded(connection_id)

    def end_turn(self, *, is_settled: bool = True) -> bool:
        """Return whether a batch that stayed for more shall leave now, because no more came.

        is_settled: False while it is not known yet whether more comes.
        """
        return self._gathering.end_turn(is_settled=is_settled) and any(self._ready.values())

    def take_held(self, held: Collection[int]) -> list[tuple[int, Hand]]:
        """Return and forget what waits for connections that nothing may leave for."""
        taken: list[tuple[int, Hand]] = []
        for connection_id in held:
            taken += [(connection_id, hand) for hand, _ in self._ready[connection_id]]
            taken += [(connection_id, hand) for hand in self._to_look_up[connection_id]]
            self._ready[connection_id].clear()
            self._to_look_up[connection_id].clear()
            self._gathering.leaves(connection_id)
        return taken

    def without_share(self) -> list[int]:
        """Return the connections that something waits for and that other workers have all the calls of."""
        rows = [connection_id for connection_id, row in self._ready.items() if row]
        rows += [connection_id for connection_id, hands in self._to_look_up.items() if hands]
        return [one for one in rows if not self._room(one, self._limits.get(one, CALLS_AT_ONCE))]

    def take_all(self) -> list[Hand]:
        """Return and forget everything that has not left."""
        return [hand for _, hand in self.take_held(list({*self._ready, *self._to_look_up}))]

    # -- leaving

    def dispatch(self, kept: Group, group: Group) -> None:
        """Let what was kept of a chosen group leave; where that is nothing, its place is free again."""
        over = CallOver(group[0][1].step.connection_id, group)
        for hand, _ in kept:
            self._flying[hand.run_id] = hand
        if kept:
            self._calls.submit(self._call, kept, over)
        else:
            self.call_over(over)

    def call_over(self, over: CallOver) -> None:
        for hand, _ in over.group:
            # A run that was lost and claimed again may be under way anew.
            if self._flying.get(hand.run_id) is hand:
                del self._flying[hand.run_id]
        self._in_flight[over.connection_id] -= 1
        self._subjects.home(over.connection_id, over.group)

    def renewed(self, at_s: float, lost: Collection[int] = ()) -> None:
        """Note that the leases of all that is in hand were renewed, but for the runs that are another worker's now.

        Those are forgotten here, or marked where a calling thread has them. at_s: the monotonic clock just before.
        From `LEASE` after it nothing leaves that has not left.
        """
        if lost:
            self._forget(lost)
        self._leased_until_s = at_s + LEASE.total_seconds()

    def _forget(self, lost: Collection[int]) -> None:
        for run_id in lost:
            if run_id in self._flying:
                self._flying[run_id].is_lost = True
        for connection_id, waiting in self._ready.items():
            self._ready[connection_id] = deque(pair for pair in waiting if pair[0].run_id not in lost)
        for hands in self._to_look_up.values():
            hands[:] = [hand for hand in hands if hand.run_id not in lost]

    def start_look_ups(self, held: Collection[int]) -> None:
        """Start look-ups as far as there is room; those of one recipe and connection go together."""
        for connection_id, hands in self._to_look_up.items():
            room = min(
                LOOK_UPS_AT_ONCE, self._room(connection_id, self._limits.get(connection_id, CALLS_AT_ONCE))
            )
            while hands and connection_id not in held and self._in_flight[connection_id] < room:
                together = [h for h in hands if h.walk.recipe is hands[0].walk.recipe][:LOOK_UPS_TOGETHER]
                chosen = {hand.run_id for hand in together}
                hands[:] = [hand for hand in hands if hand.run_id not in chosen]
                self._in_flight[connection_id] += 1
                self._calls.submit(self._look_up, connection_id, together)

    def close(self, *, wait: bool = False) -> None:
        self._calls.shutdown(wait=wait, cancel_futures=True)

    # -- in a calling thread: nothing here writes

    def _call(self, group: Group, over: CallOver) -> None:
        leaving: Group = []
        for hand, send in group:
            if self._is_leased(hand):
                leaving.append((hand, send))
            else:
                # The worker was stopped between opening this and here: another may have done it long ago.
                self._inbox.put(Delivered(hand, send, Result(_stood_still(), [], self._clock.now(), 0)))
        if leaving:
            self._make(leaving, over)
        else:
            self._inbox.put(over)

    def _is_leased(self, hand: Hand) -> bool:
        # In this order: `renewed` marks what is lost and then sets the new end, in the middle of this perhaps.
        return self._clock.monotonic_s() < self._leased_until_s and not hand.is_lost

    def _make(self, group: Group, over: CallOver) -> None:
        def fence() -> None:
            # Opening a connection and waiting for a budget take time, and so does standing still in between.
            if not all(self._is_leased(hand) for hand, _ in group):
                raise _stood_still()

        keyed = [(send, idempotency_key(hand.walk, send.step.index, send.item_index)) for hand, send in group]
        first, can_wait = group[0][1], group[0][0].walk.envelope.is_backfill
        try:
            if first.step.action.batch is not None and not first.in_doubt:
                results = self._doorstep.deliver_batch(keyed, fence)
            else:
                results = [
                    self._doorstep.deliver(send, key, can_wait=can_wait, author=hand.author, fence=fence)
                    for (hand, _), (send, key) in zip(group, keyed, strict=True)
                ]
            for (hand, send), result in zip(group, results, strict=True):
                self._inbox.put(Delivered(hand, send, result))
        finally:
            self._inbox.put(over)

    def _look_up(self, connection_id: int, hands: list[Hand]) -> None:
        recipe = hands[0].walk.recipe

        def prepare(client: Any) -> None:
            recipe.trigger.prepare(recipe.trigger_fields, client)

        related, error, _ = self._doorstep.look_up(
            recipe.kind, connection_id, [hand.walk.occurrence for hand in hands], recipe.needs, prepare
        )
        if error is None and len(related) != len(hands):
            error = OutcomeUnknownError(
                f"{recipe.kind.title} answered for {len(related)} of {len(hands)} records."
            )
        self._inbox.put(LookedUp(hands, related, error))
        self._inbox.put(CallOver(connection_id))


def _stood_still() -> UnavailableError:
    return UnavailableError(
        "Its worker stood still for longer than its lease. Nothing was sent; it is tried again.",
        retry_after_s=1.0,
    )
