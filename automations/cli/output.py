"""What commands print: tables for people, one JSON document for programs; remarks go to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

_WIDE = 4_000  # a pipe has no width, so nothing is folded

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


def print_json(value: Any) -> None:
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z
    click.echo(orjson.dumps(value, option=options, default=str).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "") -> None:
    """Print a table, coloured only on a terminal. empty: what to say when there is no row."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        remark(empty or "There is nothing to show.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(Text(name))
    for row in listed:
        cells = [plain(cell) for cell in row]
        table.add_row(*(Text(cell, style=_STYLE.get(cell, "")) for cell in cells))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else _WIDE, highlight=False).print(table)


_STYLE = {
    "succeeded": "green",
    "ok": "green",
    "on": "green",
    "parked": "red",
    "failed": "red",
    "error": "red",
    "paused": "red",
    "warning": "yellow",
    "waiting": "yellow",
}


def plain(value: Any) -> str:
    """Return a value as text for a terminal; a record's own control characters do not reach it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = " ".join(str(value).split()) if isinstance(value, str) else str(value)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def say(text: str = "") -> None:
    click.echo(text)


def remark(text: str) -> None:
    """Say something beside the result: on standard error, so that a pipe does not carry it."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    click.echo(click.style("Warning:", fg="yellow") + f" {text}", err=True)


def size(amount: float) -> str:
    """Return bytes as `812 B`, `4.1 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
