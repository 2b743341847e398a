"""The pipe on which a parent hears that its children go on."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from automations.cli.lifeline import BEAT_S, LIFELINE, SILENT_S, Lifeline
from automations.engine.leases import LEASE

LOOK_EVERY_S = 20.0
LOOKS_ALLOWED = round(SILENT_S / LOOK_EVERY_S)
_CHILD = "from automations.cli.lifeline import keep_beating; keep_beating(); import time; time.sleep(60)"


def child_of(lifeline: Lifeline) -> subprocess.Popen[bytes]:
    environment = {**os.environ, LIFELINE: lifeline.address}
    return subprocess.Popen([sys.executable, "-c", _CHILD], env=environment, pass_fds=(lifeline.to,))


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def is_heard(lifeline: Lifeline, child: subprocess.Popen[bytes]) -> bool:
    """Whether it has sent a beat since the last look."""
    lifeline.silent()
    return lifeline._silent_looks.get(child.pid) == 0


def beat(lifeline: Lifeline, child: subprocess.Popen[bytes]) -> None:
    os.write(lifeline.to, struct.pack("=i", child.pid))


@contextmanager
def ended(child: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def sleeping() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_nobody_is_silent_for_longer_than_a_lease_lasts() -> None:
    assert LEASE.total_seconds() == SILENT_S


def test_a_child_is_heard_until_it_stands_still() -> None:
    lifeline = Lifeline(LOOK_EVERY_S)
    with ended(child_of(lifeline)) as child:
        for _ in range(2):
            until(lambda: is_heard(lifeline, child))
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        lifeline.silent()
        time.sleep(2 * BEAT_S)
        assert not is_heard(lifeline, child)


def test_who_has_been_silent_for_so_many_looks_is_killed_and_nobody_else() -> None:
    lifeline = Lifeline(LOOK_EVERY_S)
    with ended(sleeping()) as still, ended(sleeping()) as lively:
        beat(lifeline, still)
        for _ in range(LOOKS_ALLOWED + 1):
            beat(lifeline, lively)
            assert lifeline.kill_silent() == []
        beat(lifeline, lively)
        assert lifeline.kill_silent() == [still.pid]
        assert still.wait(timeout=10) == -signal.SIGKILL
        assert lively.poll() is None


def test_a_child_that_died_is_not_looked_for() -> None:
    lifeline = Lifeline(LOOK_EVERY_S)
    with ended(sleeping()) as child:
        beat(lifeline, child)
        child.kill()
        child.wait()
        assert lifeline.silent() == []
        assert child.pid not in lifeline._silent_looks


@pytest.mark.parametrize("address", ["", "999:1", "1:1"])
def test_a_process_without_a_parent_that_listens_sends_nothing(address: str) -> None:
    text = _CHILD.replace("import time; time.sleep(60)", "import threading; print(threading.active_count())")
    done = subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, LIFELINE: address}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
