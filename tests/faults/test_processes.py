"""What a machine can do to the running app: it has few files, a full disk, a locked database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.model.database import sqlite_driver
from automations.settings import Settings
from tests.crash.app import App
from tests.crash.books import Books
from tests.crash.installation import furnish
from tests.crash.targets import Targets, serving
from tests.crash.test_kill import wait_for
from tests.crash.webhooks import Sender
from tests.postgres_server import PostgresServer, running_postgres

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]


class Site:
    """A running app with one recipe, which makes one keyed call of every webhook."""

    def __init__(
        self, instance: Path, targets: Targets, *, workers: int, url: str, prefix: tuple[str, ...]
    ) -> None:
        self.targets = targets
        self.app = App(instance, workers=workers, database_url=url, prefix=prefix)
        self.hook = furnish(instance, targets, self.app.port, url, ["calls"])
        self.database_url = Settings(instance=instance, database_url=url).resolved_database_url

    def sender(self, connections: int = 4) -> Sender:
        return Sender(self.hook, connections)

    def wait_for_all(self, sender: Sender, timeout_s: float = 240.0) -> None:
        """Wait until everything accepted has arrived, then compare."""
        accepted = {(deal, number) for deal, numbers in sender.accepted.items() for number in numbers}
        wait_for(lambda: {(n.deal, n.number) for n in self.targets.notebook.notes} >= accepted, timeout_s)
        assert {(n.deal, n.number) for n in self.targets.notebook.notes} == accepted
        for deal in sender.accepted:
            numbers = [n.number for n in self.targets.notebook.notes if n.deal == deal]
            assert numbers == sorted(numbers), f"deal {deal}: {numbers}"


@contextlib.contextmanager
def site(instance: Path, *, workers: int = 1, url: str = "", prefix: tuple[str, ...] = ()) -> Iterator[Site]:
    instance.mkdir(exist_ok=True)
    with serving() as targets:
        made = Site(instance, targets, workers=workers, url=url, prefix=prefix)
        with made.app:
            yield made


def changes(deals: int, numbers: int, first: int = 1) -> list[tuple[int, int]]:
    return [(deal, number) for number in range(numbers) for deal in range(first, first + deals)]


def assert_the_books_are_clean(here: Site) -> None:
    books = Books(here.database_url)
    try:
        assert (books.unended(), books.leased(), books.parked()) == (0, 0, [])
        for one in books.deliveries():
            assert (one.successes, one.status) == (1, "succeeded"), one
            assert one.last_attempt == one.first_success
    finally:
        books.close()


def test_with_no_file_left_it_refuses_and_goes_on_when_callers_are_gone(tmp_path: Path) -> None:
    with site(tmp_path / "instance", prefix=("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")) as here:
        # As many callers that stay as there are files: some are not even let in.
        crowd = here.sender(connections=60)
        crowd.send(changes(60, 4), timeout_s=15).join(timeout=60)
        assert {status for status, _, _ in crowd.refused} <= {503}
        assert all(1 <= int(headers["retry-after"]) <= 60 for _, headers, _ in crowd.refused)
        few = here.sender()
        few.send(changes(20, 4, first=100), timeout_s=60).join(timeout=70)
        assert few.count == 80, few.refused[:3]
        for deal, numbers in crowd.accepted.items():
            few.accepted[deal] += numbers
        here.wait_for_all(few)
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_with_503_keeps_what_it_took_and_goes_on_with_room(small_disk: Path) -> None:
    with site(small_disk / "instance") as here:
        filling = here.sender(connections=2)
        filling.padding = 20_000
        filling.send(changes(300, 1), timeout_s=40).join(timeout=60)
        assert 0 < filling.count < 300
        status, headers, _ = filling.refused[0]
        assert status == 503
        assert 1 <= int(headers["retry-after"]) <= 60
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        later = here.sender(connections=2)
        later.send(changes(20, 2, first=1_000), timeout_s=60).join(timeout=70)
        assert later.count == 40
        for deal, numbers in filling.accepted.items():
            later.accepted[deal] += numbers
        here.wait_for_all(later)
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)


def test_a_locked_database_delays_or_refuses_and_keeps_nothing_half(tmp_path: Path) -> None:
    with site(tmp_path / "instance") as here:
        other = sqlite_driver().connect(
            here.database_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
        )
        sender = here.sender()
        sender.send(changes(10, 1)).join(timeout=60)
        other.execute("BEGIN EXCLUSIVE")
        unlock = threading.Timer(11.0, other.execute, ["COMMIT"])
        unlock.start()
        # Longer than a request waits: the sender is told, sends again, and gets through in the end.
        sender.send(changes(10, 2, first=100), timeout_s=60).join(timeout=70)
        unlock.join()
        other.close()
        assert sender.count == 30
        assert {status for status, _, _ in sender.refused} <= {503}
        here.wait_for_all(sender)
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)


@pytest.mark.postgres
def test_a_postgresql_that_restarts_meanwhile_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with (
        running_postgres() as server,
        server.fresh_database() as url,
        site(tmp_path / "instance", workers=2, url=url) as here,
    ):
        sender = here.sender()
        sending = sender.send(changes(50, 6), timeout_s=200)
        for at in (40, 120, 200):
            wait_for(lambda at=at: sender.count >= at, 60)
            crash_a_backend(server)
        sending.join(timeout=210)
        assert sender.count == 300, sender.refused[:3]
        here.wait_for_all(sender)
        wait_for(lambda: is_ended(here), 120)
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)


def crash_a_backend(server: PostgresServer) -> None:
    """kill -9 the server's process for a client of ours: it ends all of them, recovers and starts anew."""
    connection = server.connect()
    try:
        ours = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert ours is not None
        os.kill(ours[0], signal.SIGKILL)
    finally:
        connection.close()


def is_ended(here: Site) -> bool:
    books = Books(here.database_url)
    try:
        return books.unended() == 0
    finally:
        books.close()
