"""A hundred thousand messages of a Segment source into the strict sandbox CleverTap: how fast, in how many calls.

They come by `/v1/batch` as SDKs send them, a person's profile and three events after it; two recipes turn them
into profiles and events. One in a hundred is an event that CleverTap refuses. Every message must end as delivered
or parked with CleverTap's reason, or the measurement stops.
"""

from __future__ import annotations

import base64
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import orjson
from sqlmodel import col, func, select

from automations.engine.definition import parse_definition
from automations.model.history import Run
from bench.figures import Figure
from bench.processes import BenchError, memory_mb
from bench.setting import Setting
from bench.sink import DISCARDED

MESSAGES = 100_000
# Beside full calls of a thousand: where the row begins and ends, and where a turn took too long.
CALLS_TO_SPARE = 10
_A_REQUEST = 500
_EACH_PERSON = 4
_ONE_REFUSED_IN = 100
_SILENCE_S = 60.0
_WRITE_KEY = "bench-write-key"


@dataclass(frozen=True)
class _Passage:
    """per_s: from the first message sent to the last record taken. early_mb, most_mb: memory of `serve`."""

    per_s: float
    accepted_per_s: float
    calls: int
    early_mb: float
    most_mb: float


def measure(setting: Setting) -> list[Figure]:
    count = setting.scaled(MESSAGES)
    _furnish(setting)
    with setting.installation.serve() as (process, port):
        found = _passed(setting, process, port, count)
    _check_the_rest(setting, count)
    most = count // 1_000 + CALLS_TO_SPARE
    return [
        Figure("clevertap_100k_per_s", f"{count:,} profiles and events into the sandbox CleverTap", "/s",
               [found.per_s], note="by /v1/batch and two recipes; 1 % refused and parked one by one"),
        Figure("clevertap_100k_accepted_per_s", "messages of theirs accepted, on disk", "/s", [found.accepted_per_s]),
        Figure("clevertap_100k_calls", "upload calls for them", "", [found.calls], at_most=most),
        Figure("clevertap_100k_mb", "memory of `serve` at its highest meanwhile", "MB", [found.most_mb],
               found.early_mb, "after the first quarter"),
    ]  # fmt: skip


def _furnish(setting: Setting) -> None:
    with setting.installation.opened() as assembly:
        assembly.connections.save("segment", "app", {"write_key": _WRITE_KEY})
        for event, action, fields in (
            ("identify", "clevertap.upload_profile", {"properties": "{{ traits }}"}),
            (
                "track",
                "clevertap.upload_event",
                {"event_name": "{{ track.event }}", "properties": "{{ properties }}"},
            ),
        ):
            common = {"identity": "{{ userId }}", "timestamp": "{{ event.occurred_at }}"}
            tree = {
                "name": f"{event} to CleverTap",
                "trigger": {"key": f"segment.{event}", "connection": "app"},
                "steps": [
                    {"name": "send", "action": action, "connection": "sandbox", "fields": common | fields}
                ],
            }
            assembly.recipes.apply([("", parse_definition(tree))])


def messages(first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield messages as an SDK makes them: of four of one person, the first is an identify."""
    for number in range(first, first + count):
        person = number // _EACH_PERSON
        message: dict[str, Any] = {
            "messageId": f"ajs-{number:012d}-4b1f0c55d2a94e0c",
            "userId": f"cust-{person}",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "context": {"library": {"name": "analytics-python", "version": "2.3.3"}},
        }
        if number % _EACH_PERSON == 0:
            traits = {
                "Name": f"Person {person}",
                "Email": f"p{person}@example.com",
                "plan": "pro",
                "seats": number,
            }
            yield {**message, "type": "identify", "traits": traits}
        else:
            name = DISCARDED if number % _ONE_REFUSED_IN == 1 else "Report Opened"
            properties = {"report": f"r-{number}", "number": number, "shared": False}
            yield {**message, "type": "track", "event": name, "properties": properties}


def _passed(setting: Setting, process: Popen[bytes], port: int, count: int) -> _Passage:
    setting.sandbox.seen(reset=True)
    to_take = count - count // _ONE_REFUSED_IN
    sending = _Sending(port, count)
    sending.start()
    early_mb = most_mb = 0.0
    seen = setting.sandbox.seen()
    records, changed_s = 0, time.monotonic()
    while records < to_take:
        time.sleep(0.5)
        seen = setting.sandbox.seen()
        now_s = time.monotonic()
        if seen.records > records:
            records, changed_s = seen.records, now_s
        elif now_s - changed_s > _SILENCE_S:
            raise BenchError(f"{records} of {to_take} records arrived, and then none for {_SILENCE_S:g} s")
        most_mb = max(most_mb, memory_mb(process))
        if not early_mb and records > to_take / 4:
            early_mb = most_mb
    accepted_per_s = sending.accepted_per_s()
    return _Passage(count / (seen.last_s - sending.began_s), accepted_per_s, seen.calls, early_mb, most_mb)


class _Sending(threading.Thread):
    """Sends everything over one connection, a request after the other."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__(name="sending", daemon=True)
        self._port = port
        self._bodies = [
            orjson.dumps({"batch": list(messages(first, min(_A_REQUEST, count - first)))})
            for first in range(0, count, _A_REQUEST)
        ]
        self._count = count
        self._error: Exception | None = None
        self.began_s = time.monotonic()
        self._ended_s = 0.0

    def run(self) -> None:
        self.began_s = time.monotonic()
        try:
            self._send()
        except (OSError, http.client.HTTPException, BenchError) as error:
            self._error = error
        self._ended_s = time.monotonic()

    def _send(self) -> None:
        pair = base64.b64encode(f"{_WRITE_KEY}:".encode()).decode("ascii")
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {pair}"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_SILENCE_S)
        try:
            for body in self._bodies:
                connection.request("POST", "/v1/batch", body, headers)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 200:
                    raise BenchError(f"a batch was answered {answer.status}: {said[:300]!r}")
        finally:
            connection.close()

    def accepted_per_s(self) -> float:
        """Wait for the end of it. Raises BenchError when a request was refused."""
        self.join(_SILENCE_S)
        if self._error is not None or not self._ended_s:
            raise BenchError(f"not everything could be sent: {self._error}")
        return self._count / (self._ended_s - self.began_s)


def _check_the_rest(setting: Setting, count: int) -> None:
    """Raises BenchError unless every message was delivered or parked with CleverTap's reason."""
    refused = count // _ONE_REFUSED_IN
    with setting.installation.opened() as assembly, assembly.database.read() as session:
        found = dict(session.exec(select(Run.status, func.count()).group_by(col(Run.status))).all())
        said = select(func.count()).where(col(Run.status) == "parked", col(Run.reason).contains("code 528"))
        with_reason = session.exec(said).one()
    if found != {"succeeded": count - refused, "parked": refused} or with_reason != refused:
        raise BenchError(f"of {count} messages became {found}, {with_reason} parked with CleverTap's reason")


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {"clevertap-100k": measure}
