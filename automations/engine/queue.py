"""Wake-ups: Huey carries them, SQL holds the truth. Losing one costs a second, never an event.

One wake-up carries any number of runs: a worker that is woken looks at the database until nothing is due. A queue
that another machine holds is rung from a thread of its own, so that one that is slow or dead holds up nobody who
has just stored an event.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from automations.engine.doorbell import Doorbell
from automations.engine.queue_library import crontab
from automations.engine.queue_storage import PATIENCE_S, make_huey

WAKE_TASK = "work"
_log = structlog.get_logger("queue")


class WakeUps:
    """The queue of one installation. `ring` from anywhere; `start` in a worker.

    url: `sqlite:///…`, `postgresql+psycopg://…`, `redis://…`. Raises SettingsError for another.
    """

    def __init__(self, url: str, instance: Path) -> None:
        self._bell = Doorbell(instance)
        try:
            self._huey = make_huey(url, self._bell)
        except Exception:
            self._bell.close()
            raise
        self._on_wake: Callable[[], None] = lambda: None
        self._on_sign: Callable[[], None] = lambda: None
        self._task = self._huey.task(name=WAKE_TASK, expires=None)(self._wake)
        self._consumer: Any = None
        self._lock = threading.Lock()
        self._ending = threading.Lock()
        self._hears = True
        self._ringer = None if url.startswith("sqlite") else _Ringer(self._ring_now)

    def ring(self) -> None:
        """Something may be due. Rings that nobody has heard yet are not repeated."""
        if self._ringer is not None:
            self._ringer.ring()
        else:
            self._ring_now()

    def _ring_now(self) -> None:
        try:
            with self._lock:
                self._huey.storage.put_if_empty(self._huey.serialize_task(self._task.s()))
            # Other queues carry the ring themselves; heard twice, it would be looked for twice.
            if self._ringer is None:
                self._bell.ring()
        except Exception as error:  # noqa: BLE001 - a lost wake-up costs a second; what was accepted stays accepted
            _log.warning("queue.ring_failed", error=type(error).__name__)

    def start(
        self,
        name: str,
        on_wake: Callable[[], None],
        is_free: Callable[[], bool] = lambda: True,
        on_sign: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `on_wake` for every wake-up, from a thread of Huey's consumer, until `stop`.

        is_free: whether there is nothing to do just now; asked from that thread. Who is busy lets others look first.
        on_sign: called besides where a wake-up has come that this worker is likely to get, a moment earlier.
        """
        self._on_wake, self._on_sign = on_wake, on_sign
        self._huey.storage.is_free = is_free
        self._huey.storage.on_sign = self._see
        self._bell.listen(name)
        self._consumer = self._huey.create_consumer(
            workers=1, periodic=True, scheduler_interval=60, check_worker_health=False
        )
        self._consumer._set_signal_handlers = lambda: None
        # What a thread of the consumer has opened for itself, only that thread can close.
        self._huey.on_shutdown("close")(self._huey.storage.close)
        self._consumer.start()

    def remind(self, on_remind: Callable[[], object]) -> None:
        """Call `on_remind` every minute from now on, in a thread of its own; call before `start`."""

        def reminded() -> None:
            threading.Thread(target=on_remind, daemon=True, name="chores").start()

        self._huey.periodic_task(crontab(), name="chores")(reminded)

    def hear_no_more(self) -> None:
        """Leave the wake-ups to others; one that is taken all the same is rung again for them."""
        with self._ending:
            consumer, self._consumer = self._consumer, None
            if consumer is None:
                return
            self._hears = False
            consumer.stop_flag.set()
            self._bell.ring()
            for thread in (consumer.scheduler, *(thread for _, thread in consumer.worker_threads)):
                thread.join(timeout=PATIENCE_S)

    def stop(self) -> None:
        self.hear_no_more()
        self.close()

    def close(self) -> None:
        """Let a ring that is under way go out, then disconnect."""
        if self._ringer is not None:
            self._ringer.close()
        self._huey.storage.close()
        self._bell.close()

    def _see(self) -> None:
        if self._hears:
            self._on_sign()

    def _wake(self) -> None:
        if self._hears:
            self._on_wake()
        else:
            self.ring()


class _Ringer:
    """Rings from a thread that begins with the first ring; rings that come while one is under way become one."""

    def __init__(self, ring_now: Callable[[], None]) -> None:
        self._ring_now = ring_now
        self._awake = threading.Event()
        self._is_asked = False
        self._ends = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def ring(self) -> None:
        self._is_asked = True
        self._awake.set()
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._ring_forever, daemon=True, name="ringer")
                    self._thread.start()

    def _ring_forever(self) -> None:
        while not (self._ends and not self._is_asked):
            self._awake.wait()
            self._awake.clear()
            if self._is_asked:
                self._is_asked = False
                self._ring_now()

    def close(self) -> None:
        if self._thread is not None:
            self._ends = True
            self._awake.set()
            self._thread.join(timeout=PATIENCE_S)
