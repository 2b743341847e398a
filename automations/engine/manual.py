"""What a person does with work that stopped: try again, mark as done, discard, cancel."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.errors import InputError
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

    def try_now(self, run_id: int) -> None:
        """Let a parked or waiting run go on at once: closed effects stay closed, the rest is sent again.

        A delivery that could not be rendered is rendered anew; one that was sent keeps its values and key.
        Raises InputError when the run is neither parked nor waiting.
        """
        with self._database.write() as session:
            run = self._run(session, run_id, {RunStatus.PARKED, RunStatus.WAITING})
            for delivery in session.exec(
                select(Delivery).where(
                    col(Delivery.run_id) == run_id, col(Delivery.status) == str(DeliveryStatus.PARKED)
                )
            ):
                if delivery.fields is None:
                    session.delete(delivery)
                else:
                    # A person looked: what was in doubt is sent again on their word.
                    delivery.status, delivery.reason_kind, delivery.closed_at = (
                        DeliveryStatus.WAITING,
                        "",
                        None,
                    )
                    session.add(delivery)
            self._requeue(session, run)
        self._ring()

    def mark_done(self, run_id: int, why: str) -> None:
        """Take a parked delivery's effect as done, because a person saw it on the other side; the run goes on."""
        with self._database.write() as session:
            run = self._run(session, run_id, {RunStatus.PARKED})
            parked = session.exec(
                select(Delivery).where(
                    col(Delivery.run_id) == run_id, col(Delivery.status) == str(DeliveryStatus.PARKED)
                )
            ).all()
            for delivery in parked:
                delivery.status = DeliveryStatus.SUCCEEDED
                delivery.reason, delivery.reason_kind = f"marked as done: {why}", ""
                delivery.closed_at = self._clock.now()
                session.add(delivery)
            self._requeue(session, run)
        self._ring()

    def cancel(self, run_id: int, why: str) -> None:
        """End a run that is not in a worker's hands; what it did stays done."""
        with self._database.write() as session:
            run = self._run(session, run_id, {RunStatus.PARKED, RunStatus.WAITING, RunStatus.QUEUED})
            lane = run.lane
            run.status, run.reason, run.reason_kind = RunStatus.CANCELLED, why or "cancelled by a person", ""
            run.claimable_at, run.lane, run.finished_at = None, None, self._clock.now()
            session.add(run)
            session.flush()
            if lane:
                self._promote(session, lane)
        self._ring()

    def _run(self, session: Session, run_id: int, wanted: set[RunStatus]) -> Run:
        run = session.exec(select(Run).where(col(Run.id) == run_id).with_for_update()).first()
        if run is None:
            raise InputError(f"There is no run {run_id}.", status=404)
        if run.status not in wanted:
            raise InputError(
                f"Run {run_id} is {run.status}; this can be done only when it is {' or '.join(sorted(wanted))}."
            )
        return run

    def _requeue(self, session: Session, run: Run) -> None:
        """Put the run back into its lane, behind whatever holds it now."""
        version = session.get_one(RecipeVersion, run.version_id)
        ordered = version.definition.get("order", "per_record") == "per_record" and run.record_key
        lane = f"{run.recipe_id}:{run.record_key}" if ordered else None
        session.flush()
        busy = 0
        if lane is not None and run.lane is None:
            busy = session.exec(select(func.count()).select_from(Run).where(col(Run.lane) == lane)).one()
        elif run.lane is not None:
            busy = 0 if run.claimable_at is not None else 1
        run.lane = lane
        run.status, run.reason, run.reason_kind = RunStatus.QUEUED, "", ""
        run.claims_without_end, run.finished_at = 0, None
        run.claimable_at = None if busy else self._clock.now()
        run.connection_id = self._next_connection(session, run, version)
        session.add(run)

    def _next_connection(self, session: Session, run: Run, version: RecipeVersion) -> int:
        from automations.model.connection import Connection

        steps = version.definition.get("steps") or []
        index = max(run.step_index, 0)
        if not run.memory and run.step_index < 0:
            recipe = session.get_one(Recipe, run.recipe_id)
            return recipe.trigger_connection_id or 0
        name = steps[index].get("connection", "") if index < len(steps) else ""
        found = session.exec(select(Connection.id).where(col(Connection.name) == name)).first()
        return found or 0

    def _promote(self, session: Session, lane: str) -> None:
        oldest = session.exec(select(Run).where(col(Run.lane) == lane).order_by(col(Run.id)).limit(1)).first()
        if oldest is not None and oldest.status == RunStatus.QUEUED and oldest.claimable_at is None:
            oldest.claimable_at = self._clock.now()
            session.add(oldest)
