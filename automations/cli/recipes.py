"""`automations recipe …`: apply, list, export, switch, compare and roll back recipes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.lazy import LazyGroup, Place
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.errors import RecipeError, RecipeProblems

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.definition import Definition

_HERE = "automations.cli.recipes"

PLACES = {
    "apply": Place(_HERE, "apply", "Create or update recipes from files."),
    "list": Place(_HERE, "list_", "List every recipe."),
    "export": Place(_HERE, "export", "Print a recipe as a file."),
    "enable": Place(_HERE, "enable", "Switch a recipe on."),
    "disable": Place(_HERE, "disable", "Switch a recipe off."),
    "resume": Place("automations.cli.resuming", "resume", "Let a recipe go on that was held back."),
    "diff": Place(_HERE, "diff", "Show what a draft would change."),
    "rollback": Place(_HERE, "rollback", "Publish an earlier version again."),
    "test": Place("automations.cli.recipe_test", "test", "Try a recipe on a sample."),
    "backtest": Place("automations.cli.backtest", "backtest", "Compare a draft with what is published."),
}


@click.group(cls=LazyGroup, places=PLACES)
def recipe() -> None:
    """Write, test, publish and compare recipes.

    \b
    Example:
      automations recipe apply recipes/*.yaml
    """


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--draft", is_flag=True, help="Keep as drafts; nothing runs until they are published.")
def apply(files: tuple[Path, ...], draft: bool) -> None:
    """Create or update recipes from FILES by their names, and publish them: all files or none.

    Everything wrong is told at once, each with its file, its path and the nearest right name. Webhooks that the
    recipes need are made in the other product.

    \b
    Example:
      automations recipe apply new-deal.yaml deal-won.yaml
    """
    from automations.cli.subscriptions import sync_for

    definitions = _read_all(files)
    with opened() as assembly:
        views = assembly.recipes.apply(definitions, draft=draft, by="command line")
        for view in views:
            if draft:
                say(f"{plain(view.recipe.name)}: draft of version {view.latest.number} kept.")
            else:
                state = "on" if view.recipe.enabled else "off"
                say(f"{plain(view.recipe.name)}: version {view.latest.number} published, {state}.")
        if not draft:
            sync_for(assembly, {definition.trigger.connection for _, definition in definitions})


def _read_all(files: Sequence[Path]) -> list[tuple[str, Definition]]:
    """Return each file's name and definition. Raises RecipeProblems with what is wrong in any of them."""
    from automations.cli.recipe_files import read_recipe_file

    problems: list[RecipeError] = []
    definitions: list[tuple[str, Definition]] = []
    by_name: dict[str, Path] = {}
    for path in files:
        try:
            definition = read_recipe_file(path)
        except RecipeProblems as error:
            problems += error.problems
            continue
        definitions.append((str(path), definition))
        if definition.name in by_name:
            text = f"{by_name[definition.name]} has the name {definition.name!r} too. Give one of them another name."
            problems.append(RecipeError(text, path="name", file=str(path)))
        by_name.setdefault(definition.name, path)
    if problems:
        raise RecipeProblems(problems)
    return definitions


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every recipe, whether it is on, and its runs of the last 24 hours.

    \b
    Example:
      automations recipe list
    """
    with opened() as assembly:
        rows = _rows(assembly)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("recipe", "is", "version", "draft", "trigger", "connection", "runs in 24 h"),
        [
            (
                row["name"],
                ("held back" if row["held"] else "on") if row["enabled"] else "off",
                row["version"],
                row["draft"],
                row["trigger"],
                row["connection"],
                ", ".join(f"{count} {status}" for status, count in sorted(row["runs"].items())),
            )
            for row in rows
        ],
        empty="There is no recipe yet. Make one in the browser, or: automations recipe apply FILE",
    )


def _rows(assembly: Assembly) -> list[dict[str, Any]]:
    from automations.engine.definition import parse_definition

    counts = assembly.history.counts()
    held = {stop.recipe_id: stop.reason for stop in assembly.stops.open() if stop.kind == "fuse"}
    rows: list[dict[str, Any]] = []
    for view in assembly.recipes.all():
        trigger = parse_definition({**view.latest.definition, "name": view.recipe.name}).trigger
        rows.append(
            {
                "name": view.recipe.name,
                "enabled": view.recipe.enabled,
                "held": held.get(view.recipe.id or 0),
                "version": view.published.number if view.published else None,
                "draft": view.draft.number if view.draft else None,
                "trigger": trigger.key,
                "connection": trigger.connection,
                "runs": counts.get(view.recipe.id or 0, {}),
            }
        )
    return rows


@click.command()
@click.argument("name")
def export(name: str) -> None:
    """Print the recipe NAME as a file: always in the same order, without secrets.

    \b
    Example:
      automations recipe export "New deal → CleverTap profile" > new-deal.yaml
    """
    with opened() as assembly:
        click.echo(assembly.recipes.export(name), nl=False)


@click.command()
@click.argument("name")
@click.option("--import", "imports", is_flag=True, help="Send what exists already through it first.")
def enable(name: str, imports: bool) -> None:
    """Switch the recipe NAME on.

    With --import it also goes over the records that exist already, in the workers, and keeps in step from now on.

    \b
    Example:
      automations recipe enable "Deal won" --import
    """
    _switch(name, enabled=True)
    if imports:
        from automations.cli.backfill import start_and_tell
        from automations.engine.backfill import Wish

        with opened() as assembly:
            recipe_id = assembly.recipes.get(name).recipe.id or 0
            start_and_tell(assembly, recipe_id, Wish(), None, detach=True)


@click.command()
@click.argument("name")
def disable(name: str) -> None:
    """Switch the recipe NAME off. What is under way finishes.

    \b
    Example:
      automations recipe disable "Deal won"
    """
    _switch(name, enabled=False)


def _switch(name: str, *, enabled: bool) -> None:
    from automations.cli.subscriptions import sync_for

    with opened() as assembly:
        view = assembly.recipes.switch(name, enabled=enabled, by="command line")
        say(f"{plain(name)} is {'on' if enabled else 'off'}.")
        trigger = view.latest.definition.get("trigger") or {}
        sync_for(assembly, {str(trigger.get("connection", ""))})


@click.command()
@click.argument("name")
def diff(name: str) -> None:
    """Show what the draft of the recipe NAME would change, as a unified difference of the two files.

    \b
    Example:
      automations recipe diff "Deal won"
    """
    with opened() as assembly:
        text = assembly.recipes.diff(name)
    if not text:
        remark(f"{plain(name)} has no draft that differs from what is published.")
        return
    colors = {"+": "green", "-": "red", "@": "cyan"}
    for line in text.splitlines():
        click.echo(click.style(line, fg=colors[line[0]]) if line[:1] in colors else line)


@click.command()
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
def rollback(name: str, version: int) -> None:
    """Publish the VERSION of the recipe NAME again, as a new version.

    A draft of the recipe is replaced.

    \b
    Example:
      automations recipe rollback "Deal won" 3
    """
    from automations.cli.subscriptions import sync_for

    with opened() as assembly:
        view = assembly.recipes.rollback(name, version, by="command line")
        say(f"{plain(name)}: version {version} is published again, as version {view.latest.number}.")
        sync_for(assembly, {str((view.latest.definition.get("trigger") or {}).get("connection", ""))})
