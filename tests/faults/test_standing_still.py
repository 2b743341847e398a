"""A process that stands still: nobody is held up by it for long, and when it wakes, its work is not its own."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psutil
import pytest

from tests.crash.books import Books
from tests.crash.test_kill import wait_for
from tests.faults.conftest import FaultHouse
from tests.faults.test_processes import assert_the_books_are_clean, changes, site

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]

#: SQLite takes the lock of whoever writes on this byte of the file `-shm` (sqlite.org, "WAL-mode File Format", 2.3).
WRITE_LOCK_BYTE = "120"


def holds_the_write_lock(instance: Path, pid: int) -> bool:
    """Whether this process is in the middle of a write transaction, as the system's table of locks has it."""
    file_number = str((instance / "automations.db-shm").stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.replace("-> ", "").split()
        _, _, _, mode, owner, file, first, *_ = fields
        if (mode, owner, first) == ("WRITE", str(pid), WRITE_LOCK_BYTE) and file.endswith(f":{file_number}"):
            return True
    return False


def stop_it(process: psutil.Process, *, where: Callable[[], bool]) -> None:
    """Stop a process at a moment in which something is so; it stays so, for nobody else changes it."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        process.send_signal(signal.SIGSTOP)
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.0005)
        if where():
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    raise AssertionError("it never came to that")


def test_a_worker_stopped_past_its_lease_writes_nothing_when_it_wakes(tmp_path: Path) -> None:
    with site(tmp_path / "instance") as here:
        sleeper = here.app.spawn_worker(slot=2)
        here.targets.notebook.slow_s = 0.3
        wait_for(lambda: here.app.log.read_text().count("worker.started") == 2, 60)
        sender = here.sender()
        # It takes a share of the account only some seconds after it came, so there must be work for as long.
        sender.send(changes(40, 20)).join(timeout=60)
        books = Books(here.database_url)
        stop_it(
            sleeper,
            where=lambda: not holds_the_write_lock(here.app.instance, sleeper.pid) and books.leased("2") > 0,
        )
        books.close()
        # Its lease is 60 s, and the other looks every 15 s.
        here.wait_for_all(sender, 150)
        sleeper.send_signal(signal.SIGCONT)
        time.sleep(2)
        here.wait_for_all(sender)
        assert sleeper.is_running()
        sleeper.terminate()
        assert sleeper.wait(timeout=40) == 0
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)


class SlowNames:
    """Looks a name up as ever, but the first one only when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, house: FaultHouse) -> None:
        policy = house.assembly._sessions._policy
        self._addresses = policy.addresses
        self._first = threading.Lock()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        monkeypatch.setattr(policy, "addresses", self)

    def __call__(self, host: str, port: int, timeout_s: float) -> list[str]:
        if self._first.acquire(blocking=False):
            self.is_asked.set()
            assert self.may_answer.wait(60)
        return self._addresses(host, port, timeout_s)


@pytest.mark.parametrize("action", ["note", "profile", "person"])
def test_a_worker_that_slept_while_it_connected_sends_nothing(
    house: FaultHouse, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    getattr(house, action)()
    house.thing(1)
    names = SlowNames(monkeypatch, house)
    sleeper = house.assembly.runner("w/1/sleeper")
    sleeper.turn()
    assert names.is_asked.wait(20)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 1
    other.work_until_idle()
    targets = (house.notebook.notes, house.clevertap.requests, house.pipedrive.requests)
    arrived = [len(calls) for calls in targets]
    assert sum(arrived) >= 1
    names.may_answer.set()
    sleeper.work_until_idle()
    assert [len(calls) for calls in targets] == arrived
    sleeper.abandon()
    other.abandon()
    # What cannot be sent twice was asked for first, and is looked for again a moment later.
    house.later(minutes=2)
    assert house.statuses() == ["succeeded"]
    assert len(house.notebook.notes) + len(house.clevertap.profiles) + len(house.people()) == 1


@pytest.mark.parametrize("role", ["worker", "web"])
def test_a_process_stopped_while_it_writes_is_ended_and_all_goes_on(
    tmp_path: Path, role: Literal["worker", "web"]
) -> None:
    with site(tmp_path / "instance", workers=2) as here:
        wait_for(lambda: len(here.app.processes("worker")) == 2, 60)
        sender = here.sender()
        sending = sender.send(changes(100, 20), timeout_s=200)
        sleeper = here.app.processes(role)[0]
        stop_it(sleeper, where=lambda: holds_the_write_lock(here.app.instance, sleeper.pid))
        with contextlib.suppress(psutil.NoSuchProcess):
            sleeper.wait(timeout=100)
        assert not sleeper.is_running()
        sending.join(timeout=210)
        assert sender.count == 2_000, sender.refused[:3]
        here.wait_for_all(sender, 150)
        assert "process.stood_still" in here.app.log.read_text()
        assert here.app.stop() == 0
        assert_the_books_are_clean(here)
