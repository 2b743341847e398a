"""The worker's one coordinating thread: decides, claims, renders, writes the ledger, lets calls leave.

Only this thread touches the walks and what became of them; others make calls and report back, and where much
waits one stores verdicts meanwhile (`engine.deciding`). A turn writes few transactions, however many runs it carries:
verdicts with the claims that go with them, claims of what has waited, and one that closes what came back and opens
what leaves next. If the process dies on any line, the rows say what was in hand.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from automations.clock import Clock, ClockWatch
from automations.engine.aftermath import Aftermath
from automations.engine.availability import Availability
from automations.engine.breaker import Breakers
from automations.engine.catalog import Catalog
from automations.engine.changes import Changes, RunUpdate
from automations.engine.connections import Connections
from automations.engine.decider import Decider, Kinds
from automations.engine.deciding import Deciding
from automations.engine.departures import Departures
from automations.engine.doorstep import Doorstep
from automations.engine.guards import Guards, Limits
from automations.engine.hands import CallOver, Hand, Loader, LookedUp
from automations.engine.homecoming import Homecoming
from automations.engine.in_hand import InHand
from automations.engine.ledger import Ledger
from automations.engine.looking import Looking
from automations.engine.registry import Registry
from automations.engine.stepping import End, LookUp, Move, Send, WaitUntil, Walk
from automations.engine.taking import Taking
from automations.engine.workforce import Alone, Workforce
from automations.engine.writing import Writing
from automations.errors import StorageUnavailableError
from automations.model.database import Database
from automations.model.states import DeliveryStatus, RunStatus

ABSORB_MAX = 2_000
RENEW_EVERY_S = 15.0
ALIVE_EVERY_S = 1.0
DRAIN_S = 25.0
HANDED_ON_S = 0.2

_log = structlog.get_logger("runner")


class Runner:
    """Runs everything that is due. One thread calls `run_forever` or `turn`; `nudge` may come from any.

    workforce: the other workers of the installation; without it this one has every account for itself. ring: wakes
    up another one.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        connections: Connections,
        clock: Clock,
        *,
        owner: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        workforce: Workforce | None = None,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        catalog = Catalog(database, registry)
        self.ledger = Ledger(database, clock, owner)
        connections.worker = owner
        self._connections = connections
        guards = Guards(database, clock, limits)
        self._decider = Decider(
            database, registry, connections, catalog, self.ledger, Kinds(database, registry), guards
        )
        self._loader = Loader(database, Kinds(database, registry), catalog)
        self._homecoming = Homecoming()
        self._workforce = workforce or Alone()
        doorstep = Doorstep(connections, clock)
        self._departures = Departures(doorstep, self._homecoming.inbox, clock, self._workforce.share)
        self._availability = Availability(database, clock, Breakers(database, clock, owner))
        self._in_hand = InHand()
        self._taking = Taking(
            self.ledger, self._loader, self._departures, self._availability, self._in_hand, clock
        )
        self._deciding = Deciding(self._decider, self._loader, self._taking, clock, self.nudge)
        self._writing = Writing(self.ledger, self._departures, self._availability, self._in_hand.let_go)
        jitter = random.Random()  # noqa: S311 - jitter, not secrecy
        self._aftermath = Aftermath(connections, clock, jitter, self, self._availability)
        self._renewed_s = self._alive_s = clock.monotonic_s()
        self._looking = Looking()
        self._ring = ring
        self._handed_on_s = -math.inf
        self._has_given = False
        self._clock_watch: ClockWatch | None = None

    # -- life

    def nudge(self) -> None:
        """Something may be due; look at once."""
        self._homecoming.nudge()

    def is_free(self) -> bool:
        """Tell whether it waits for something to come, and would look for it at once; any thread may ask."""
        has_handed_on = time.monotonic() - self._handed_on_s < HANDED_ON_S
        return self._homecoming.is_waiting and not self._deciding.is_anothers and not has_handed_on

    def run_forever(self, stop: threading.Event) -> None:
        """Turn until `stop` is set, then let the calls in flight come home."""
        self._deciding.go_beside()
        while not stop.is_set():
            try:
                if not self._turn() or self._looking.has_found_nothing:
                    self._homecoming.wait(self._looking.rest_s(self._departures.in_flight))
            except StorageUnavailableError as error:
                _log.warning("runner.storage_unavailable", message=error.message)
                self._looking.look_again()
                stop.wait(0.5)
        self.drain(DRAIN_S)

    def drain(self, timeout_s: float) -> None:
        """Start nothing new; close what comes back, hand back the rest, end the threads."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._writing.end_of_life()
        while True:
            handed_back = self._handed_back()
            late = self._clock.monotonic_s() >= deadline_s
            is_quiet = not self._departures.in_flight and not self._deciding.is_under_way
            if late or (handed_back and is_quiet and self._homecoming.is_over):
                break
            self._homecoming.wait(0.2)
        if not self._departures.in_flight:
            self._workforce.leave()
        self._deciding.close()
        self._departures.close()

    def _handed_back(self) -> bool:
        """Close what came back and give back what has not left; return whether the database took it."""
        try:
            self._workforce.keep_up(self._departures.calls)
            self._absorb()
            self._take_over_verdicts()
            changes = Changes()
            self._taking.give_back(changes)
            for hand in self._departures.take_all():
                self.suspend(hand, self._clock.now(), "its worker stopped", "worker", changes)
            self._writing.write(changes)
        except StorageUnavailableError as error:
            _log.warning("runner.storage_unavailable", message=error.message)
            return False
        return True

    def _take_over_verdicts(self) -> None:
        try:
            self._deciding.finish()
        except StorageUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - what is in hand is given back whatever became of deciding
            _log.exception("decide.failed_at_the_end")

    def work_until_idle(self, timeout_s: float = 30.0) -> None:
        """Turn until nothing is due and nothing is in flight. Raises TimeoutError."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._availability.look_again()
        while True:
            moved = self.turn()
            if not moved and not self._departures.in_flight:
                return
            if not moved:
                self._homecoming.wait(0.05)
            if self._clock.monotonic_s() > deadline_s:
                raise TimeoutError("work is still under way")

    def abandon(self) -> None:
        """Forget everything in memory, as a killed process does, for tests of recovery."""
        self._deciding.close()
        self._departures.close(wait=True)

    def turn(self) -> bool:
        """Do everything that can be done now; return whether anything was."""
        self._looking.look_again()
        return self._turn()

    def _turn(self) -> bool:
        """Take what came home, and look for more where it is time."""
        self._keep_alive()
        self._watch_clock()
        self._looking.begin_turn()
        self._note_written(self._writing.finish())
        absorbed = self._absorb()
        is_nudged, self._homecoming.is_nudged = self._homecoming.is_nudged, False
        if not self._looking.is_time(is_nudged=is_nudged, in_flight=self._departures.in_flight):
            return bool(absorbed)
        decided, taken = self._deciding.look(self._stay_alive), 0
        self._renew_what_was_decided()
        self._departures.begin_turn(more_to_come=self._deciding.more_to_come)
        for hands, changes in self._taking.take():
            taken += len(changes.held)
            for hand in hands:
                if self.holds(hand):
                    self.move(hand, changes)
                self._stay_alive()
            self._write(changes)
        if self._departures.end_turn(is_settled=self._deciding.is_news):
            self._write(Changes())
        self._note_what_was_found(decided, taken)
        return bool(absorbed or decided or taken)

    def _note_what_was_found(self, decided: int, taken: int) -> None:
        more_at_once = self._deciding.leaves_some and not self._deciding.is_under_way
        self._looking.looked(
            found=bool(decided or taken),
            is_anothers=self._deciding.is_anothers,
            more_at_once=more_at_once,
            may_have_missed=self._deciding.may_have_missed,
        )
        if self._taking.leaves_some or self._deciding.waits:
            self._looking.may_be_due = True
        if (decided or self._has_given) and self._taking.leaves_to_others:
            self._hand_on()
        self._has_given = False

    def _hand_on(self) -> None:
        """Ring for what is due and other workers' to do: they have not heard what this one was rung for."""
        self._handed_on_s = time.monotonic()
        self._ring()

    def _keep_alive(self) -> None:
        """Beat and renew where it is time. Raises StorageUnavailableError."""
        self._workforce.keep_up(self._departures.calls)
        self._renew_leases()
        self._alive_s = self._clock.monotonic_s()

    def _stay_alive(self) -> None:
        """The same in the middle of long work, so that a slow recipe costs nobody a lease; once a second is enough."""
        if self._clock.monotonic_s() - self._alive_s < ALIVE_EVERY_S:
            return
        try:
            self._keep_alive()
        except StorageUnavailableError as error:
            # What was done of this turn is not written yet, and is not to be lost for that.
            _log.warning("runner.not_renewed", message=error.message)
            self._alive_s = self._clock.monotonic_s()

    def _renew_leases(self) -> None:
        now_s = self._clock.monotonic_s()
        claimed = [*self._taking.run_ids, *self._deciding.run_ids]
        if (self._in_hand or claimed) and now_s - self._renewed_s <= RENEW_EVERY_S:
            return
        if not (self._in_hand or claimed) and self._deciding.is_under_way:
            # What it is about to take has a lease that began before now.
            return
        lost: Collection[int] = ()
        if self._in_hand or claimed:
            lost = self.ledger.renew(sorted({*self._in_hand.run_ids, *claimed}))
            self._connections.renew_holds()
        for run_id in lost:
            _log.warning("run.lease_lost", run_id=run_id)
        self._departures.renewed(now_s, lost)
        self._in_hand.lose(lost)
        self._taking.lose(lost)
        self._deciding.lose(lost)
        self._renewed_s = now_s

    def _renew_what_was_decided(self) -> None:
        """Renew again where the last time was while the other thread decided.

        That may not have known of all that it took, and nothing leaves for longer than its own lease lasts.
        """
        if math.isinf(self._deciding.began_s):
            return
        if self._deciding.began_s <= self._renewed_s:
            self._renewed_s = -math.inf
        self._renew_leases()

    def _watch_clock(self) -> None:
        """At first, and whenever the clock was set back, make due what it has put into the future."""
        if self._clock_watch is None:
            self.ledger.thaw()
            self._availability.thaw()
            self._clock_watch = ClockWatch(self._clock)
        elif went_back := self._clock_watch.went_back():
            _log.warning("clock.went_back", seconds=went_back.total_seconds())
            self.ledger.thaw(went_back)
            self._availability.thaw(went_back)

    # -- moving

    def move(self, hand: Hand, changes: Changes) -> None:
        """Walk on until the run must wait for something, or is over."""
        walk = hand.walk
        changes.held[hand.run_id] = hand.claim
        while True:
            move = self._next_move(walk)
            if isinstance(move, (Send, LookUp)):
                self._queue(hand, move, changes)
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

    def _next_move(self, walk: Walk) -> Move:
        try:
            return walk.next_move(self._clock.now())
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own run and nothing else
            _log.exception("run.failed", run_id=walk.run_id, recipe=walk.recipe.name)
            what = f"its step failed unexpectedly with {type(error).__name__}; report this to its maintainer"
            return End(RunStatus.PARKED, what, "bug")

    def _queue(self, hand: Hand, move: Send | LookUp, changes: Changes) -> None:
        """Let the run stand in the row of the connection that it talks to next, and count with its work.

        A connection that has enough in hand takes no more: what is slow there must not use up the room of the
        connections where its runs come from.
        """
        target = hand.walk.target_connection_id
        if not self._in_hand.is_for(hand.claim, target):
            most = (
                0
                if self._availability.is_tried_alone(target)
                else self._departures.most_in_hand(target, move)
            )
            if self._in_hand.count(target) >= most:
                self.suspend(hand, self._clock.now(), "other work goes first", "room", changes)
                return
            self._in_hand.turn_to(hand.claim, target)
        if isinstance(move, Send):
            self._departures.add(hand, move)
        else:
            self._departures.add_look_up(hand, move.connection_id)

    def holds(self, hand: Hand) -> bool:
        """Tell whether a run is still in this worker's hands, by this very claim."""
        return self._in_hand.holds(hand.claim)

    def end(self, hand: Hand, end: End, changes: Changes) -> None:
        index, memory = hand.walk.step_index, hand.walk.memory
        update = RunUpdate(hand.claim, end.status, end.reason, end.reason_kind, index, 0, None, memory)
        changes.updates.append(update)
        self._in_hand.let_go(hand.claim)

    def suspend(self, hand: Hand, at: datetime, reason: str, kind: str, changes: Changes) -> None:
        """Give the run back to the database until `at`; its lane waits with it."""
        walk = hand.walk
        changes.held[hand.run_id] = hand.claim
        target = walk.target_connection_id
        changes.updates.append(
            RunUpdate(hand.claim, RunStatus.WAITING, reason, kind, walk.step_index, target, at, walk.memory)
        )
        self._in_hand.let_go(hand.claim)

    def hold(self, connection_id: int, until: datetime) -> None:
        """Let nothing leave for a connection before `until`; what waits here goes back to the database."""
        self._availability.hold(connection_id, until)

    # -- writing

    def _write(self, changes: Changes) -> None:
        """Give back what waits for connections that are held or that others work for, and write everything."""
        held = self._availability.held
        for connection_id, hand in self._departures.take_held(list(held)):
            self.suspend(hand, held[connection_id], *self._availability.why(connection_id), changes)
        others = self._departures.take_held(self._departures.without_share())
        for _, hand in others:
            self.suspend(hand, self._clock.now(), "another worker has its connection", "room", changes)
        self._note_written(self._writing.write(changes))
        if others:
            self._hand_on()

    def _note_written(self, may_be_due: bool) -> None:
        self._looking.may_be_due = self._looking.may_be_due or may_be_due
        self._has_given = self._has_given or may_be_due

    # -- what comes back

    def _absorb(self) -> int:
        """Take everything that is back, write it in one transaction, and let the next leave with it."""
        changes = Changes()
        count = 0
        found = self._homecoming.first()
        while found is not None:
            count += 1
            if isinstance(found, CallOver):
                self._departures.call_over(found)
            elif isinstance(found, LookedUp):
                self._aftermath.looked_up(found, changes)
            else:
                self._aftermath.delivered(found, changes)
            if count >= ABSORB_MAX:
                break
            found = self._homecoming.following(more_to_come=self._departures.in_flight > 0)
        if count or self._departures.waiting:
            self._write(changes)
        return count
