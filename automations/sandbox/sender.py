"""Sends webhooks from the background: in order, over kept-alive connections, again after a failure.

First attempts of one hook go out in the order of the writes (with several connections: in the order of the
writes to one record). A retry does not hold up what comes after it, so a receiver that failed once may see
events of one record out of order; no order is promised by Pipedrive either.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
import zlib
from dataclasses import dataclass
from datetime import datetime

import orjson
import urllib3

from .hooks import Hook, Hooks
from .payloads import for_hook_v1, for_hook_v2
from .state import Account, Id, Record


@dataclass(frozen=True)
class Delivery:
    """One attempt that was made. status_code: 0 when no answer came, then `error` says why."""

    hook_id: int
    event_id: str
    attempt: int
    status_code: int
    at: datetime
    entity: str
    entity_id: Id
    action: str
    error: str = ""


@dataclass
class _Job:
    hook: Hook
    body: Record
    event_id: str
    entity: str
    entity_id: Id
    action: str
    attempt: int = 1


class Sender:
    """Delivers to hooks.

    connections: kept-alive connections a hook; read when a hook gets its first event.
    retry_delays_s: waits before the second, third and fourth attempt.
    """

    def __init__(self, account: Account, hooks: Hooks) -> None:
        self.connections = 1
        self.retry_delays_s: tuple[float, ...] = (3.0, 30.0, 150.0)
        self.timeout_s = 10.0
        self.deliveries: list[Delivery] = []
        self.keep_deliveries = 100_000
        self._account = account
        self._hooks = hooks
        self._lanes: dict[int, list[queue.SimpleQueue[_Job | None]]] = {}
        self._threads: list[threading.Thread] = []
        self._outstanding = 0
        self._changed = threading.Condition()
        self._later: list[tuple[float, int, _Job]] = []
        self._ticket = itertools.count()
        self._paused = False
        self._clock: threading.Thread | None = None

    def send(self, hook: Hook, body: Record, event_id: str, entity: str, entity_id: Id, action: str) -> None:
        """Queue the first attempt; called under the account's lock, so in the order of the writes."""
        with self._changed:
            self._outstanding += 1
        self._queue(_Job(hook, body, event_id, entity, entity_id, action))

    def pause(self) -> None:
        """Stop all threads and close their connections; what is queued stays queued until `resume()`."""
        with self._changed:
            if self._paused:
                return
            self._paused = True
            threads, self._threads = self._threads, []
            for lane in itertools.chain.from_iterable(self._lanes.values()):
                lane.put(None)
            self._changed.notify_all()
            clock, self._clock = self._clock, None
        for thread in [*threads, *([clock] if clock else [])]:
            if thread is not threading.current_thread():
                thread.join(timeout=2)

    def resume(self) -> None:
        with self._changed:
            if not self._paused:
                return
            self._paused = False
            for lane in itertools.chain.from_iterable(self._lanes.values()):
                self._start_lane(lane)
            if self._later:
                self._start_clock()

    def wait_until_quiet(self, timeout_s: float) -> bool:
        """True once nothing is queued, being sent or waiting for a retry; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._outstanding == 0, timeout=timeout_s)

    def _queue(self, job: _Job) -> None:
        with self._changed:
            lanes = self._lanes.get(job.hook.id)
            if lanes is None:
                lanes = self._lanes[job.hook.id] = [
                    queue.SimpleQueue() for _ in range(max(1, self.connections))
                ]
                for lane in lanes if not self._paused else ():
                    self._start_lane(lane)
            number = zlib.crc32(f"{job.entity}:{job.entity_id}".encode()) % len(lanes)
            lanes[number].put(job)

    def _start_lane(self, lane: queue.SimpleQueue[_Job | None]) -> None:
        thread = threading.Thread(target=self._work, args=(lane,), name="sandbox-webhooks", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, lane: queue.SimpleQueue[_Job | None]) -> None:
        left_behind: list[_Job] = []
        with urllib3.PoolManager(maxsize=1, retries=False) as pool:
            while (job := lane.get()) is not None:
                if self._paused:
                    left_behind.append(job)
                else:
                    self._deliver(pool, job)
        for job in left_behind:
            lane.put(job)

    def _deliver(self, pool: urllib3.PoolManager, job: _Job) -> None:
        if job.hook.id not in self._hooks.by_id or job.hook.is_muted():
            job.hook.lost += 1
            self._finish()
            return
        status, error = self._post(pool, job)
        at = self._account.now()
        with self._account.lock:
            self._hooks.note_result(job.hook, job.attempt, status, at)
            self.deliveries.append(
                Delivery(
                    *(job.hook.id, job.event_id, job.attempt, status, at),
                    *(job.entity, job.entity_id, job.action, error),
                )
            )
            if len(self.deliveries) > self.keep_deliveries:
                del self.deliveries[: self.keep_deliveries // 10]
        if 200 <= status < 300 or job.attempt > len(self.retry_delays_s):
            self._finish()
        else:
            self._again_later(job)

    def _post(self, pool: urllib3.PoolManager, job: _Job) -> tuple[int, str]:
        hook = job.hook
        if hook.version == "1.0":
            body = for_hook_v1(job.body, hook.id, job.attempt)
        else:
            body = for_hook_v2(job.body, hook.id, hook.user_id, job.attempt)
        headers = {"Content-Type": "application/json", "User-Agent": "Pipedrive Webhooks"}
        if hook.http_auth_user is not None or hook.http_auth_password is not None:
            basic = f"{hook.http_auth_user or ''}:{hook.http_auth_password or ''}"
            headers |= urllib3.make_headers(basic_auth=basic)
        try:
            reply = pool.request(
                "POST",
                hook.subscription_url,
                body=orjson.dumps(body),
                headers=headers,
                redirect=False,
                timeout=self.timeout_s,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return 0, type(error).__name__
        return reply.status, ""

    def _again_later(self, job: _Job) -> None:
        due = time.monotonic() + self.retry_delays_s[job.attempt - 1]
        job.attempt += 1
        with self._changed:
            heapq.heappush(self._later, (due, next(self._ticket), job))
            if not self._paused:
                self._start_clock()
            self._changed.notify_all()

    def _start_clock(self) -> None:
        if self._clock is None:
            self._clock = threading.Thread(target=self._run_clock, name="sandbox-retries", daemon=True)
            self._clock.start()

    def _run_clock(self) -> None:
        while True:
            with self._changed:
                if self._paused or not self._later:
                    self._clock = None
                    return
                wait_s = self._later[0][0] - time.monotonic()
                if wait_s > 0:
                    self._changed.wait(timeout=wait_s)
                    continue
                job = heapq.heappop(self._later)[2]
            self._queue(job)

    def _finish(self) -> None:
        with self._changed:
            self._outstanding -= 1
            if self._outstanding == 0:
                self._changed.notify_all()
