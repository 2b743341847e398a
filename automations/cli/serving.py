"""Running: web and workers together, or each alone.

`serve` is Granian's own parent process with one thread beside it that keeps the workers alive. Whoever loses
its parent ends itself, so a killed `serve` leaves nobody behind; what was in hand goes on at the next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from automations.absent import absent

# It draws tracebacks for people with `rich`, which logs of JSON lines never do; this is its first import.
with absent("rich", "greenlet"):
    import structlog

from automations.cli.lifeline import LIFELINE, SILENT_S, Lifeline
from automations.errors import SettingsError
from automations.instance import instance_folder
from automations.logs import set_up_logs

WEB_THREADS = 8
DRAIN_S = 28.0
RESTART_S = 0.5
#: Tells children whose they are; one that asks the system may ask too late, and be told its next parent.
PARENT = "AUTOMATIONS_PARENT_PROCESS"

_log = structlog.get_logger("serving")


@contextlib.contextmanager
def only_one(path: Path, *, wait_s: float = 0.0) -> Iterator[IO[str]]:
    """Hold an exclusive lock on a file; the system lets go of it when this process ends in any way.

    Raises SettingsError when another process holds it longer than `wait_s`.
    """
    with path.open("a+") as file:
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    raise SettingsError(
                        f"Another process already runs in {path.parent}. Stop it first, or choose another folder "
                        "with AUTOMATIONS_INSTANCE."
                    ) from None
                time.sleep(0.1)
        yield file


# -- keeping them alive --------------------------------------------------------------------------


class WorkerKeeper:
    """Starts worker processes and starts them again when they die; ends whatever child stands still."""

    def __init__(self, count: int, lifeline: Lifeline) -> None:
        self._count = count
        self._lifeline = lifeline
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="keeper")

    def start(self) -> None:
        for slot in range(1, self._count + 1):
            self._spawn(slot)
        self._thread.start()

    def stop(self) -> None:
        """Let every worker finish what it has in flight."""
        self._stopping.set()
        self._thread.join(timeout=2)
        for child in self._children.values():
            child.terminate()
        deadline_s = time.monotonic() + DRAIN_S
        for child in self._children.values():
            try:
                child.wait(timeout=max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, slot: int) -> None:
        command = [sys.executable, "-m", "automations", "worker", "--slot", str(slot), "--prepared"]
        self._children[slot] = subprocess.Popen(command, pass_fds=(self._lifeline.to,))  # noqa: S603 - ours

    def _keep(self) -> None:
        while not self._stopping.wait(RESTART_S):
            for pid in self._lifeline.kill_silent():
                _log.error("process.stood_still", pid=pid, silent_s=SILENT_S)
            for slot, child in list(self._children.items()):
                if child.poll() is not None and not self._stopping.is_set():
                    _log.warning("worker.died", slot=slot, status=child.returncode)
                    self._spawn(slot)


def run_web(instance: Path, host: str, port: int, *, workers: int = 0) -> None:
    """Serve the pages and the inbound addresses, with `workers` worker processes beside. Returns at the end."""
    os.environ["AUTOMATIONS_INSTANCE"] = str(instance)
    os.environ[PARENT] = str(os.getpid())
    lifeline = Lifeline(RESTART_S)
    os.environ[LIFELINE] = lifeline.address
    keeper = WorkerKeeper(workers, lifeline)
    keeper.start()
    try:
        while not _serve_web(host, port):
            pass
    finally:
        keeper.stop()


def _serve_web(host: str, port: int) -> bool:
    """Serve until told to stop; False when Granian gave up, as it does when its process dies twice in 5.5 s."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings

    server = Granian(
        "automations.cli.processes:make_wsgi",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=WEB_THREADS,
        backlog=2048,
        backpressure=512,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65_536),
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=0.3,
        workers_kill_timeout=10,
    )
    # It ends the program with a status of 1 when its process is gone at the end; whether to end is said here.
    with contextlib.suppress(SystemExit):
        server.serve()
    if not server.interrupt_signal:
        _log.error("web.died_again")
        # A signal to stop that comes meanwhile is still told to this server.
        time.sleep(RESTART_S)
    return bool(server.interrupt_signal)


def prepare() -> int:
    """Bring the database up to date and make the keys, before any other child starts; return the set `workers`.

    A child does it and reads the settings, so that this process, which lives as long as the app, never loads what
    only the children use.
    """
    command = [sys.executable, "-m", "automations.cli.processes"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)  # noqa: S603 - our own program
    if done.returncode:
        raise SystemExit(done.returncode)
    return int(done.stdout)


# -- the commands --------------------------------------------------------------------------------


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; default: AUTOMATIONS_WORKERS.")
def serve(host: str, port: int, workers: int | None) -> None:
    """Run web and workers together, until SIGTERM or Ctrl-C; no accepted event is lost."""
    set_up_logs()
    instance = instance_folder()
    with only_one(instance / "serve.lock", wait_s=5.0):
        os.environ["AUTOMATIONS_INSTANCE"] = str(instance)
        set_workers = prepare()
        click.echo(f"Automations on http://{host}:{port} (instance {instance})", err=True)
        run_web(instance, host, port, workers=workers or set_workers)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
def web(host: str, port: int) -> None:
    """Run the pages and the inbound addresses alone; workers run elsewhere."""
    set_up_logs()
    instance = instance_folder()
    os.environ["AUTOMATIONS_INSTANCE"] = str(instance)
    prepare()
    run_web(instance, host, port)


@click.command()
@click.option("--slot", default=1, show_default=True, help="Which worker of this machine this is.")
@click.option("--prepared", is_flag=True, hidden=True, help="Whoever starts this has prepared the database.")
def worker(slot: int, prepared: bool) -> None:
    """Run one worker alone. Several on one machine need a --slot each."""
    from automations.settings import load_settings

    settings = load_settings()
    if not prepared:
        os.environ["AUTOMATIONS_INSTANCE"] = str(settings.instance)
        prepare()
    from automations.cli.processes import run_worker

    run_worker(settings, slot)
