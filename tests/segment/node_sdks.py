"""The published Node SDKs, unmodified. `make check-sdks` runs this; it needs Node 20 and npm, so `make test` does not.

Two of them give up after about two seconds without an answer, faster than a process can be killed and be up again.
They are therefore interrupted between two parts; the newest is interrupted while it sends.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.segment.installed import ROOT, node_sdks
from tests.segment.sent import COUNT, event
from tests.segment.source import KEY, Source, running_source

PATIENT = ("segment-3.1",)
SDKS = (*PATIENT, "segment-2.3", "analytics-node-6.2", "rudder-3.0")
PART_S = 90


class Sender:
    """The SDK in a Node process; `send` returns once it says that everything is out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, first: int, end: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([event(number) for number in range(first, end)]) + "\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(PART_S, self._process.kill)
        watchdog.start()
        said = self._process.stdout.readline()
        watchdog.cancel()
        assert said == "sent\n", "the SDK gave up or hung; its words stand above"


@contextmanager
def sender(sdk: str, source: Source) -> Iterator[Sender]:
    script = str(ROOT / "tests" / "segment" / "node" / "sender.js")
    command = ["node", script, str(node_sdks()), sdk, source.address, KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sender(process)
        finally:
            process.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("sdk", SDKS)
def test_every_event_arrives_once_over_a_kill_between_two_parts(sdk: str, tmp_path: Path) -> None:
    with running_source(tmp_path / "instance") as source, sender(sdk, source) as sending:
        sending.send(0, COUNT // 2)
        source.restart_once(lambda: source.count() == COUNT // 2)
        sending.send(COUNT // 2, COUNT)
        source.assert_everything_arrived_once()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("sdk", PATIENT)
def test_every_event_arrives_once_over_a_kill_while_it_sends(sdk: str, tmp_path: Path) -> None:
    with running_source(tmp_path / "instance") as source, sender(sdk, source) as sending:
        everything = threading.Thread(target=sending.send, args=(0, COUNT))
        everything.start()
        source.restart_once(lambda: source.count() >= COUNT // 3)
        everything.join(timeout=120)
        source.assert_everything_arrived_once()
