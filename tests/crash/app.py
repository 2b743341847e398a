"""The whole app as its command starts it, in a process group of its own that can be killed at once."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psutil

UP_WITHIN_S = 180.0

Role = Literal["worker", "web", "parent", "everything"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """`automations serve` on an instance folder; killed and started again at will."""

    def __init__(
        self, instance: Path, *, workers: int = 1, database_url: str = "", prefix: tuple[str, ...] = ()
    ) -> None:
        """prefix: words that the command is started with, such as those that limit it."""
        self._prefix = prefix
        self.instance = instance
        self.port = free_port()
        self.workers = workers
        self.log = instance / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []
        self._alone: list[psutil.Popen] = []
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AUTOMATIONS_")},
            "AUTOMATIONS_INSTANCE": str(instance),
            "AUTOMATIONS_DATABASE_URL": database_url,
            "AUTOMATIONS_ALLOWED_NETWORKS": "127.0.0.0/8",
            "AUTOMATIONS_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def start(self) -> Self:
        """Start it and wait until it answers; start it again when it ends at once, as a service manager does."""
        deadline_s = time.monotonic() + UP_WITHIN_S
        while not self._comes_up(deadline_s):
            if time.monotonic() >= deadline_s:
                raise AssertionError(f"the app did not come up:\n{self.log.read_text()[-4000:]}")
        return self

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start it and wait for nothing."""
        serve = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        command = [*self._prefix, sys.executable, "-m", "automations", *serve]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._groups.append(self._process.pid)
        return self._process

    def spawn_worker(self, slot: int) -> psutil.Popen:
        """Start one more worker that no parent of the app watches, as a service manager would."""
        command = [sys.executable, "-m", "automations", "worker", "--slot", str(slot)]
        with self.log.open("ab") as log:
            worker = psutil.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._groups.append(worker.pid)
        self._alone.append(worker)
        return worker

    def _comes_up(self, deadline_s: float) -> bool:
        process = self.spawn()
        while time.monotonic() < deadline_s and process.poll() is None:
            # What a parent that was killed alone left behind may still answer; that counts for nothing.
            if self.processes("web") and self.answers():
                return True
            time.sleep(0.05)
        return False

    def answers(self) -> bool:
        """Whether its web process takes requests."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """kill -9 of every process at once, as a power cut does for programs."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def processes(self, role: Literal["worker", "web"]) -> list[psutil.Process]:
        """Return the running processes of one role. Whoever is just being started may be missing."""
        assert self._process is not None
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if _role_of(child.cmdline()) == role:
                        found.append(child)
        return sorted(found, key=lambda process: process.pid)

    def kill_one(self, role: Role, chance: random.Random) -> bool:
        """kill -9 one process of this role; return whether there was one.

        After `parent` and `everything` nobody starts it again but `start`. Killed alone, a parent leaves its
        children to notice it themselves.
        """
        assert self._process is not None
        if role == "everything":
            self.kill()
            return True
        if role == "parent":
            self._process.kill()
            self._process.wait()
            self._process = None
            return True
        found = self.processes(role)
        if found:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(found).kill()
        return bool(found)

    @property
    def ended_with(self) -> int | None:
        """How it ended by itself; None while it runs, or where it was killed."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(timeout=40)
        self._process = None
        return status

    def memory_bytes(self) -> int:
        """What all processes of the app take together, shared pages counted once (PSS)."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return sum(p.memory_full_info().pss for p in [parent, *parent.children(recursive=True)])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
        # Children of a parent that was killed alone may still be on their way out.
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for worker in self._alone:
            worker.wait()


def _role_of(command: list[str]) -> str:
    if "worker" in command and "--slot" in command:
        return "worker"
    # Granian forks its web process, which therefore goes by its parent's name.
    return "web" if "serve" in command else ""
