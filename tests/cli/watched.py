"""A command as a process of its own whose standard error is a terminal, and what it shows there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType

import pytest
from click.testing import Result

from automations.assembly import Assembly
from automations.cli import following
from automations.engine import jobs
from tests.cli.conftest import Cli

_COUNT = re.compile(r"(\d+)/(\d+)")
_LINE = re.compile(r"job \d+: ([\d,]+) of ([\d,]+)")


class Watched:
    """Begins at once; leave the `with` block only after `end` or `kill`. told: standard output, once it is over."""

    def __init__(self, *words: str) -> None:
        self._seen: list[str] = []
        self.told = ""
        self._screen, theirs = os.openpty()
        place = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "automations", *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            env=place,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        os.close(self._screen)

    @property
    def shown(self) -> str:
        return "".join(self._seen)

    def counts(self, total: int) -> list[int]:
        """Return what its bar showed, one number each time it was drawn."""
        return [int(done) for done, whole in _COUNT.findall(self.shown) if int(whole) == total]

    def until(self, reached: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until something is so while it runs. Raises AssertionError when it ended before, or takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while not reached():
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < deadline_s, self.shown
            time.sleep(0.01)

    def end(self, timeout_s: float = 60.0) -> int:
        """Wait for its end; return its exit status."""
        self.told, _ = self.process.communicate(timeout=timeout_s)
        self._reader.join(timeout=5)
        return self.process.returncode

    def kill(self) -> None:
        """Kill it, as a machine that loses its power does."""
        if self.process.poll() is None:
            self.process.kill()
            self.end()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._screen, 65_536)
            except OSError:
                return
            if not part:
                return
            self._seen.append(part.decode("utf-8", "replace"))


def lines(text: str, total: int) -> list[int]:
    """Return the numbers that a followed job told line by line, where there is no terminal."""
    counts = [
        (int(done.replace(",", "")), int(whole.replace(",", ""))) for done, whole in _LINE.findall(text)
    ]
    return [done for done, whole in counts if whole == total]


def follow(cli: Cli, monkeypatch: pytest.MonkeyPatch, job: int, *, tell_every_s: float) -> Result:
    """Go on with a job whose command was killed, until it is done.

    What a killed process held is taken back after a minute; here after a second, and it tells more often.
    """
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(following, "TELL_EVERY_S", tell_every_s)
    followed = cli.ok("job", "show", job, "--follow")
    assert "done" in followed.stdout
    return followed


def rises(counts: list[int]) -> bool:
    """Tell whether a progress only grows, and in more than five steps."""
    return counts == sorted(counts) and len(set(counts)) > 5


@contextmanager
def working(assembly: Assembly) -> Iterator[None]:
    """Let a worker run meanwhile."""
    stop = threading.Event()
    runner = assembly.runner("test/1/a")
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        runner.nudge()
        thread.join()
