"""Sending old events through again: a preview first, then one run at once, or many as a job.

A replay is a new run, linked to the old one. What any earlier run of the same event closed is not done again: the
new run takes it over and says so. What is in doubt is settled before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, or_, select

from automations.engine.jobs import Jobs
from automations.engine.replay_choice import ReplayChoice, ReplayFrom
from automations.engine.replay_job import STOP_AFTER, ReplayKind
from automations.engine.replay_making import ReplayMaking
from automations.engine.replay_preview import RunPreview, preview_of
from automations.engine.run_filter import RunFilter
from automations.errors import InputError, NotFoundError
from automations.model.database import Database
from automations.model.history import Delivery, Run
from automations.model.job import Job
from automations.model.recipe import Recipe
from automations.model.states import ENDED_RUNS, DeliveryStatus, RunStatus

PAYLOAD_MAX: Final = 2**20
COUNTED_MAX: Final = 100_000
SAMPLE: Final = 10

_log = structlog.get_logger("replay")


@dataclass(frozen=True)
class ManyPreview:
    """What a replay of many would do. total: runs that fit; `COUNTED_MAX` means that many or more.

    left_out: how many of them are not replayed, by why. closed, in_doubt: deliveries that are passed by, that are
    settled first. sample: what would become of the oldest.
    """

    total: int
    to_replay: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    closed: int = 0
    in_doubt: int = 0
    sample: Sequence[RunPreview] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "to_replay": self.to_replay,
            "left_out": dict(self.left_out),
            "effects_done": self.closed,
            "effects_in_doubt": self.in_doubt,
            "sample": [run.as_json() for run in self.sample],
        }


class Replays:
    """What pages and commands ask for. Thread-safe."""

    def __init__(self, database: Database, making: ReplayMaking, jobs: Jobs) -> None:
        self._database = database
        self._making = making
        self._jobs = jobs

    # -- one

    def preview(self, run_id: int, choice: ReplayChoice, payload: bytes | None = None) -> RunPreview:
        """Return what a replay of this run would do, step by step, or why it cannot be. Raises NotFoundError."""
        return preview_of(self._run(run_id), *self._making.look([run_id], choice, payload))

    def replay(self, run_id: int, choice: ReplayChoice, *, payload: bytes | None = None, by: str = "") -> int:
        """Replay one run and return the new one. payload: what its event holds instead.

        Raises NotFoundError; InputError where it cannot be replayed, or the payload is too long.
        """
        if payload is not None and len(payload) > PAYLOAD_MAX:
            raise InputError("The edited content is larger than 1 MiB. Shorten it.", status=413)
        self._run(run_id)
        made = self._making.make([run_id], choice, payload=payload)
        refusal = made.refused.get(run_id)
        if refusal is not None:
            raise InputError(refusal.reason, code=refusal.kind, status=409)
        new_id = made.new[run_id]
        _log.info(
            "replay.made",
            run_id=run_id,
            new_run_id=new_id,
            by=by,
            edited=payload is not None,
            **choice.as_json(),
        )
        return new_id

    def replays_of(self, run_id: int) -> list[int]:
        """Return the runs that replay this one, oldest first."""
        with self._database.read() as session:
            found = session.exec(select(Run.id).where(col(Run.replay_of) == run_id).order_by(col(Run.id)))
            return [new_id for new_id in found if new_id is not None]

    def _run(self, run_id: int) -> Run:
        with self._database.read() as session:
            run = session.get(Run, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}; it may have been pruned.")
        return run

    # -- many

    def preview_many(self, wanted: RunFilter, choice: ReplayChoice) -> ManyPreview:
        """Return counts and a sample. Raises InputError, NotFoundError for a filter that cannot be."""
        _refuse_everything(wanted)
        with self._database.read() as session:
            clauses = wanted.clauses(session)
            ended = [*clauses, col(Run.status).in_([str(status) for status in ENDED_RUNS])]
            fresh = [*ended, ~_has_a_replay()]
            able = [*fresh, _failed()] if choice.begin is ReplayFrom.FAILED else fresh
            total, have_ended, are_fresh, to_replay = (
                _count(session, which) for which in (clauses, ended, fresh, able)
            )
            left_out = {
                "under way": total - have_ended,
                "replayed already": have_ended - are_fresh,
                "no step failed": are_fresh - to_replay,
            }
            closed, in_doubt = (_deliveries(session, able, how) for how in (_closed(), _in_doubt()))
            sample = session.exec(select(Run).where(*able).order_by(col(Run.id)).limit(SAMPLE)).all()
        replays, refused = self._making.look([run.id or 0 for run in sample], choice, many=True)
        return ManyPreview(
            total=total,
            to_replay=to_replay,
            left_out={why: count for why, count in left_out.items() if count},
            closed=0 if choice.repeat_closed else closed,
            in_doubt=0 if choice.repeat_closed else in_doubt,
            sample=[preview_of(run, replays, refused) for run in sample],
        )

    def start(
        self,
        wanted: RunFilter,
        choice: ReplayChoice,
        *,
        rate_per_minute: int | None = None,
        by: str = "",
        stop_after: int = STOP_AFTER,
    ) -> Job:
        """Ask for a job that replays every run that fits now, oldest first.

        stop_after: it pauses itself when so many of its runs in a row are parked again.
        """
        _refuse_everything(wanted)
        with self._database.read() as session:
            wanted.clauses(session)
            upto = session.exec(select(func.max(Run.id))).one() or 0
            recipe_id = (
                session.exec(select(Recipe.id).where(col(Recipe.name) == wanted.recipe)).first()
                if wanted.recipe
                else None
            )
        wanted = replace(wanted, upto_id=min(upto, wanted.upto_id or upto))
        params = {"runs": wanted.as_json(), "choice": choice.as_json(), "stop_after": stop_after}
        return self._jobs.start(
            ReplayKind.name, params, recipe_id=recipe_id, rate_per_minute=rate_per_minute, by=by
        )


def _refuse_everything(wanted: RunFilter) -> None:
    if wanted.is_empty:
        raise InputError(
            "Say which runs to replay: by number, state, recipe, record, words or time. All of history at once is "
            "never meant."
        )


def _count(session: Session, clauses: Sequence[ColumnElement[bool]]) -> int:
    some = select(Run.id).where(*clauses).limit(COUNTED_MAX).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _deliveries(session: Session, runs: Sequence[ColumnElement[bool]], how: ColumnElement[bool]) -> int:
    some = select(Run.id).where(*runs).limit(COUNTED_MAX).subquery()
    query = (
        select(func.count()).select_from(Delivery).join(some, some.c.id == col(Delivery.run_id)).where(how)
    )
    return session.exec(query).one()


def _has_a_replay() -> ColumnElement[bool]:
    other = aliased(Run)
    later = and_(
        col(other.event_id) == col(Run.event_id),
        col(other.recipe_id) == col(Run.recipe_id),
        col(other.replay_number) > col(Run.replay_number),
    )
    return or_(
        select(other.id).where(col(other.replay_of) == col(Run.id)).exists(),
        select(other.id).where(later).exists(),
    )


def _failed() -> ColumnElement[bool]:
    parked = select(Delivery.id).where(
        col(Delivery.run_id) == col(Run.id), col(Delivery.status) == str(DeliveryStatus.PARKED)
    )
    badly = col(Run.status).in_([str(RunStatus.PARKED), str(RunStatus.CANCELLED)])
    return or_(badly, parked.exists())


def _closed() -> ColumnElement[bool]:
    done_already = and_(
        col(Delivery.status) == str(DeliveryStatus.SKIPPED), col(Delivery.outputs).is_not(None)
    )
    return or_(col(Delivery.status) == str(DeliveryStatus.SUCCEEDED), done_already)


def _in_doubt() -> ColumnElement[bool]:
    unknown = and_(
        col(Delivery.reason_kind) == "unknown",
        col(Delivery.status) != str(DeliveryStatus.SUCCEEDED),
        col(Delivery.fields).is_not(None),
    )
    return or_(col(Delivery.status) == str(DeliveryStatus.SENDING), unknown)
