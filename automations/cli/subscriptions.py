"""`automations subscription …`: webhooks that other products send because we asked for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say, warn
from automations.cli.times import Moment

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.subscriptions import SyncReport


@click.group()
def subscription() -> None:
    """Look after webhooks in other products.

    \b
    Example:
      automations subscription sync
    """


@subscription.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the webhooks that were made or adopted.

    \b
    Example:
      automations subscription list
    """
    with opened() as assembly:
        rows = [
            {
                "connection": name,
                "topic": kept.topic,
                "remote_id": kept.remote_id,
                "created_at": kept.created_at,
                "checked_at": kept.checked_at,
            }
            for kept, name in assembly.subscriptions.all()
        ]
        looked = assembly.sweeps.results()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("connection", "topic", "id there", "made (UTC)", "checked (UTC)"),
        [tuple(row.values()) for row in rows],
        empty="There is no webhook. Publishing a recipe that waits for one makes it.",
    )
    for result in looked:
        remark(
            f"{plain(result.connection)}, looked through {result.at:%Y-%m-%d %H:%M} UTC: {result.sentence}"
        )


@subscription.command()
@click.argument("name", required=False)
@json_option
def sync(name: str | None, as_json: bool) -> None:
    """Make the webhooks in other products equal what the recipes that are on need.

    Those that fit are adopted, missing ones made, others of ours removed. NAME limits it to one connection.
    What cannot be done is a problem, and the exit status is 1.

    \b
    Example:
      automations subscription sync acme-pipedrive
    """
    with opened() as assembly:
        if name is not None:
            assembly.connections.get(name)
        reports = assembly.subscriptions.sync(name)
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        print_table(
            ("connection", "wanted", "adopted", "made", "removed"),
            [
                (r.connection, *(", ".join(topics) for topics in (r.wanted, r.adopted, r.added, r.removed)))
                for r in reports
            ],
            empty="No connection sends webhooks that are made from here.",
        )
        tell_problems(reports)
    if any(report.problem for report in reports):
        raise click.exceptions.Exit(1)


@subscription.command()
@click.argument("name")
@json_option
def rotate(name: str, as_json: bool) -> None:
    """Give the inbound address of the connection NAME a new password.

    Its webhooks are made anew with it, each before its old one is removed. The old password is taken for ten
    minutes more. Webhooks that a person entered there by hand must be given the new one by hand.

    \b
    Example:
      automations subscription rotate acme-pipedrive
    """
    with opened() as assembly:
        report = assembly.subscriptions.rotate(name)
    if as_json:
        print_json(asdict(report))
    else:
        print_table(
            ("made anew",), [(topic,) for topic in report.added], empty="There is no webhook to make anew."
        )
        tell_problems([report])
    if report.problem:
        raise click.exceptions.Exit(1)


@subscription.command()
@click.argument("name")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Further back than the last look: 2026-11-22, or 2d."
)
@click.option("--detach", is_flag=True, help="Leave it to the workers and return at once.")
@json_option
def sweep(name: str, since: datetime | None, detach: bool, as_json: bool) -> None:
    """Look through the connection NAME for what changed and did not arrive, and send it through the recipes.

    This happens every hour by itself, and at once after a gap.

    \b
    Example:
      automations subscription sweep acme-pipedrive --since 2d
    """
    from automations.cli.following import follow
    from automations.cli.jobs import job_as_json, tell_end

    with opened() as assembly:
        job = assembly.sweeps.start(name, since=since, by="command line")
        if not detach:
            job = follow(assembly, job.id or 0)
        result = assembly.sweeps.result(job.connection_id or 0)
        if as_json:
            print_json(job_as_json(assembly, job))
            return
    if detach:
        say(f"Job {job.id} does it.")
    elif job.state == "done" and result is not None:
        say(f"{plain(name)}: {result.sentence}.")
    else:
        tell_end(job, "recovered")


def sync_for(assembly: Assembly, names: Iterable[str]) -> None:
    """Bring the webhooks of these connections in line after a recipe changed; problems are warnings."""
    for name in sorted(set(names)):
        tell_problems(assembly.subscriptions.sync(name))


def tell_problems(reports: Iterable[SyncReport]) -> None:
    for report in reports:
        if report.problem:
            warn(
                f"The webhooks of {report.connection!r} could not be brought in line: {report.problem} "
                f"Then: automations subscription sync {report.connection!r}"
            )
        if report.warning:
            warn(report.warning)
