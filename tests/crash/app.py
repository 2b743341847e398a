"""The whole app as its command starts it, in a process group of its own that can be killed at once."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """`automations serve` on an instance folder; killed and started again at will."""

    def __init__(self, instance: Path, *, workers: int = 1, database_url: str = "") -> None:
        self.instance = instance
        self.port = free_port()
        self.workers = workers
        self.log = instance / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AUTOMATIONS_")},
            "AUTOMATIONS_INSTANCE": str(instance),
            "AUTOMATIONS_DATABASE_URL": database_url,
            "AUTOMATIONS_ALLOWED_NETWORKS": "127.0.0.0/8",
            "AUTOMATIONS_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def start(self) -> Self:
        command = [
            sys.executable, "-m", "automations", "serve", "--port", str(self.port), "--workers", str(self.workers),
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_up()
        return self

    def _wait_until_up(self) -> None:
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/healthz")
                status = connection.getresponse().status
                connection.close()
                if status == 200:
                    return
            assert self._process is not None
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the app did not come up:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """kill -9 of every process at once, as a power cut does for programs."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(timeout=40)
        self._process = None
        return status

    def memory_bytes(self) -> int:
        """What all processes of the app take together, shared pages counted once (PSS)."""
        import psutil

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
