"""Several machines on one PostgreSQL, as far as one machine can play them: a folder and a process each."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

from cryptography.fernet import Fernet

from tests.crash.app import free_port

UP_WITHIN_S = 90.0


class Machine:
    """One `automations web` or `automations worker` with an instance folder of its own."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        folder.mkdir(mode=0o700)
        self.log = folder / "log"
        self._command = [sys.executable, "-m", "automations", *command]
        self._environment = {**environment, "AUTOMATIONS_INSTANCE": str(folder)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def starts(self) -> int:
        """How often a worker here said that it is at work."""
        return self.log.read_text().count("worker.started")


class Cluster:
    """Two webs, three workers, one PostgreSQL; the keys are shared by the environment."""

    def __init__(self, folder: Path, database_url: str, queue_url: str = "") -> None:
        self.keys = Fernet.generate_key().decode()
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AUTOMATIONS_")},
            "AUTOMATIONS_DATABASE_URL": database_url,
            "AUTOMATIONS_QUEUE_URL": queue_url,
            "AUTOMATIONS_SECRET_KEYS": self.keys,
            "AUTOMATIONS_ALLOWED_NETWORKS": "127.0.0.0/8",
            "AUTOMATIONS_PUBLIC_URL": "http://127.0.0.1:8000",
        }
        self.ports = [free_port() for _ in range(2)]
        self.webs = [
            Machine(folder / f"web-{number}", ["web", "--port", str(port)], environment)
            for number, port in enumerate(self.ports, start=1)
        ]
        self.workers = [
            Machine(folder / f"worker-{number}", ["worker"], environment) for number in range(1, 4)
        ]

    @property
    def machines(self) -> list[Machine]:
        return [*self.webs, *self.workers]

    def start(self) -> None:
        for machine in self.machines:
            machine.start()
        self.wait_until_up()

    def wait_until_up(self, starts: int = 1) -> None:
        """Wait until both webs answer and every worker has started so often."""
        deadline_s = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline_s:
            if all(map(_answers, self.ports)) and all(one.starts() >= starts for one in self.workers):
                return
            time.sleep(0.1)
        told = "\n".join(machine.log.read_text()[-1500:] for machine in self.machines)
        raise AssertionError(f"not everything came up:\n{told}")

    def end(self) -> None:
        for machine in self.machines:
            if machine.process is not None:
                machine.process.kill()
                machine.process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        with contextlib.suppress(OSError):
            connection.close()
