"""Pipedrive's side of a webhook: sends it, waits for a 2xx, sends it again when there was none."""

from __future__ import annotations

import base64
import http.client
import json
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hook:
    """Where to send and with which words."""

    port: int
    token: str
    user: str
    password: str


def stage_change(deal: int, number: int, *, person: int | None = None, padding: int = 0) -> dict[str, Any]:
    """Return the webhook of the `number`-th stage change of a deal; `value` carries the number.

    padding: how many characters the title is long beside its words.
    """
    return {
        "meta": {
            "action": "change", "entity": "deal", "entity_id": str(deal), "id": f"event-{deal}-{number}",
            "company_id": "1", "user_id": "2", "webhook_id": "3", "timestamp": "2026-11-22T10:00:00.000Z",
            "type": "general", "version": "2.0", "change_source": "app", "attempt": 1, "is_bulk_edit": False,
        },
        "data": {
            "id": deal, "title": f"Deal {deal}" + padding * "x", "value": number, "currency": "EUR", "status": "open",
            "pipeline_id": 1, "stage_id": number + 1, "person_id": person or deal, "org_id": None, "owner_id": 1,
            "label_ids": [], "visible_to": "3", "add_time": "2026-11-01T10:00:00Z",
            "update_time": "2026-11-22T10:00:00Z", "custom_fields": {},
        },
        "previous": {"stage_id": number},
    }  # fmt: skip


class Sender:
    """Sends over `connections` kept-alive connections; one deal's webhooks follow each other on one of them.

    padding: how much longer each webhook is than it need be, in characters.
    allowance: how many webhooks may leave, released by whoever sets the pace; without it nothing holds them.
    """

    def __init__(self, hook: Hook, connections: int, allowance: threading.Semaphore | None = None) -> None:
        self._hook = hook
        self._connections = connections
        self._allowance = allowance
        self.accepted: dict[int, list[int]] = defaultdict(list)
        self.refused: list[tuple[int, dict[str, str], bytes]] = []
        self.padding = 0
        self._lock = threading.Lock()
        basic = base64.b64encode(f"{hook.user}:{hook.password}".encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}

    @property
    def count(self) -> int:
        with self._lock:
            return sum(len(numbers) for numbers in self.accepted.values())

    def send(self, webhooks: Sequence[tuple[int, int]], *, timeout_s: float = 90.0) -> threading.Thread:
        """Send (deal, number) pairs in order; returns the thread to join. Unanswered ones are sent again."""
        queues: list[queue.SimpleQueue[tuple[int, int]]] = [
            queue.SimpleQueue() for _ in range(self._connections)
        ]
        for deal, number in webhooks:
            queues[deal % self._connections].put((deal, number))
        threads = [threading.Thread(target=self._work, args=(one, timeout_s), daemon=True) for one in queues]

        def run() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        waiter = threading.Thread(target=run, daemon=True)
        waiter.start()
        return waiter

    def _work(self, mine: queue.SimpleQueue[tuple[int, int]], timeout_s: float) -> None:
        connection: http.client.HTTPConnection | None = None
        deadline_s = time.monotonic() + timeout_s
        while not mine.empty():
            deal, number = mine.get()
            if self._allowance is not None:
                self._allowance.acquire(timeout=max(0.0, deadline_s - time.monotonic()))
            body = json.dumps(stage_change(deal, number, padding=self.padding)).encode()
            while time.monotonic() < deadline_s:
                try:
                    connection = connection or http.client.HTTPConnection(
                        "127.0.0.1", self._hook.port, timeout=10
                    )
                    connection.request("POST", f"/hooks/pipedrive/{self._hook.token}", body, self._headers)
                    answer = connection.getresponse()
                    text = answer.read()
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.05)
                    continue
                with self._lock:
                    if answer.status == 200:
                        self.accepted[deal].append(number)
                    else:
                        self.refused.append(
                            (
                                answer.status,
                                {name.lower(): value for name, value in answer.getheaders()},
                                text,
                            )
                        )
                if answer.status == 200:
                    break
                time.sleep(0.05)
        if connection is not None:
            connection.close()
