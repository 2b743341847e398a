"""What each process of the app is: the web, a worker, and the child that prepares the installation.

These load everything; the process that keeps them alive (`serving`) loads none of it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import signal
import sys
import threading
import time
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import structlog

from automations.assembly import Assembly
from automations.cli.lazy import words_of
from automations.cli.lifeline import keep_beating
from automations.cli.serving import DRAIN_S, PARENT, only_one
from automations.engine.jobs import Jobs
from automations.engine.presence import Me, Presence, Present
from automations.engine.workforce import Workforce
from automations.errors import AutomationError
from automations.logs import set_up_logs
from automations.model.states import ProcessRole
from automations.settings import Settings, load_settings

RECOVER_EVERY_S = 15.0
YOUNG_OBJECTS_MAX = 25_000
JOBS_LOOK_EVERY_S = 1.0
JOB_DRAIN_S = 10.0

_log = structlog.get_logger("processes")


def prepare(settings: Settings) -> None:
    """Bring the database up to date and make the keys."""
    assembly = Assembly.make(settings)
    _instance_id(settings.instance)
    assembly.close()


def make_wsgi() -> Any:
    """Return the web application; Granian calls this once in each web process."""
    from automations.cli.late_answers import answer_later
    from automations.web.app import create_app, intake_gate

    set_up_logs()
    end_with_parent()
    keep_beating()
    assembly = Assembly.make(load_settings(), migrate=False)
    # One web parent has one web process at a time, which a new one replaces.
    place = f"{_instance_id(assembly.settings.instance)}/web/{os.getppid()}"
    present = Present(_presence(assembly, ProcessRole.WEB, place))
    present.start()
    # Granian's children end as those of multiprocessing do: without `atexit`.
    Finalize(None, present.stop, exitpriority=1)
    app = create_app(assembly)
    answer_later(intake_gate(app))
    _settle()
    return app


def _settle() -> None:
    """Leave what is loaded by now out of every later search for garbage.

    It stays as long as the process, and a look at all of it takes 50 ms in which nothing else goes on.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, 20, 20)


def _presence(assembly: Assembly, role: ProcessRole, place: str) -> Presence:
    return Presence(assembly.database, assembly.clock, Me(role, place, assembly.sealer.fingerprints))


def run_worker(settings: Settings, slot: int) -> None:
    """Run one worker until SIGTERM or SIGINT; returns when what was in flight is closed."""
    set_up_logs()
    end_with_parent()
    keep_beating()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with only_one(settings.instance / f"worker-{slot}.lock", wait_s=30.0):
        assembly = Assembly.make(settings, migrate=False)
        place = f"{_instance_id(settings.instance)}/{slot}/"
        presence = _presence(assembly, ProcessRole.WORKER, place)
        workforce = Workforce(assembly.database, assembly.clock, presence)
        runner = assembly.runner(place + secrets.token_hex(4), workforce)
        assembly.be_ready_to_call()
        # The lock is ours, so whoever worked in this slot before is dead, and its leases with it.
        taken_back = runner.ledger.recover(place) + assembly.jobs.recover(place)
        assembly.wake_ups.remind(assembly.chores.run_due)
        assembly.wake_ups.start(f"worker-{slot}", runner.nudge, runner.is_free, on_sign=runner.nudge)
        _log.info("worker.started", slot=slot, taken_back=taken_back)
        recovering = threading.Thread(
            target=_recover_forever, args=(runner, assembly.jobs, stop), daemon=True, name="recover"
        )
        recovering.start()
        jobs = threading.Thread(
            target=_do_jobs_forever, args=(assembly.jobs, runner.ledger.owner, stop), daemon=True, name="jobs"
        )
        jobs.start()
        threading.Thread(target=_stop_at(stop, assembly, runner), daemon=True, name="stopping").start()
        _settle()
        runner.run_forever(stop)
        jobs.join(timeout=JOB_DRAIN_S)
        assembly.wake_ups.stop()
        assembly.close()
        _log.info("worker.stopped", slot=slot)


def _stop_at(stop: threading.Event, assembly: Assembly, runner: Any) -> Any:
    def wait() -> None:
        stop.wait()
        runner.nudge()
        # What wakes up for new work from now on must be another worker; this one only sees its calls home.
        assembly.wake_ups.hear_no_more()

    return wait


def _do_jobs_forever(jobs: Jobs, owner: str, stop: threading.Event) -> None:
    """Do what long work is due, slice after slice; looking costs one question a second."""
    while not stop.is_set():
        try:
            while not stop.is_set() and jobs.work_due(owner):
                pass
        except Exception as error:  # noqa: BLE001 - what was in hand is this worker's still, and the next look takes it
            _log.warning("worker.jobs_failed", error=type(error).__name__)
        stop.wait(JOBS_LOOK_EVERY_S)


def _recover_forever(runner: Any, jobs: Jobs, stop: threading.Event) -> None:
    """Take back, from time to time, what workers of other machines lost."""
    while not stop.wait(RECOVER_EVERY_S):
        try:
            jobs.recover()
            if runner.ledger.recover():
                runner.nudge()
        except Exception as error:  # noqa: BLE001 - the next round tries again
            _log.warning("worker.recover_failed", error=type(error).__name__)


def _instance_id(folder: Path) -> str:
    """Return the name of this instance folder, made at first use; two folders never share one."""
    path = folder / "instance.id"
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_text(secrets.token_hex(6))
        # Another process may be as far; a link refuses what is there, and nobody ever reads half a name.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def end_with_parent() -> None:
    """End this process soon after its parent is gone, however that died, and be it before this was called."""
    parent = int(os.environ.pop(PARENT, "") or os.getppid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        # Again and again: who is only starting up has nobody yet who would hear it.
        for _ in range(round(DRAIN_S)):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def main() -> int:
    """Prepare the installation that the environment names, and print how many workers it wants.

    The exit status says whether it can be used.
    """
    try:
        settings = load_settings()
        prepare(settings)
    except AutomationError as error:
        print(f"Error: {words_of(error)}", file=sys.stderr)
        return 1
    print(settings.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
