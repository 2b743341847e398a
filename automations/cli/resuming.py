"""`automations recipe resume`: a recipe that a guard held back goes on."""

from __future__ import annotations

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, say


@click.command()
@click.argument("name")
@click.option("--drop", is_flag=True, help="Cancel the runs that wait, instead of letting them go on.")
@json_option
def resume(name: str, drop: bool, as_json: bool) -> None:
    """Let the recipe NAME go on that was held back because it ran too often for one record.

    The runs that waited go on in their order; with --drop they are cancelled and stay in the history. Circles that
    were cut count as seen.

    \b
    Example:
      automations recipe resume "Deal won"
    """
    with opened() as assembly:
        count = assembly.stops.end(name, by="command line", drop=drop)
    if as_json:
        print_json({"recipe": name, "runs": count, "dropped": drop})
    else:
        what = "cancelled" if drop else "on the way"
        say(f"{plain(name)} goes on; {count} {'run' if count == 1 else 'runs'} that waited: {what}.")
