"""`automations database …`: take all that is stored to another database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, print_json, print_table, remark
from automations.errors import InputError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.copying import Progress
    from automations.model.database import Database

_FROM_ENVIRONMENT = "env:"


@click.group()
def database() -> None:
    """Look after the database that the installation is stored in.

    \b
    Example:
      automations database copy --to postgresql+psycopg://automations@db.example/automations
    """


@database.command()
@click.option("--to", required=True, metavar="URL", help="Address of an empty database, or env:NAME.")
@json_option
def copy(to: str, as_json: bool) -> None:
    """Copy everything into another, empty database: from SQLite to PostgreSQL, or back.

    Stop the app on every machine before, and leave it stopped until AUTOMATIONS_DATABASE_URL names the new database.
    The old one stays as it is. Secrets stay encrypted, so keep the same keys. A copy that is stopped on the way leaves
    the other database empty. With env:NAME the address is read from that variable, so that no password is typed here.

    \b
    Example:
      automations database copy --to env:NEW_DATABASE_URL
    """
    from automations.model.copying import copy_all

    with opened() as assembly, _other(to) as target:
        _refuse_running(assembly)
        with _progress(shown=not as_json) as progress:
            copied = copy_all(assembly.database, target, progress)
        place = target.engine.url.render_as_string(hide_password=True)
    if as_json:
        print_json({"to": place, "tables": [{"table": one.table, "rows": one.rows} for one in copied]})
        return
    print_table(["Table", "Rows"], [(one.table, f"{one.rows:,}") for one in copied if one.rows])
    remark(
        f"Everything is in {place}, counted and the same. Set AUTOMATIONS_DATABASE_URL to it on every machine, keep "
        "the keys (secret.keys or AUTOMATIONS_SECRET_KEYS), and start."
    )


@contextmanager
def _other(address: str) -> Iterator[Database]:
    """Open the other database. Raises InputError for an address that is none."""
    from sqlalchemy.exc import ArgumentError

    from automations.model.database import Database

    if address.startswith(_FROM_ENVIRONMENT):
        name = address.removeprefix(_FROM_ENVIRONMENT)
        address = os.environ.get(name, "")
        if not address:
            raise InputError(f"The variable {name} is not set. Set it to the address of the other database.")
    if not address.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise InputError(
            "--to is no address here. Write postgresql+psycopg://… or sqlite:////path/to/file.db."
        )
    try:
        other = Database(address)
    except (ArgumentError, ValueError) as error:
        raise InputError("--to is no address. Write postgresql+psycopg://user@host/database.") from error
    try:
        if other.on_sqlite and other.engine.url.database:
            os.close(os.open(Path(other.engine.url.database), os.O_RDWR | os.O_CREAT, 0o600))
        yield other
    finally:
        other.close()


def _refuse_running(assembly: Assembly) -> None:
    """Raise InputError where the app still runs anywhere: what it stores during the copy would be left behind.

    A process that was killed has left its row; so rows are watched for a moment, and only those that beat count.
    """
    from automations.engine import presence
    from automations.engine.presence import beats

    before = beats(assembly.database)
    if not before:
        return
    remark("Looking whether the app still runs …")
    deadline_s = time.monotonic() + 3 * presence.BEAT_S
    while time.monotonic() < deadline_s:
        time.sleep(presence.BEAT_S / 6)
        for process, (count, where) in beats(assembly.database).items():
            if process not in before or before[process][0] != count:
                raise InputError(f"The app still runs: {where}. Stop it on every machine, then copy.")


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """Give what shows how far the copy is, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True),
        disable=not shown,
    )  # fmt: skip
    tasks: dict[str, int] = {}

    def tell(table: str, done: int, total: int) -> None:
        if table not in tasks:
            tasks[table] = bars.add_task(table, total=total)
        bars.update(tasks[table], completed=done)  # type: ignore[arg-type]

    with bars:
        yield tell
