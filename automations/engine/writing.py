"""A turn's changes, written in one transaction together with what leaves now; then that leaves.

A database that is full, locked or away refuses the transaction; what it would have said stays here and is
written first as soon as the database takes it. Until then nothing else is written, and nothing leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import structlog

from automations.engine import signals
from automations.engine.availability import Availability
from automations.engine.changes import Changes, Claim, Opening, RunUpdate
from automations.engine.departures import Departures
from automations.engine.gathering import Group
from automations.engine.hands import Hand
from automations.engine.ledger import Ledger, Written
from automations.engine.stepping import Send, idempotency_key
from automations.errors import StorageUnavailableError
from automations.model.states import DeliveryStatus, RunStatus

Ids = dict[tuple[int, int, int], int]

_log = structlog.get_logger("writing")


class Writing:
    """Used by the coordinating thread. `let_go` is told of each run whose lease was lost."""

    def __init__(
        self,
        ledger: Ledger,
        departures: Departures,
        availability: Availability,
        let_go: Callable[[Claim], None],
    ) -> None:
        self._ledger = ledger
        self._departures = departures
        self._availability = availability
        self._let_go = let_go
        self._unwritten: deque[tuple[Changes, list[Group]]] = deque()
        self._ending = False

    def write(self, changes: Changes) -> bool:
        """Write the changes with what may leave now opened in them, and then let that leave.

        Returns whether runs may be due after it that were not before.

        Raises StorageUnavailableError; nothing is forgotten then, and `finish` tries again.
        """
        leaving = [] if self._ending else self._departures.choose(self._availability.held)
        for group in leaving:
            for hand, send in group:
                changes.held[hand.run_id] = hand.claim
                changes.openings.append(_opening(hand, send))
        self._unwritten.append((changes, leaving))
        may_be_due = self.finish()
        if not self._ending:
            self._departures.start_look_ups(self._availability.held)
        return may_be_due

    def finish(self) -> bool:
        """Write what the database refused before; return as `write` does.

        Raises StorageUnavailableError when it does so again.
        """
        may_be_due = False
        while self._unwritten:
            changes, leaving = self._unwritten[0]
            written = self._applied(changes) if changes else Written(set(), {})
            self._unwritten.popleft()
            gives_back = any(update.claimable_at is not None for update in changes.updates)
            may_be_due = may_be_due or written.lets_go or gives_back
            self._tell(changes, written.lost)
            for group in leaving:
                self._leave(group, written.lost, written.ids)
        return may_be_due

    def end_of_life(self) -> None:
        """From now on nothing leaves any more; results are still written."""
        self._ending = True

    def _applied(self, changes: Changes) -> Written:
        try:
            return self._ledger.apply(changes)
        except StorageUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - one run that cannot be written must not stop the others
            _log.exception("writing.failed", runs=len(changes.held))
            return self._one_by_one(changes)

    def _one_by_one(self, changes: Changes) -> Written:
        """Write each run alone and park the one that cannot be written."""
        lost: set[int] = set()
        ids: Ids = {}
        for run_id in changes.held:
            part = changes.of_run(run_id)
            try:
                lost_here, ids_here, _ = self._ledger.apply(part)
            except StorageUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                claim = changes.held[run_id]
                reason = f"what came of it could not be stored ({type(error).__name__}); report this"
                parked = RunUpdate(claim, RunStatus.PARKED, reason, "bug", memory=claim.memory)
                self._ledger.apply(Changes(updates=[parked], held={run_id: claim}))
                lost_here, ids_here = {run_id}, {}
            lost |= lost_here
            ids |= ids_here
        return Written(lost, ids, lets_go=True)

    def _leave(self, group: Group, lost: set[int], ids: Ids) -> None:
        kept = [(hand, _with_id(hand, send, ids)) for hand, send in group if hand.run_id not in lost]
        self._departures.dispatch(kept, group)

    def _tell(self, changes: Changes, lost: set[int]) -> None:
        for run_id in lost:
            _log.warning("run.lease_lost", run_id=run_id)
            self._let_go(changes.held[run_id])
        for closing in changes.closings:
            if closing.status == DeliveryStatus.PARKED and closing.run_id not in lost:
                signals.tell("delivery-parked", run_id=closing.run_id, message=closing.reason)
        for update in changes.updates:
            claim = update.claim
            if update.claimable_at is None and claim.run_id not in lost:
                facts = {"run_id": claim.run_id, "recipe_id": claim.recipe_id, "reason": update.reason}
                signals.tell("run-finished", status=str(update.status), **facts)


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
        item_key=send.item_key,
    )


def _with_id(hand: Hand, send: Send, ids: Ids) -> Send:
    if send.delivery_id is not None:
        return send
    return replace(send, delivery_id=ids[hand.run_id, send.step.index, send.item_index])
