"""`automations replay`: send old events through again, one or many."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.jobs import job_as_json
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.cli.times import Moment
from automations.model.states import RunStatus

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.replay_choice import ReplayChoice
    from automations.engine.replay_preview import RunPreview
    from automations.engine.replays import ManyPreview
    from automations.engine.run_filter import RunFilter

BY = "command line"


@click.command()
@click.option(
    "--run", "run_ids", multiple=True, type=click.IntRange(1), metavar="ID", help="This run; may be repeated."
)
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([str(status) for status in RunStatus]),
    help="Runs in this state; may be repeated.",
)  # fmt: skip
@click.option("--recipe", default="", metavar="NAME", help="Runs of this recipe.")
@click.option("--record", default="", metavar="ENTITY:ID", help="Runs of this record, such as deal:5120.")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Runs made since: 2026-11-22, 2026-11-22T10:00, or 3d."
)
@click.option(
    "--from", "begin", type=click.Choice(["start", "failed"]), default="start", show_default=True,
    help="From the start, conditions judged anew; or from the step that failed.",
)  # fmt: skip
@click.option(
    "--version", type=click.Choice(["original", "latest"]), default="original", show_default=True,
    help="The version it went through, or the one published now.",
)  # fmt: skip
@click.option("--rate", type=click.IntRange(1), metavar="N", help="At most so many a minute.")
@click.option(
    "--payload", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the event's content from this file instead; only with one --run.",
)  # fmt: skip
@click.option("--repeat-closed", is_flag=True, help="Send again also what was delivered already.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--detach", is_flag=True, help="Leave many to the workers and return at once.")
@json_option
def replay(
    run_ids: tuple[int, ...],
    statuses: tuple[str, ...],
    recipe: str,
    record: str,
    since: datetime | None,
    begin: str,
    version: str,
    rate: int | None,
    payload: Path | None,
    repeat_closed: bool,
    dry_run: bool,
    yes: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Send old events through again, in new runs that are linked to the old ones.

    What was delivered already is not sent again; what is in doubt is found out first. It is shown what would happen,
    and asked. Many are replayed oldest first; when 20 in a row are parked again, it stops.

    \b
    Example:
      automations replay --status parked --recipe "New deal" --version latest --rate 60
    """
    from automations.engine.replay_choice import ReplayChoice
    from automations.engine.run_filter import RunFilter

    wanted = RunFilter(recipe, statuses, record, "", since, run_ids)
    choice = ReplayChoice.from_json({"from": begin, "version": version, "repeat_closed": repeat_closed})
    alone = len(run_ids) == 1 and RunFilter(run_ids=run_ids) == wanted
    if wanted.is_empty:
        raise click.UsageError("Say which runs: --run, --status, --recipe, --record or --since.")
    if payload is not None and not alone:
        raise click.UsageError(
            "--payload is the content of one event. Give it with one --run and nothing else."
        )
    if as_json and not (yes or dry_run):
        raise click.UsageError("With --json nothing is asked. Add --dry-run to look, or --yes to replay.")
    with opened() as assembly:
        if alone:
            _one(assembly, run_ids[0], choice, payload, dry_run=dry_run, yes=yes, as_json=as_json)
        else:
            _many(assembly, wanted, choice, rate, dry_run=dry_run, yes=yes, detach=detach, as_json=as_json)


# -- one


def _one(
    assembly: Assembly,
    run_id: int,
    choice: ReplayChoice,
    payload: Path | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    content = payload.read_bytes() if payload is not None else None
    preview = assembly.replays.preview(run_id, choice, content)
    if not as_json:
        _show_one(preview)
    if preview.refusal:
        raise click.ClickException(preview.refusal)
    new_id = None
    if not dry_run:
        _ask(f"Replay run {run_id} {choice.sentence}?", yes)
        new_id = assembly.replays.replay(run_id, choice, payload=content, by=BY)
    if as_json:
        print_json({"run": run_id, "new_run": new_id, "preview": preview.as_json()})
    elif new_id is not None:
        say(f"Run {new_id} replays run {run_id}.")
        remark(f"See what came of it: automations run show {new_id}")


def _show_one(preview: RunPreview) -> None:
    if preview.verdict:
        say(plain(preview.sentence))
    elif preview.steps:
        print_table(
            ("step", "action", "what would become of it"),
            [(step.name, step.action, step.words) for step in preview.steps],
        )


def _ask(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


# -- many


def _many(
    assembly: Assembly,
    wanted: RunFilter,
    choice: ReplayChoice,
    rate: int | None,
    *,
    dry_run: bool,
    yes: bool,
    detach: bool,
    as_json: bool,
) -> None:
    preview = assembly.replays.preview_many(wanted, choice)
    if not as_json:
        _show_many(preview)
    if dry_run or not preview.to_replay:
        if as_json:
            print_json({"job": None, "preview": preview.as_json()})
        return
    _ask(f"Replay {preview.to_replay:,} runs {choice.sentence}?", yes)
    job = assembly.replays.start(wanted, choice, rate_per_minute=rate, by=BY)
    job_id = job.id or 0
    if not detach:
        from automations.cli.following import follow

        job = follow(assembly, job_id)
    if as_json:
        print_json({"job": job_as_json(assembly, job), "preview": preview.as_json()})
    elif detach:
        say(f"Job {job_id} replays them.")
    else:
        say(f"Job {job_id} is {job.state}: {job.made:,} replayed, {job.skipped:,} left out.")
    if job.state in ("paused", "failed", "cancelled"):
        raise click.ClickException(f"Job {job_id} is {job.state}. {plain(job.reason)}".strip())


def _show_many(preview: ManyPreview) -> None:
    say(f"{preview.to_replay:,} of {preview.total:,} runs would be replayed.")
    for why, count in preview.left_out.items():
        say(f"  {count:,} left out: {why}")
    if preview.closed:
        say(f"  {preview.closed:,} deliveries are done already and not sent again")
    if preview.in_doubt:
        say(f"  {preview.in_doubt:,} deliveries are in doubt and found out first")
    if preview.sample:
        print_table(
            ("run", "record", "state", "what would become of it"),
            [
                (p.run.id, p.run.label or p.run.record_key, str(p.run.status), p.sentence)
                for p in preview.sample
            ],
        )
