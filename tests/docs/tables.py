"""The tables in the documents that say what the code says. `python -m tests.docs.tables` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from automations.cli import main
from automations.settings import Settings
from tests.docs.markdown import documents

_PLACE = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
# What is worked out on the machine, in words.
_WORKED_OUT = {"workers": "cores − 1, at least 1"}


def settings() -> str:
    rows = []
    for name, info in Settings.model_fields.items():
        default = _WORKED_OUT.get(name) or (f"`{info.default}`" if info.default else "empty")
        rows.append(f"| `AUTOMATIONS_{name.upper()}` | {default} | {info.description} |")
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def commands() -> str:
    rows = [
        f"| `{' '.join(['automations', *path])}` | {command.get_short_help_str(limit=1_000)} |"
        for path, command in walk(main)
    ]
    return "\n".join(["| command | does |", "| --- | --- |", *rows])


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that can be run, with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))
        else:
            yield (*path, name), command


TABLES: Mapping[str, Callable[[], str]] = {"settings": settings, "commands": commands}


def with_tables(path: Path) -> str:
    """Return a document with its tables as they should be."""
    return _PLACE.sub(
        lambda place: f"<!-- table: {place[1]} -->\n{TABLES[place[1]]()}\n<!-- end -->\n",
        path.read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    for document in documents():
        document.write_text(with_tables(document), encoding="utf-8")
