"""The whole app with one source, killed and started again, and what it has on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from automations.assembly import Assembly
from automations.model.history import Event
from automations.settings import Settings
from tests.crash.app import App
from tests.segment.sent import COUNT, event, number_of

KEY = "wk_4f0c77aa1c5e"


class Source:
    """An installation folder that two processes look at: the app, and the test that counts."""

    def __init__(self, instance: Path) -> None:
        instance.mkdir()
        self.assembly = Assembly.make(Settings(instance=instance, allowed_networks="127.0.0.0/8"))
        self.assembly.connections.save("segment", "app", {"write_key": KEY})
        self.app = App(instance)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"

    def count(self) -> int:
        with self.assembly.database.read() as session:
            return session.exec(select(func.count()).select_from(Event)).one()

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        """Return (record key, record) of every stored event, in the order they came."""
        with self.assembly.database.read() as session:
            events = session.exec(select(Event).order_by(col(Event.id))).all()
        kind = self.assembly.registry.kinds["segment"]
        return [(one.record_key, kind.read(one.topic, one.payload).record) for one in events]

    def restart_once(self, when: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Kill every process of the app with -9 when it is time, and start it again."""
        wait_for(when, timeout_s)
        self.app.kill()
        self.app.start()

    def assert_everything_arrived_once(self) -> None:
        records = self.records()
        times = Counter(number_of(record) for _, record in records)
        assert not [number for number in range(COUNT) if times[number] != 1], self.app.log.read_text()[-2000:]
        assert len(records) == COUNT
        for key, record in records:
            wanted = event(number_of(record))
            # SDKs add to it: analytics-node repeats a page's name and category among its properties.
            assert not differences(wanted, record), record
            assert key == f"user:{wanted['userId']}"
            assert record["messageId"]
            at = datetime.fromisoformat(record["timestamp"])
            assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
        assert len({record["messageId"] for _, record in records}) == COUNT


def differences(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Return where `found` lacks something of `wanted`; what it has besides is no difference."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            one
            for name, value in wanted.items()
            for one in differences(value, found.get(name), f"{place}.{name}")
        ]
    return [] if wanted == found else [f"{place} is {found!r}, not {wanted!r}"]


@contextmanager
def running_source(instance: Path) -> Iterator[Source]:
    source = Source(instance)
    try:
        with source.app:
            yield source
    finally:
        source.assembly.close()


def wait_for(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it took too long"
        time.sleep(0.05)
