"""Waiting for a job, with its progress: on a terminal a bar, elsewhere a line now and then."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from automations.cli.output import remark

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.job import Job

LOOK_EVERY_S = 0.3
TELL_EVERY_S = 5.0
STILL_S = 10.0


def follow(assembly: Assembly, job_id: int) -> Job:
    """Return the job once it has ended, paused, or the person pressed Ctrl-C; it goes on in the workers then.

    This process takes slices as well, so that a job goes on also while no worker is there, and takes back a job
    whose command or worker died.
    """
    progress = _Progress(f"job {job_id}")
    job = assembly.jobs.get(job_id)
    try:
        while _is_open(job := assembly.jobs.get(job_id)):
            progress.show(job)
            if not assembly.jobs.work_due(f"command/{os.getpid()}"):
                assembly.jobs.recover()
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        remark(f"Job {job_id} goes on in the workers.")
    finally:
        progress.end(job)
    return job


def _is_open(job: Job) -> bool:
    return job.state in ("queued", "running")


class _Progress:
    """Writes to standard error, so that the result stays alone on standard output."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._told_s = self._moved_s = time.monotonic()
        self._seen = -1
        self._warned = False
        self._bar: Any = None
        if sys.stderr.isatty():
            self._bar, self._task = _bar(title)

    def show(self, job: Job) -> None:
        now_s = time.monotonic()
        if job.done != self._seen:
            self._seen, self._moved_s = job.done, now_s
        if self._bar is not None:
            self._bar.update(self._task, completed=job.done, total=job.expected)
        elif now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            remark(f"{self._title}: {_count(job)}")
        if now_s - self._moved_s >= STILL_S and not self._warned:
            self._warned = True
            why = f" It {job.reason}." if job.reason else ""
            remark(
                f"Nothing has moved for {STILL_S:.0f} s.{why} Is a worker running? `automations doctor` says."
            )

    def end(self, job: Job) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=job.done, total=job.expected)
            self._bar.stop()


def _count(job: Job) -> str:
    return f"{job.done:,} of {job.expected:,}" if job.expected is not None else f"{job.done:,}"


def _bar(title: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )
    bar.start()
    return bar, bar.add_task(title, total=None)
