"""What a person does with work that stopped: try again, mark as done, discard, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine.lanes import Lanes
from automations.engine.new_runs import PLACE_IN_CHAIN
from automations.errors import InputError
from automations.model.columns import micros
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.history import Delivery, Run
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import DeliveryStatus, RunStatus


class ManualWork:
    """Every method is one transaction; `ring` wakes the workers after it."""

    def __init__(self, database: Database, clock: Clock, ring: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._lanes = Lanes(database)

    def try_now(self, run_id: int) -> None:
        """Let a parked or waiting run go on at once: closed effects stay closed, the rest is sent again.

        A delivery that could not be rendered is rendered anew; one that was sent keeps its values and key.
        Raises InputError when the run is neither parked nor waiting.
        """
        with self._run(run_id, {RunStatus.PARKED, RunStatus.WAITING}) as (session, run):
            for delivery in _deliveries(session, run_id, DeliveryStatus.PARKED):
                if delivery.fields is None:
                    session.delete(delivery)
                else:
                    # A person looked: what was in doubt is sent again on their word.
                    delivery.status, delivery.reason_kind = DeliveryStatus.WAITING, ""
                    delivery.closed_at = None
                    session.add(delivery)
            self._requeue(session, run)
        self._ring()

    def mark_done(self, run_id: int, why: str) -> None:
        """Take a parked delivery's effect as done, because a person saw it on the other side; the run goes on.

        Raises InputError when the run is not parked, or stopped before any delivery.
        """
        with self._run(run_id, {RunStatus.PARKED}) as (session, run):
            parked = _deliveries(session, run_id, DeliveryStatus.PARKED)
            if not parked:
                raise InputError(
                    f"Run {run_id} has no parked delivery that could be marked as done. Try it again, or cancel it."
                )
            for delivery in parked:
                delivery.status = DeliveryStatus.SUCCEEDED
                delivery.reason, delivery.reason_kind = f"marked as done: {why}", ""
                delivery.closed_at = self._clock.now()
                session.add(delivery)
            self._requeue(session, run)
        self._ring()

    def cancel(self, run_id: int, why: str) -> None:
        """End a run that is not in a worker's hands; what it did stays done."""
        with self._run(run_id, {RunStatus.PARKED, RunStatus.WAITING, RunStatus.QUEUED}) as (session, run):
            now, reason = self._clock.now(), why or "cancelled by a person"
            lane, was_active = run.lane, run.claimable_at is not None
            run.status, run.reason, run.reason_kind = RunStatus.CANCELLED, reason, ""
            run.claimable_at, run.lane, run.finished_at = None, None, now
            session.add(run)
            for delivery in _deliveries(session, run_id, DeliveryStatus.WAITING):
                # What was in doubt stays so, for whoever replays this run.
                kind = "unknown" if delivery.reason_kind == "unknown" else ""
                delivery.status, delivery.reason, delivery.reason_kind = DeliveryStatus.SKIPPED, reason, kind
                delivery.next_attempt_at, delivery.closed_at = None, now
                session.add(delivery)
            session.flush()
            # One that stood behind the active run leaves a lane that goes on by itself.
            if lane is not None and was_active:
                self._lanes.let_next_go(session.connection(), [lane], micros(now))
        self._ring()

    @contextmanager
    def _run(self, run_id: int, wanted: set[RunStatus]) -> Iterator[tuple[Session, Run]]:
        """Yield the run in a transaction that has its lane for itself.

        The lane is locked before the row, and a row that a worker is writing is not waited for: the worker may be
        waiting for the lane.
        """
        with self._database.write() as session:
            seen = session.exec(select(Run.recipe_id, Run.record_key).where(col(Run.id) == run_id)).first()
            if seen is None:
                raise InputError(f"There is no run {run_id}.", status=404)
            self._lanes.lock(session.connection(), [_lane(*seen)])
            run = session.exec(
                select(Run).where(col(Run.id) == run_id).with_for_update(skip_locked=True)
            ).first()
            status = run.status if run is not None else RunStatus.RUNNING
            if run is None or status not in wanted:
                raise InputError(
                    f"Run {run_id} is {status}; this can be done only when it is {' or '.join(sorted(wanted))}."
                )
            yield session, run

    def _requeue(self, session: Session, run: Run) -> None:
        """Put the run back into its lane, behind whatever is active there now."""
        version = session.get_one(RecipeVersion, run.version_id)
        ordered = version.definition.get("order", "per_record") == "per_record" and run.record_key
        lane = _lane(run.recipe_id, run.record_key) if ordered else None
        session.flush()
        behind = (
            lane is not None and run.lane is None and bool(self._lanes.occupied(session.connection(), [lane]))
        )
        if _was_never_judged(run):
            run.memory = {**(run.memory or {}), "undetermined": True}
        run.lane = lane
        run.status, run.reason, run.reason_kind = RunStatus.QUEUED, "", ""
        run.claims_without_end, run.finished_at = 0, None
        run.claimable_at = None if behind else self._clock.now()
        run.connection_id = run.connection_id or self._next_connection(session, run, version)
        session.add(run)

    def _next_connection(self, session: Session, run: Run, version: RecipeVersion) -> int:
        """Return whom a run that had ended talks to next: it is claimed with that connection's work."""
        if (run.memory or {}).get("undetermined"):
            return session.get_one(Recipe, run.recipe_id).trigger_connection_id or 0
        steps = version.definition.get("steps") or []
        index = max(run.step_index, 0)
        name = steps[index].get("connection", "") if index < len(steps) else ""
        return session.exec(select(Connection.id).where(col(Connection.name) == name)).first() or 0


def _lane(recipe_id: int, record_key: str) -> str:
    return f"{recipe_id}:{record_key}"


def _was_never_judged(run: Run) -> bool:
    """Tell whether the run stopped before its recipe's conditions had let it pass."""
    knows_nothing = not (run.memory or {}).keys() - PLACE_IN_CHAIN
    return run.status == RunStatus.PARKED and run.step_index < 0 and knows_nothing


def _deliveries(session: Session, run_id: int, status: DeliveryStatus) -> Sequence[Delivery]:
    return session.exec(
        select(Delivery).where(col(Delivery.run_id) == run_id, col(Delivery.status) == str(status))
    ).all()
