"""`automations retention …`: what history takes, and making it smaller now."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, print_json, print_table, remark, say, size

if TYPE_CHECKING:
    from automations.engine.tidying import Tidied
    from automations.engine.usage import Usage


TELL_EVERY_S = 5.0


@click.group()
def retention() -> None:
    """Look after the room that history takes.

    \b
    Example:
      automations retention show
    """


@retention.command()
@json_option
def show(as_json: bool) -> None:
    """Show what history takes, recipe by recipe.

    Runs are counted; their bytes are estimated from the newest of each recipe.

    \b
    Example:
      automations retention show
    """
    with opened() as assembly:
        found = assembly.usage.look()
    if as_json:
        print_json(found.as_json())
        return
    _say_usage(found)
    print_table(
        ("recipe", "runs", "parked", "about", "oldest run (UTC)"),
        [
            (one.recipe, one.runs, one.parked, size(one.bytes_about), one.oldest_run_at[:19])
            for one in found.recipes
        ],
        empty="There are no runs.",
    )


@retention.command("run")
@click.option(
    "--compact", is_flag=True, help="Then write the whole SQLite file anew; nothing is accepted meanwhile."
)
@json_option
def run(compact: bool, as_json: bool) -> None:
    """Remove what is too old or too much, pack what is old, give the room back; now and not within the hour.

    Parked runs and work under way stay. It can be stopped at any moment and run again.

    \b
    Example:
      automations retention run
    """
    with opened() as assembly:
        before = assembly.disk.file_bytes()
        with _progress(quiet=as_json) as tell:
            done = assembly.tidying.run(tell)
        if compact:
            assembly.disk.compact()
        found = assembly.usage.look() if compact else assembly.usage.last()
    assert found is not None
    after = found.file_bytes
    if as_json:
        print_json({**asdict(done), "file_bytes_before": before, "usage": found.as_json()})
        return
    say(
        f"Removed {done.runs:,} runs and {done.events:,} events, emptied {done.emptied:,} events, "
        f"packed {done.packed:,} rows."
    )
    if before is not None and after is not None:
        say(f"The files took {size(before)} and take {size(after)}.")
    _say_usage(found)
    if not found.gives_back:
        remark(
            "This file was made by an older version and cannot give room back piece by piece. In a quiet hour: "
            "automations retention run --compact"
        )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Tidied], None]]:
    """Show what is under way, on standard error: on a terminal as it goes, elsewhere a line now and then."""
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _now_and_then()
        return
    from rich.console import Console

    with Console(stderr=True).status("looking …") as status:
        yield lambda done: status.update(_so_far(done))


def _now_and_then() -> Callable[[Tidied], None]:
    told_s = time.monotonic()

    def tell(done: Tidied) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= TELL_EVERY_S:
            told_s = time.monotonic()
            remark(_so_far(done))

    return tell


def _so_far(done: Tidied) -> str:
    return (
        f"{done.phase} … {done.runs:,} runs and {done.events:,} events removed, {done.packed:,} rows packed"
    )


def _say_usage(found: Usage) -> None:
    say(f"History takes {size(found.used_bytes)} of {size(found.budget_bytes)}.")
    if found.is_over:
        remark(
            f"That is too much, and what is left is owed: parked and open runs take about "
            f"{size(found.owed_bytes_about)}. Deal with parked runs, or raise AUTOMATIONS_DISK_BUDGET."
        )
