"""`automations target …`: the services that profiles and events can be sent to, and how each is described."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.errors import RecipeProblems

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.contracts import DescribedKind, Description

KIND = "target"
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def target() -> None:
    """Look at the described services, and add one of your own.

    \b
    Example:
      automations target add acme-events.yaml
    """


@target.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every service that a target connection may stand for.

    \b
    Example:
      automations target list
    """
    with opened() as assembly:
        rows = [_as_json(one) for one in _kind(assembly).descriptions()]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "service", "from", "what is wrong"),
        [(r["name"], r["title"], "here" if r["own"] else "the app", r["problem"]) for r in rows],
    )


@target.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the description NAME as it is written, to read it or to begin one of your own with it.

    \b
    Example:
      automations target show mixpanel > acme.yaml
    """
    with opened() as assembly:
        text = _kind(assembly).text_of(name)
    if as_json:
        print_json({"name": name, "text": text})
    else:
        click.echo(text, nl=False)


@target.command()
@click.argument("file", type=_file)
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check the description in FILE without keeping it. All that is wrong is told, each with its place.

    \b
    Example:
      automations target check acme-events.yaml
    """
    with opened() as assembly, _told():
        found = _kind(assembly).read_description(_text(file), file=str(file))
    if as_json:
        print_json(_as_json(found))
        return
    say(f"{plain(str(file))} describes {plain(found.title)} ({found.name}), and nothing is wrong with it.")
    remark(f"Keep it: automations target add {file}")


@target.command()
@click.argument("file", type=_file)
@json_option
def add(file: Path, as_json: bool) -> None:
    """Keep the description in FILE, new or in place of the one of its name; connections go on with it.

    \b
    Example:
      automations target add acme-events.yaml
    """
    with opened() as assembly, _told():
        found = assembly.own_descriptions.keep(KIND, _text(file), file=str(file))
    if as_json:
        print_json(_as_json(found))
        return
    say(f"Kept {plain(found.title)} as {found.name}.")
    remark(f"Connect an account: automations connection add target my-{found.name} --set target={found.name}")


@target.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the description NAME of your own. One that a connection uses stays.

    \b
    Example:
      automations target remove acme_events
    """
    with opened() as assembly:
        assembly.own_descriptions.remove(KIND, name)
    say(f"Removed {plain(name)}.")


@contextmanager
def _told() -> Iterator[None]:
    """Tell all that is wrong with a description, a line each, and end with status 1."""
    try:
        yield
    except RecipeProblems as error:
        lines = [f"  {one.path}: {one.message}" if one.path else f"  {one.message}" for one in error.problems]
        raise click.ClickException(
            "\n".join([f"{error.problems[0].file} has problems:", *map(plain, lines)])
        ) from error


def _kind(assembly: Assembly) -> DescribedKind:
    return assembly.own_descriptions.kind(KIND)


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace")


def _as_json(found: Description) -> dict[str, object]:
    return {
        "name": found.name,
        "title": found.title,
        "about": found.text,
        "own": found.own,
        "sources": list(found.sources),
        "problem": found.problem,
    }
