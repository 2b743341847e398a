"""Commands that are imported only when they are used, so that asking for help costs no imports."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from automations.errors import AutomationError, RecipeProblems

DEBUG = "AUTOMATIONS_DEBUG"


@dataclass(frozen=True)
class Place:
    """Where a command is defined, and the line that help shows for it."""

    module: str
    attribute: str
    line: str


class LazyGroup(click.Group):
    """A group whose commands stand in modules of their own. One that cannot be imported breaks only itself."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **options: Any) -> None:
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.places.get(cmd_name)
        if place is None:
            return None
        try:
            found = getattr(importlib.import_module(place.module), place.attribute)
        except (ImportError, AttributeError) as error:
            if debugging():
                raise
            raise click.ClickException(
                f"The command {cmd_name!r} cannot be loaded: {error}. Install the package again from its wheel."
            ) from error
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.places and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.places, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(self.places)}."
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.line) for name, place in self.places.items()])


class Program(LazyGroup):
    """The outermost group: whatever goes wrong below becomes one message and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except AutomationError as error:
            if debugging():
                raise
            raise click.ClickException(words_of(error)) from error
        except OSError as error:
            if debugging() or isinstance(error, BrokenPipeError):
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(
                f"{where}{error.strerror or error}. Correct the path or its permissions, then try again."
            ) from error
        except Exception as error:
            if debugging():
                raise
            raise click.ClickException(
                f"This command failed unexpectedly with {type(error).__name__}. Set {DEBUG}=1 to see where, "
                "and report it."
            ) from error


def debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def words_of(error: AutomationError) -> str:
    """Return the message of an error; each of several problems on a line of its own, with its place."""
    if not isinstance(error, RecipeProblems):
        return error.message
    lines = [
        ": ".join(filter(None, (problem.file, problem.path, problem.message))) for problem in error.problems
    ]
    return "\n  ".join(lines) if len(lines) == 1 else "\n  ".join(["the recipe has problems:", *lines])
