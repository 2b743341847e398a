"""`automations backup` and `automations keys`."""

from __future__ import annotations

import stat
import threading
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from automations.model.database import sqlite_driver
from automations.model.person import Installation
from tests.cli.conftest import TOKEN, Cli


def test_backup_is_a_whole_database_of_its_owner_alone(connected: Cli) -> None:
    file = connected.folder / "copy.db"
    result = connected.ok("backup", file)
    assert str(file) in result.stdout
    assert "secret.keys" in result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite_driver().connect(str(file))) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM connection").fetchone() == (2,)
    assert sorted(path.name for path in connected.folder.iterdir()) == ["copy.db", "instance"]


def test_backup_is_taken_while_somebody_writes(connected: Cli) -> None:
    stop = threading.Event()

    def write() -> None:
        with connected.house() as assembly:
            number = 0
            while not stop.is_set():
                number += 1
                with assembly.database.write() as session:
                    # Two rows a transaction: half of one in the copy would be an odd number of rows.
                    session.add_all(Installation(name=f"{half}-{number}", value="x") for half in "ab")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        connected.ok("backup", connected.folder / "copy.db")
    finally:
        stop.set()
        writer.join()
    with closing(sqlite_driver().connect(str(connected.folder / "copy.db"))) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (rows,) = copy.execute("SELECT count(*) FROM installation WHERE value = 'x'").fetchone()
        assert rows % 2 == 0


def test_backup_never_replaces_a_file(connected: Cli) -> None:
    file = connected.file("copy.db", "mine")
    result = connected("backup", file)
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert file.read_text() == "mine"


def test_backup_into_a_folder_that_is_not_there_is_named(connected: Cli) -> None:
    result = connected("backup", connected.folder / "nowhere" / "copy.db")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


@pytest.mark.postgres
def test_backup_of_postgresql_is_left_to_pg_dump(
    cli: Cli, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATIONS_DATABASE_URL", postgres_url)
    result = cli("backup", "copy.dump")
    assert result.exit_code == 1
    assert "pg_dump --format=custom --file=copy.dump 'postgresql://" in result.stderr


def test_rotation_moves_every_secret_to_the_new_key(connected: Cli) -> None:
    file = connected.instance / "secret.keys"
    old = file.read_text()
    assert "Start the app again" in connected.ok("keys", "rotate", "--new-key").stderr
    new, *others = file.read_text().splitlines()
    assert (others, stat.S_IMODE(file.stat().st_mode)) == (old.splitlines(), 0o600)
    assert "Encrypted 2 stored secrets" in connected.ok("keys", "rotate").stdout
    file.write_text(new + "\n")
    assert (
        connected.json("connection", "show", "acme-pipedrive", "--reveal")["settings"]["api_token"] == TOKEN
    )


def test_rotation_goes_on_where_it_was_stopped(connected: Cli) -> None:
    connected.ok("keys", "rotate", "--new-key")
    with connected.house() as assembly, assembly.database.write() as session:
        from sqlmodel import select

        from automations.model.connection import Connection

        first = session.exec(select(Connection)).first()
        assert first is not None
        first.sealed = assembly.sealer.rotate(first.sealed)
        session.add(first)
    connected.ok("keys", "rotate")
    connected.ok("keys", "rotate")
    file = connected.instance / "secret.keys"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    assert connected.json("connection", "show", "acme-clevertap", "--reveal")["settings"]["passcode"]


def test_rotation_takes_the_signing_key_along(connected: Cli) -> None:
    from automations.web.session_key import session_key

    with connected.house() as assembly:
        before = session_key(assembly.database, assembly.sealer)
    connected.ok("keys", "rotate", "--new-key")
    assert "Encrypted 3 stored secrets" in connected.ok("keys", "rotate").stdout
    file = connected.instance / "secret.keys"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    with connected.house() as assembly:
        assert session_key(assembly.database, assembly.sealer) == before


def test_new_key_is_not_made_where_keys_come_from_the_environment(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATIONS_SECRET_KEYS", Fernet.generate_key().decode())
    result = cli("keys", "rotate", "--new-key")
    assert result.exit_code == 1
    assert "AUTOMATIONS_SECRET_KEYS" in result.stderr
    cli.ok("keys", "rotate")
