"""What follows when a call is back: close the delivery, go on, wait, pause or park."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any, Protocol

import structlog

from automations.clock import Clock
from automations.engine.availability import Availability
from automations.engine.breaker import is_no_answer
from automations.engine.changes import AttemptMade, Changes, Closing, Opening
from automations.engine.connections import Connections
from automations.engine.contracts import Outcome
from automations.engine.decide import Ruling, Verdict, decide
from automations.engine.hands import Delivered, Hand, LookedUp
from automations.engine.retry import HORIZON, Park, Pause, Retry, after_failure
from automations.engine.stepping import Close, End, Walk, idempotency_key
from automations.errors import AutomationError, OutcomeUnknownError, StorageUnavailableError
from automations.model.columns import micros, moment
from automations.model.states import DeliveryStatus, RunStatus

_log = structlog.get_logger("aftermath")


class Coordinator(Protocol):
    """What the aftermath may ask of the runner."""

    def move(self, hand: Hand, changes: Changes) -> None: ...

    def end(self, hand: Hand, end: End, changes: Changes) -> None: ...

    def suspend(self, hand: Hand, at: datetime, reason: str, kind: str, changes: Changes) -> None: ...

    def hold(self, connection_id: int, until: datetime) -> None: ...

    def holds(self, hand: Hand) -> bool: ...


class Aftermath:
    """Used by the coordinating thread; everything it decides goes into the turn's changes."""

    def __init__(
        self,
        connections: Connections,
        clock: Clock,
        random: Random,
        runner: Coordinator,
        availability: Availability,
    ) -> None:
        self._connections = connections
        self._availability = availability
        self._clock = clock
        self._random = random
        self._runner = runner

    # -- deliveries

    def delivered(self, found: Delivered, changes: Changes) -> None:
        hand, outcome = found.hand, found.result.outcome
        error = outcome if isinstance(outcome, AutomationError) else None
        weight = 1 / max(1, found.result.batch_size)
        self._availability.answered(found.send.step.connection_id, error, weight)
        if not self._runner.holds(hand):
            # Its lease was over meanwhile: whoever has the run now settles what became of this.
            return
        changes.held[hand.run_id] = hand.claim
        if isinstance(outcome, AutomationError):
            self._failed(found, outcome, changes)
            return
        status = DeliveryStatus.SKIPPED if outcome.nothing_to_do else DeliveryStatus.SUCCEEDED
        changes.closings.append(_closing(found, status, outcome.summary, "", outcome.outputs))
        hand.walk.done(status, outcome.outputs, outcome.summary)
        if outcome.stop:
            self._runner.end(hand, End(RunStatus.SUCCEEDED, outcome.summary), changes)
        else:
            self._runner.move(hand, changes)

    def _failed(self, found: Delivered, error: AutomationError, changes: Changes) -> None:
        hand, send, now = found.hand, found.send, self._clock.now()
        follow = self._what_follows(found, error, now)
        # Until something is known, the delivery stays in doubt, whatever went wrong while asking.
        kind = "unknown" if found.result.settling else error.kind
        if isinstance(follow, Park):
            changes.closings.append(_closing(found, DeliveryStatus.PARKED, error.message, kind))
            hand.walk.done(DeliveryStatus.PARKED, None, error.message)
            if send.step.part.on_error == "continue":
                self._runner.move(hand, changes)
            else:
                parked = End(RunStatus.PARKED, f"{send.step.name}: {error.message}", kind)
                self._runner.end(hand, parked, changes)
            return
        at = follow.at if isinstance(follow, Retry) else now
        changes.closings.append(_closing(found, DeliveryStatus.WAITING, error.message, kind, None, at))
        self._follow(send.step.connection_id, follow, error)
        self._runner.suspend(hand, at, f"{send.step.name}: {error.message}", kind, changes)

    def _what_follows(self, found: Delivered, error: AutomationError, now: datetime) -> Retry | Pause | Park:
        if found.result.settling and isinstance(error, OutcomeUnknownError):
            return Park()
        send, walk = found.send, found.hand.walk
        since = send.first_tried_at or found.result.started_at
        place = f"{send.step.index}.{send.item_index}"
        if self._is_no_try(send.step.connection_id, error):
            uncounted = walk.memory.setdefault("uncounted", {})
            uncounted[place] = uncounted.get(place, 0) + 1
            return self._when_it_answers(send.step.connection_id, since, now)
        tries = send.attempts + 1 - walk.memory.get("uncounted", {}).get(place, 0)
        return after_failure(
            error, attempts=max(1, tries), since=since, now=now, jitter=self._random.random()
        )

    def _is_no_try(self, connection_id: int, error: AutomationError) -> bool:
        """Tell whether a failure says only what the open breaker of its connection says already."""
        return self._availability.breakers.until(connection_id) is not None and is_no_answer(error)

    def _when_it_answers(self, connection_id: int, since: datetime, now: datetime) -> Retry | Park:
        until = self._availability.breakers.until(connection_id) or now
        return Park() if now - since > HORIZON else Retry(until)

    def _follow(self, connection_id: int, follow: Retry | Pause, error: AutomationError) -> None:
        until = self._clock.now() if isinstance(follow, Pause) else follow.hold_until
        if until is None:
            return
        self._runner.hold(connection_id, until)
        try:
            if isinstance(follow, Pause):
                self._connections.pause(connection_id, error.message)
            else:
                self._connections.hold(connection_id, until)
        except StorageUnavailableError as trouble:
            # What came back must be written first of all. The next call is told the same and notes it then.
            _log.warning("connection.not_held", connection_id=connection_id, message=trouble.message)

    def close(self, hand: Hand, move: Close, changes: Changes) -> None:
        """Close a delivery that nothing is sent for."""
        step, walk = move.step, hand.walk
        past = walk.past.get((step.index, move.item_index))
        if past is not None:
            changes.closings.append(
                Closing(hand.run_id, past.delivery_id, move.status, None, move.reason, move.reason_kind)
            )
        else:
            changes.openings.append(
                Opening(
                    run_id=hand.run_id,
                    step_index=step.index,
                    item_index=move.item_index,
                    step_name=step.name,
                    action=step.part.action,
                    connection_id=step.connection_id,
                    status=move.status,
                    fields=None,
                    idempotency_key=idempotency_key(walk, step.index, move.item_index),
                    reason=move.reason,
                    reason_kind=move.reason_kind,
                    outputs=move.outputs,
                    item_key=move.item_key,
                )
            )
        walk.done(move.status, move.outputs, move.reason)

    # -- look-ups

    def looked_up(self, found: LookedUp, changes: Changes) -> None:
        for index, hand in enumerate(found.hands):
            if not self._runner.holds(hand):
                continue
            changes.held[hand.run_id] = hand.claim
            if found.error is not None:
                self._look_up_failed(hand, found.error, changes, len(found.hands))
                continue
            self._availability.answered(hand.walk.recipe.connection.id, None, 1 / len(found.hands))
            hand.walk.looked_up(found.related[index])
            if not self._is_refused(hand, changes):
                self._runner.move(hand, changes)

    def _is_refused(self, hand: Hand, changes: Changes) -> bool:
        """Ask for the verdict again now that everything is known; True when it ended the run."""
        walk = hand.walk
        if not walk.memory.get("undetermined"):
            return False
        verdict = self._verdict(walk)
        if verdict.ruling is Ruling.BROKEN:
            # A second try must look again and judge again: nothing has let this run pass yet.
            walk.memory.pop("related", None)
        else:
            del walk.memory["undetermined"]
        if verdict.ruling is Ruling.PASSED:
            return False
        status = RunStatus.PARKED if verdict.ruling is Ruling.BROKEN else RunStatus.FILTERED
        self._runner.end(hand, End(status, verdict.reason, verdict.ruling.value), changes)
        return True

    def _verdict(self, walk: Walk) -> Verdict:
        recipe = walk.recipe
        directory = self._connections.directory(recipe.connection.id)
        try:
            return decide(recipe, walk.occurrence, walk.context, directory, looked_up=True)
        except AutomationError as error:
            return Verdict(Ruling.BROKEN, error.message)
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own run and nothing else
            _log.exception("decide.failed", recipe=recipe.name, run_id=walk.run_id)
            return Verdict(Ruling.BROKEN, f"the trigger failed unexpectedly with {type(error).__name__}")

    def _look_up_failed(self, hand: Hand, error: AutomationError, changes: Changes, together: int) -> None:
        walk, now = hand.walk, self._clock.now()
        account = walk.recipe.connection.id
        self._availability.answered(account, error, 1 / together)
        tries, since = _count_try(walk, now, counts=not self._is_no_try(account, error))
        follow: Retry | Pause | Park
        if self._is_no_try(account, error):
            follow = self._when_it_answers(account, since, now)
        else:
            follow = after_failure(
                error, attempts=max(1, tries), since=since, now=now, jitter=self._random.random()
            )
        reason = f"look-up before the steps: {error.message}"
        if isinstance(follow, Park):
            self._runner.end(hand, End(RunStatus.PARKED, reason, error.kind), changes)
            return
        self._follow(walk.recipe.connection.id, follow, error)
        at = follow.at if isinstance(follow, Retry) else now
        self._runner.suspend(hand, at, reason, error.kind, changes)


def _count_try(walk: Walk, now: datetime, *, counts: bool) -> tuple[int, datetime]:
    """Note a failed look-up in the run's memory; return how many count and since when there were any."""
    tries = walk.memory["look_up_tries"] = int(walk.memory.get("look_up_tries", 0)) + counts
    return tries, moment(int(walk.memory.setdefault("look_up_since", micros(now))))


def _closing(
    found: Delivered,
    status: DeliveryStatus,
    reason: str,
    kind: str,
    outputs: dict[str, Any] | None = None,
    next_attempt_at: datetime | None = None,
) -> Closing:
    result, send, outcome = found.result, found.send, found.result.outcome
    attempt = AttemptMade(
        number=send.attempts + 1,
        started_at=result.started_at,
        duration_ms=result.duration_ms,
        outcome="succeeded" if isinstance(outcome, Outcome) else outcome.kind,
        message=outcome.summary if isinstance(outcome, Outcome) else outcome.message,
        exchanges=result.exchanges,
        batch_size=result.batch_size,
    )
    assert send.delivery_id is not None
    return Closing(
        found.hand.run_id, send.delivery_id, status, attempt, reason, kind, outputs, next_attempt_at
    )
