"""`automations backfill`: a recipe over the records that exist already."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.jobs import job_as_json, tell_end
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.cli.times import Moment

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.backfill import Wish
    from automations.engine.backfill_preview import BackfillPreview

BY = "command line"


@click.command()
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Records of this time or later: 2026-11-22, or 90d."
)
@click.option("--until", type=Moment(), metavar="TIME", help="Records before this time.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many records.")
@click.option("--rate", type=click.IntRange(1), metavar="N", help="At most so many a minute.")
@click.option("--again", is_flag=True, help="Also records whose present state went through already.")
@click.option("--dry-run", is_flag=True, help="Count, and show what would happen to the first ten.")
@click.option("--detach", is_flag=True, help="Leave it to the workers and return at once.")
@json_option
def backfill(
    recipe: str,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    rate: int | None,
    again: bool,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Send the records that exist already through RECIPE, as if what it waits for had just happened to each.

    They are narrowed as its trigger is. Live events go first: a part of every budget of the account is left to them.
    It can be stopped and goes on where it was; the same state of a record goes through once.

    \b
    Example:
      automations backfill "New deal → CleverTap profile" --since 90d --dry-run
    """
    from automations.engine.backfill import Wish

    with opened() as assembly:
        recipe_id = assembly.recipes.get(recipe).recipe.id or 0
        wish = Wish(since, until, limit, again)
        if dry_run:
            _show(_previewed(assembly, recipe_id, wish, quiet=as_json), as_json=as_json)
        else:
            start_and_tell(assembly, recipe_id, wish, rate, detach=detach, as_json=as_json)


def start_and_tell(
    assembly: Assembly, recipe_id: int, wish: Wish, rate: int | None, *, detach: bool, as_json: bool = False
) -> None:
    """Ask for a backfill and, unless it is left to the workers, wait for its end with its progress."""
    job = assembly.backfills.start(recipe_id, wish, rate_per_minute=rate, by=BY)
    if not detach:
        from automations.cli.following import follow

        job = follow(assembly, job.id or 0)
    if as_json:
        print_json(job_as_json(assembly, job))
    elif detach:
        say(f"Job {job.id} does it.")
        remark(f"See how far it is: automations job show {job.id} --follow")
    else:
        tell_end(job, "sent through the recipe")


def _previewed(assembly: Assembly, recipe_id: int, wish: Wish, *, quiet: bool) -> BackfillPreview:
    def tell(found: BackfillPreview) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{found.listed:,} records listed", nl=False, err=True)

    found = assembly.backfill_previews.preview(recipe_id, wish, tell=tell)
    if not quiet and sys.stderr.isatty():
        click.echo(err=True)
    return found


def _show(found: BackfillPreview, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_json())
        return
    say(f"{found.wanted:,} of {found.listed:,} records would go through the recipe.")
    for why, count in found.left_out.items():
        say(f"  {count:,} left out: {plain(why)}")
    print_table(
        ("record", "would", "steps"),
        [
            (
                one["label"] or one["record_key"],
                {"ok": "run", "filtered": "not run", "error": "fail"}[one["outcome"]],
                ", ".join(f"{step['name']}: {step['status']}" for step in one["steps"])
                or next(iter(one["why"]), ""),
            )
            for one in found.samples
        ],
        empty="There is no record to try it on.",
    )
    remark("Nothing was stored and nothing sent.")
