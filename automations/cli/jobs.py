"""`automations job …`: long work in the workers: backfills, sweeps, replays of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.job import Job

_FACTS = (
    "id", "kind", "what", "state", "reason", "expected", "done", "made", "skipped", "failed", "rate_per_minute",
    "created_by", "created_at", "started_at", "finished_at",
)  # fmt: skip


@click.group()
def job() -> None:
    """Look after long work: backfills, sweeps, replays of many.

    \b
    Example:
      automations job list
    """


def job_as_json(assembly: Assembly, found: Job) -> dict[str, Any]:
    """Return what commands and programs see of a job."""
    shown = {name: getattr(found, name) for name in _FACTS if name != "what"}
    return {"id": shown.pop("id"), "kind": shown.pop("kind"), "what": assembly.jobs.sentence(found), **shown}


def progress_of(found: Job) -> str:
    """Return how far a job is, such as `1,200 of 10,000 (12 %)`."""
    if not found.expected:
        return f"{found.done:,}"
    share = min(100, 100 * found.done // found.expected)
    return f"{found.done:,} of {found.expected:,} ({share} %)"


@job.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List jobs, newest first, with how far they are.

    \b
    Example:
      automations job list --limit 5
    """
    with opened() as assembly:
        jobs = assembly.jobs.list(limit)
        if as_json:
            print_json([job_as_json(assembly, one) for one in jobs])
            return
        rows = [
            (one.id, one.kind, assembly.jobs.sentence(one), str(one.state), progress_of(one), one.reason)
            for one in jobs
        ]
    print_table(
        ("job", "kind", "what", "state", "done", "why"), rows, empty="There is no job. Backfills make some."
    )


@job.command()
@click.argument("job_id", metavar="ID", type=int)
@click.option("--follow", "follows", is_flag=True, help="Wait for its end, with its progress.")
@json_option
def show(job_id: int, follows: bool, as_json: bool) -> None:
    """Show one job.

    \b
    Example:
      automations job show 7 --follow
    """
    with opened() as assembly:
        found = assembly.jobs.get(job_id)
        if follows:
            from automations.cli.following import follow

            found = follow(assembly, job_id)
        document = job_as_json(assembly, found)
    if as_json:
        print_json(document)
        return
    print_table(("what", "value"), [(name.replace("_", " "), document[name]) for name in _FACTS])


@job.command()
@click.argument("job_id", metavar="ID", type=int)
def pause(job_id: int) -> None:
    """Stop a job where it is; resume goes on from there.

    \b
    Example:
      automations job pause 7
    """
    with opened() as assembly:
        assembly.jobs.pause(job_id)
    say(f"Job {job_id} is paused.")
    remark(f"To go on: automations job resume {job_id}")


@job.command()
@click.argument("job_id", metavar="ID", type=int)
def resume(job_id: int) -> None:
    """Let a paused or failed job go on from where it stopped.

    \b
    Example:
      automations job resume 7
    """
    with opened() as assembly:
        assembly.jobs.resume(job_id)
    say(f"Job {job_id} goes on.")


@job.command()
@click.argument("job_id", metavar="ID", type=int)
def cancel(job_id: int) -> None:
    """End a job. What it made by then stays.

    \b
    Example:
      automations job cancel 7
    """
    with opened() as assembly:
        assembly.jobs.cancel(job_id)
    say(f"Job {job_id} is cancelled; what it made stays.")


def tell_end(found: Job, made: str) -> None:
    """Say what came of a job that was followed. Raises ClickException when it did not get to its end."""
    say(f"Job {found.id} is {found.state}: {progress_of(found)} looked at, {found.made:,} {made}.")
    if found.state in ("paused", "failed", "cancelled"):
        raise click.ClickException(f"Job {found.id} is {found.state}. {plain(found.reason)}".strip())
