"""Of several workers that are told of a wake-up, the one that is free and quick looks first. On PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automations.engine import queue_storage
from automations.engine.queue import WakeUps

pytestmark = pytest.mark.postgres


class Heard:
    """Who heard a ring, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._told = threading.Condition()

    def by(self, name: str) -> Callable[[], None]:
        def hear() -> None:
            with self._told:
                self.names.append(name)
                self._told.notify_all()

        return hear

    def wait(self, count: int, timeout_s: float = 20.0) -> bool:
        with self._told:
            return self._told.wait_for(lambda: len(self.names) >= count, timeout_s)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def make(tmp_path: Path, postgres_url: str) -> Iterator[Callable[[], WakeUps]]:
    made: list[WakeUps] = []

    def make_one() -> WakeUps:
        made.append(WakeUps(postgres_url, tmp_path))
        return made[-1]

    yield make_one
    for one in made:
        one.stop()


def settle(ringing: WakeUps, heard: Heard, rings: int) -> None:
    """Ring, each time when the one before was heard and everybody waits again."""
    for _ in range(rings):
        before = len(heard.names)
        ringing.ring()
        assert heard.wait(before + 1)
        time.sleep(0.1)


def test_who_is_busy_lets_another_hear(
    make: Callable[[], WakeUps], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().start("worker-1", heard.by("busy"), lambda: False)
    make().start("worker-2", heard.by("free"))
    ringing = make()
    # Both have listened since, and found nothing.
    settle(ringing, heard, 1)
    heard.names.clear()
    monkeypatch.setattr(queue_storage, "LET_OTHERS_S", 5.0)
    ringing.ring()
    assert heard.wait(1)
    assert heard.names == ["free"]


def test_who_hears_no_more_leaves_every_wake_up_to_another_and_still_rings(
    make: Callable[[], WakeUps], heard: Heard
) -> None:
    ending, other = make(), make()
    ending.start("worker-1", heard.by("ending"))
    settle(ending, heard, 3)
    other.start("worker-2", heard.by("other"))
    ending.hear_no_more()
    heard.names.clear()
    settle(ending, heard, 5)
    assert heard.names == ["other"] * 5


def test_a_wake_up_that_is_taken_at_the_end_is_rung_again(make: Callable[[], WakeUps], heard: Heard) -> None:
    ending, other = make(), make()
    ending.start("worker-1", heard.by("ending"))
    ending.hear_no_more()
    # As where it had been taken from the queue a moment before.
    ending._wake()
    other.start("worker-2", heard.by("other"))
    assert heard.wait(1)
    assert heard.names == ["other"]


def test_who_is_busy_hears_as_soon_as_it_is_free_and_alone_in_any_case(
    make: Callable[[], WakeUps], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free = threading.Event()
    make().start("worker-1", heard.by("1"), is_free.is_set)
    ringing = make()
    settle(ringing, heard, 2)
    assert heard.names == ["1", "1"]
    monkeypatch.setattr(queue_storage, "LET_OTHERS_S", 30.0)
    ringing.ring()
    assert not heard.wait(3, timeout_s=0.5)
    is_free.set()
    assert heard.wait(3)


def test_who_came_too_late_waits_for_the_other_and_not_longer_when_that_is_gone(
    make: Callable[[], WakeUps], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {name: make() for name in ("1", "2")}
    for name, end in ends.items():
        end.start(f"worker-{name}", heard.by(name))
    ringing = make()
    monkeypatch.setattr(queue_storage, "LET_OTHERS_S", 0.5)
    for _ in range(60):
        settle(ringing, heard, 1)
        late = [name for name, end in ends.items() if end._huey.storage._looks_in_vain >= 2]
        if late:
            break
    [slow], [quick] = late, ends.keys() - late
    before = len(heard.names)
    settle(ringing, heard, 3)
    assert slow not in heard.names[before:]
    ends[quick].stop()
    before = len(heard.names)
    ringing.ring()
    assert heard.wait(before + 1)
    assert heard.names[-1] != quick


def test_who_got_the_last_one_sees_the_next_before_it_is_taken(
    make: Callable[[], WakeUps], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free = threading.Event()
    is_free.set()
    make().start("worker-1", heard.by("heard"), is_free.is_set, heard.by("seen"))
    ringing = make()
    settle(ringing, heard, 2)
    heard.names.clear()
    ringing.ring()
    assert heard.wait(2)
    assert heard.names == ["seen", "heard"]
    time.sleep(0.1)
    heard.names.clear()
    monkeypatch.setattr(queue_storage, "LET_OTHERS_S", 0.05)
    is_free.clear()
    ringing.ring()
    assert heard.wait(1)
    assert heard.names == ["heard"]
