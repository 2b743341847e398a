"""Long work on the pages: what there is, how far it is; pause, resume, cancel."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.errors import InputError
from automations.model.job import Job
from automations.model.states import JobState, Role
from automations.web.auth import requires
from automations.web.services import services

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")
SHOWN = 100
_MARKS = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "running",
    JobState.PAUSED: "waiting",
    JobState.DONE: "ok",
    JobState.FAILED: "parked",
    JobState.CANCELLED: "cancelled",
}
_WORDS = {"done": "looked at", "made": "made", "skipped": "left out", "failed": "failed"}


@dataclass(frozen=True)
class JobLine:
    """One job as pages show it. counts: what was counted, in the words of its kind; nothing that is zero.

    unit: what is counted, in the plural.
    """

    job: Job
    title: str
    sentence: str
    counts: dict[str, int]
    unit: str = "records"

    @property
    def mark(self) -> str:
        return _MARKS[JobState(self.job.state)]

    @property
    def meaning(self) -> str:
        return JobState(self.job.state).sentence

    @property
    def share(self) -> int | None:
        """How much is done, 0 to 100; None where it is not known how much there is."""
        if self.job.state == JobState.DONE:
            return 100
        return min(100, 100 * self.job.done // self.job.expected) if self.job.expected else None

    @property
    def is_open(self) -> bool:
        return self.job.state in (JobState.QUEUED, JobState.RUNNING)


def line_of(job: Job) -> JobLine:
    """Return a job in words."""
    kind = services().jobs.kinds.get(job.kind)
    words = {**_WORDS, **(kind.words if kind else {})}
    counts = {words[name]: getattr(job, name) for name in _WORDS}
    shown = {word: count for word, count in counts.items() if count or word == words["done"]}
    title, unit = (kind.title, kind.unit) if kind else (job.kind, "records")
    return JobLine(job, title, services().jobs.sentence(job), shown, unit)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("jobs/index.html", lines=[line_of(job) for job in services().jobs.list(SHOWN)])


@blueprint.get("/<int:job_id>")
@requires(Role.VIEWER)
def show(job_id: int) -> str:
    """Show one job; asked by htmx, its progress alone."""
    line = line_of(services().jobs.get(job_id))
    if request.headers.get("HX-Request"):
        return render_template("jobs/_progress.html", line=line)
    return render_template("jobs/show.html", line=line)


@blueprint.post("/<int:job_id>/<move>")
@requires(Role.PUBLISHER)
def change(job_id: int, move: str) -> AnyResponse:
    """Pause, resume or cancel it."""
    jobs = services().jobs
    moves = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}
    if move not in moves:
        abort(404)
    try:
        moves[move](job_id)
    except InputError as error:
        flash(error.message)
    return redirect(url_for("jobs.show", job_id=job_id))
