"""`automations backup` and `automations keys …`: what an operator does now and then."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automations.cli.installation import opened
from automations.cli.output import remark, say
from automations.errors import InputError, SettingsError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.database import Database

_KEY_FILE = "secret.keys"
# How every Fernet text begins: its version, 0x80, and the first zeros of its time.
_SEALED = "gAAAA"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the database to a new FILE while it is in use.

    The copy is whole and readable by you only. The keys are not in it: keep the key file, too, and apart.
    For PostgreSQL, use its own pg_dump; this command says how.

    \b
    Example:
      automations backup /backups/automations-monday.db
    """
    with opened() as assembly:
        if not assembly.database.on_sqlite:
            url = assembly.database.engine.url.set(drivername="postgresql", password=None)
            raise InputError(
                f"The database is a PostgreSQL; copy it with: pg_dump --format=custom --file={file} "
                f"{url.render_as_string()!r}"
            )
        size = _copy(assembly.database, file)
        keys = assembly.settings.instance / _KEY_FILE
    say(f"Copied the database to {file} ({size:,} bytes).")
    remark(
        f"Without its keys the copy's secrets cannot be read. Keep {keys} or AUTOMATIONS_SECRET_KEYS, apart."
    )


def _copy(database: Database, file: Path) -> int:
    """Write the copy beside its place first, so that FILE is never half a backup; return its size in bytes."""
    if file.exists():
        raise InputError(f"{file} exists already. Choose another name, or remove it first.")
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        # A connection of the driver's own: VACUUM cannot be inside a transaction.
        with closing(database.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("VACUUM INTO ?", (str(draft),))
            cursor.close()
        with draft.open("rb") as copy:
            os.fsync(copy.fileno())
        os.link(draft, file)
        return file.stat().st_size
    finally:
        draft.unlink(missing_ok=True)


@click.group()
def keys() -> None:
    """Look after the keys that encrypt secrets.

    \b
    Example:
      automations keys rotate --new-key
    """


@keys.command()
@click.option("--new-key", is_flag=True, help="First put a new key on top of the key file.")
def rotate(new_key: bool) -> None:
    """Encrypt every stored secret with the newest key.

    Begin with --new-key: it only adds the key. Then start the app again, so that every process knows the key, and run
    the command without it. It can be stopped at any moment and run again. Old keys may go once no backup needs them.

    With AUTOMATIONS_SECRET_KEYS, put the new key first in that list yourself.

    \b
    Example:
      automations keys rotate --new-key
    """
    with opened() as assembly:
        if new_key:
            path = _add_key(assembly)
            say(f"Put a new key on top of {path}.")
            remark("Start the app again, then: automations keys rotate")
            return
        count = _rotate(assembly)
    say(f"Encrypted {count} stored secrets with the newest key.")


def _add_key(assembly: Assembly) -> Path:
    from cryptography.fernet import Fernet

    if assembly.settings.secret_keys is not None and assembly.settings.secret_keys.get_secret_value():
        raise SettingsError(
            "The keys come from AUTOMATIONS_SECRET_KEYS. Put a new one first in that list (this makes one: python -c "
            "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'), and start the app again."
        )
    path = assembly.settings.instance / _KEY_FILE
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n" + path.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _rotate(assembly: Assembly) -> int:
    """Seal every stored secret anew, one row a transaction; return how many.

    Done again, it does the same again, so it may be stopped anywhere. Raises SettingsError where no key opens one.
    """
    from sqlmodel import col, select

    from automations.model.connection import Connection
    from automations.model.person import Installation

    with assembly.database.read() as session:
        connections = session.exec(select(Connection.id).where(col(Connection.sealed) != "")).all()
        names = session.exec(
            select(Installation.name).where(col(Installation.value).startswith(_SEALED))
        ).all()
    for connection_id in connections:
        with assembly.database.write() as session:
            row = session.get(Connection, connection_id)
            if row is not None:
                row.sealed = assembly.sealer.rotate(row.sealed)
                session.add(row)
    for name in names:
        with assembly.database.write() as session:
            fact = session.get_one(Installation, name)
            fact.value = assembly.sealer.rotate(fact.value)
            session.add(fact)
    return len(connections) + len(names)
