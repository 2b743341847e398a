"""Replays of many: one job, slice by slice, oldest first, which stops itself when they only fail again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.engine.job_kinds import JobKind, JobView, Slice
from automations.engine.replay_choice import ReplayChoice
from automations.engine.replay_making import Made, ReplayMaking
from automations.engine.run_filter import RunFilter
from automations.model.database import Database
from automations.model.history import Run
from automations.model.states import RunStatus

STOP_AFTER: Final = 20
LOOK_AGAIN_S: Final = 1.0

_LEFT_OUT: Final[Mapping[str, str]] = {
    "under_way": "under way",
    "replayed": "replayed already",
    "nothing_failed": "without a step that failed",
    "unusable": "unusable",
}


class ReplayKind(JobKind):
    """params: `runs` (a RunFilter), `choice` (a ReplayChoice), `stop_after`.

    cursor: `after`, the last old run that was looked at; `since`, the last new run whose end no longer counts, because
    a person had this resumed; `going`, whether one of the first ended well; `left_out`, counts by why.
    """

    name = "replay"
    title = "Replay"
    unit = "runs"
    words: ClassVar[Mapping[str, str]] = {"done": "looked at", "made": "replayed", "skipped": "left out"}

    def __init__(self, database: Database, making: ReplayMaking) -> None:
        self._database = database
        self._making = making

    def sentence(self, job: JobView) -> str:
        wanted, choice = RunFilter.from_json(job.params["runs"]), ReplayChoice.from_json(job.params["choice"])
        return f"replay {wanted.sentence} {choice.sentence}"

    def slice(self, job: JobView, room: int) -> Slice:
        """Replay the next of them, unless those before fare badly, or have not shown yet how they fare."""
        cursor = dict(job.cursor or {})
        stop_after = int(job.params.get("stop_after", STOP_AFTER))
        with self._database.read() as session:
            expected = self._left(session, job, 0) if job.expected is None else None
            stopped = self._stopped(session, job, cursor, stop_after)
            if stopped is not None:
                return stopped
            if not cursor.get("going"):
                room = min(room, stop_after - self._begun(session, job, cursor))
            ids = self._next(session, job, cursor, room) if room > 0 else []
        if room <= 0:
            why = f"waits to see how its first {stop_after} fare"
            return Slice(cursor, expected=expected, reason=why, wait_s=LOOK_AGAIN_S)
        made = self._making.make(ids, ReplayChoice.from_json(job.params["choice"]), job_id=job.id)
        left_out = Counter(cursor.get("left_out") or {})
        left_out.update(refusal.kind for refusal in made.refused.values())
        cursor |= {"after": ids[-1] if ids else cursor.get("after", 0), "left_out": dict(left_out)}
        return _slice(cursor, made, expected, finished=len(ids) < room)

    def _next(self, session: Session, job: JobView, cursor: Mapping[str, Any], limit: int) -> list[int]:
        clauses = RunFilter.from_json(job.params["runs"]).clauses(session)
        query = select(Run.id).where(*clauses, col(Run.id) > cursor.get("after", 0))
        found = session.exec(query.order_by(col(Run.id)).limit(limit))
        return [run_id for run_id in found if run_id is not None]

    def _left(self, session: Session, job: JobView, after: int) -> int:
        clauses = RunFilter.from_json(job.params["runs"]).clauses(session)
        query = select(func.count()).select_from(Run).where(*clauses, col(Run.id) > after)
        return session.exec(query).one()

    # -- how the new runs fare

    def _begun(self, session: Session, job: JobView, cursor: Mapping[str, Any]) -> int:
        query = select(func.count()).select_from(Run).where(*_of(job, cursor))
        return session.exec(query).one()

    def _stopped(
        self, session: Session, job: JobView, cursor: dict[str, Any], stop_after: int
    ) -> Slice | None:
        """Pause when the newest that ended are all parked; note it when one of the first got through."""
        ended = session.exec(
            select(Run.status)
            .where(*_of(job, cursor), col(Run.finished_at).is_not(None))
            .order_by(col(Run.replay_of).desc())
            .limit(stop_after)
        ).all()
        if len(ended) == stop_after and all(status == RunStatus.PARKED for status in ended):
            newest = session.exec(select(func.max(Run.id)).where(*_of(job, cursor))).one()
            cursor |= {"since": newest, "going": False}
            return Slice(
                cursor,
                pause=True,
                reason=f"The last {stop_after} runs it made are parked again. Look at one of them and mend the cause, "
                "then resume.",
            )
        if any(status != RunStatus.PARKED for status in ended) or self._sleeping(session, job, cursor):
            cursor["going"] = True
        return None

    def _sleeping(self, session: Session, job: JobView, cursor: Mapping[str, Any]) -> bool:
        """Tell whether one of them came as far as a `wait`, which may take days and is no failure."""
        asleep = (col(Run.status) == str(RunStatus.WAITING), col(Run.reason_kind) == "wait")
        return session.exec(select(Run.id).where(*_of(job, cursor), *asleep).limit(1)).first() is not None


def _of(job: JobView, cursor: Mapping[str, Any]) -> tuple[Any, Any]:
    return col(Run.replay_job_id) == job.id, col(Run.id) > cursor.get("since", 0)


def _slice(cursor: dict[str, Any], made: Made, expected: int | None, *, finished: bool) -> Slice:
    left_out: Mapping[str, int] = cursor["left_out"]
    told = ", ".join(f"{count} {_LEFT_OUT.get(kind, kind)}" for kind, count in left_out.items())
    replayed = len(made.new) + len(made.before)
    return Slice(
        cursor,
        expected=expected,
        done=replayed + len(made.refused),
        made=replayed,
        skipped=len(made.refused),
        finished=finished,
        reason=f"left out: {told}" if finished and told else "",
    )
