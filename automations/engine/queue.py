"""Wake-ups: Huey carries them, SQL holds the truth. Losing one costs a second, never an event.

One wake-up carries any number of runs: a worker that is woken looks at the database until nothing is due. On
one machine a doorbell (a datagram socket in the instance folder) makes the waiting consumer look at once, so
that nothing polls.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from huey import Huey, SqliteHuey, crontab
from huey.storage import SqliteStorage

WAKE_TASK = "work"
BELL_WAIT_S = 5.0
ADDRESS_MAX = 100
_log = structlog.get_logger("queue")


class Doorbell:
    """A socket that anybody on this machine may ring. Ringing one that nobody hears is no error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._path: Path | None = None
        self._folder_handle: int | None = None

    def listen(self, name: str) -> None:
        """Hear rings from now on, as `name`; one process a name."""
        path = self._folder / f"bell-{name}.sock"
        path.unlink(missing_ok=True)
        self._socket.bind(self._address(path))
        self._path = path

    def wait(self, timeout_s: float) -> None:
        """Return when it rings, or after the time."""
        # `poll` and not `select`, which knows no file beyond the 1,024th.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if poll.poll(timeout_s * 1000):
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(64):
                    pass

    def ring(self) -> None:
        for path in self._folder.glob("bell-*.sock"):
            try:
                self._socket.sendto(b"!", self._address(path))
            except (BlockingIOError, FileNotFoundError):
                continue
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)

    def _address(self, path: Path) -> str:
        """Return the path as a socket address takes it: 108 bytes; a longer one goes by the open folder."""
        text = str(path)
        if len(text.encode()) < ADDRESS_MAX:
            return text
        if self._folder_handle is None:
            self._folder_handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder_handle}/{path.name}"

    def close(self) -> None:
        self._socket.close()
        if self._folder_handle is not None:
            os.close(self._folder_handle)
            self._folder_handle = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class _BellStorage(SqliteStorage):  # type: ignore[misc]
    """Huey's SQLite queue whose consumer waits for the bell in place of polling."""

    blocking = True

    def __init__(self, *args: Any, bell: Doorbell, **kwargs: Any) -> None:
        self.bell = bell
        super().__init__(*args, **kwargs)

    def dequeue(self) -> Any:
        found = super().dequeue()
        if found is None:
            self.bell.wait(BELL_WAIT_S)
            found = super().dequeue()
        return found


class WakeUps:
    """The queue of one installation. `ring` from anywhere; `start` in a worker."""

    def __init__(self, url: str, instance: Path) -> None:
        self._bell = Doorbell(instance)
        self._huey = _make_huey(url, self._bell)
        self._on_wake: Callable[[], None] = lambda: None
        self._task = self._huey.task(name=WAKE_TASK, expires=None)(self._wake)
        self._consumer: Any = None
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Something may be due. Rings that nobody has heard yet are not repeated."""
        try:
            with self._lock:
                if self._huey.storage.queue_size() == 0:
                    self._task()
            self._bell.ring()
        except Exception as error:  # noqa: BLE001 - a lost wake-up costs a second; what was accepted stays accepted
            _log.warning("queue.ring_failed", error=type(error).__name__)

    def start(self, name: str, on_wake: Callable[[], None]) -> None:
        """Call `on_wake` for every wake-up, from a thread of Huey's consumer, until `stop`."""
        self._on_wake = on_wake
        self._bell.listen(name)
        self._consumer = self._huey.create_consumer(
            workers=1, periodic=True, scheduler_interval=60, check_worker_health=False
        )
        self._consumer._set_signal_handlers = lambda: None
        self._consumer.start()

    def remind(self, on_remind: Callable[[], object]) -> None:
        """Call `on_remind` every minute from now on, in a thread of its own; call before `start`."""

        def reminded() -> None:
            threading.Thread(target=on_remind, daemon=True, name="chores").start()

        self._huey.periodic_task(crontab(), name="chores")(reminded)

    def stop(self) -> None:
        if self._consumer is not None:
            self._consumer.stop_flag.set()
            self._bell.ring()
            self._consumer = None
        self.close()

    def close(self) -> None:
        self._huey.storage.close()
        self._bell.close()

    def _wake(self) -> None:
        self._on_wake()


def _make_huey(url: str, bell: Doorbell) -> Huey:
    if url.startswith("sqlite:///"):
        return SqliteHuey(
            "automations",
            storage_class=_BellStorage,
            results=False,
            store_none=False,
            filename=url.removeprefix("sqlite:///"),
            fsync=False,
            bell=bell,
        )
    if url.startswith(("redis://", "rediss://")):
        from huey import RedisHuey

        return RedisHuey("automations", url=url, results=False)
    from huey.contrib.sql_huey import SqlHuey

    return SqlHuey("automations", database=url.replace("+psycopg", ""), results=False)
