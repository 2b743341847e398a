"""The processes of a run: started here, ended with the run however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from bench.load import Order, Report
from bench.sink import Seen

ROOT = Path(__file__).resolve().parent.parent
_UP_S = 90.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class BenchError(Exception):
    """A part did not do what the measurement stands on; the text says which."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    words: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, *, says_port: bool = False
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run `python -m …` beside us; give the process and, where it says one, its port. SIGTERM at the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATIONS_")}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env={**kept, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if says_port else out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - called by the main thread, before others start
        )
    try:
        yield process, int(process.stdout.readline() or 0) if process.stdout else 0
    finally:
        _end(process)
        if process.stdout:
            process.stdout.close()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(words: Sequence[str], order: Any) -> Any:
    """Run `python -m …` to its end with an order on its input; return what it reports."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        input=json.dumps(order).encode(),
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=_die_with_parent,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(words)} failed:\n{done.stderr.decode()[-2000:]}")
    return json.loads(done.stdout)


def load(order: Order) -> Report:
    """Send webhooks from a process of its own. Raises BenchError when any was answered other than 200."""
    report = Report(**ask(["bench.load"], asdict(order)))
    if report.refused:
        raise BenchError(f"webhooks were refused: {report.refused}")
    return report


def wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path, path: str = "/healthz") -> None:
    def is_up() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            get(port, path)
            return True
        if process.poll() is not None:
            raise BenchError(f"a server ended at its start:\n{log.read_text()[-3000:]}")
        return False

    wait_for(is_up, _UP_S, f"a server on port {port}")


def wait_for(is_so: Callable[[], bool], seconds: float, what: str, every_s: float = 0.05) -> None:
    """Look again and again. Raises BenchError when the time is up."""
    ends_s = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends_s:
            raise BenchError(f"waited {seconds:g} s for {what}")
        time.sleep(every_s)


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


class Target:
    """A sink or sandbox in a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def seen(self, *, reset: bool = False) -> Seen:
        return Seen(**json.loads(get(self.port, "/stats?reset" if reset else "/stats")))

    def wait_for(self, records: int, seconds: float) -> Seen:
        """Return what was seen once at least so many records came."""
        seen = self.seen()
        ends_s = time.monotonic() + seconds
        while seen.records < records:
            if time.monotonic() > ends_s:
                raise BenchError(f"{seen.records} of {records} records arrived within {seconds:g} s")
            time.sleep(0.05)
            seen = self.seen()
        return seen


@contextlib.contextmanager
def target(log: Path, *, sandbox: bool = False) -> Iterator[Target]:
    with running(["bench.sink", *(["--sandbox"] if sandbox else [])], log, says_port=True) as (_, port):
        yield Target(port)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """Return what a process and its children take together, shared pages counted once (PSS)."""
    total = 0
    for one in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return total / 1e6


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process and its children have used."""
    total = 0.0
    for one in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total
