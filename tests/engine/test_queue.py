"""Wake-ups: quick when they arrive, harmless when they are lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.engine.queue import Doorbell, WakeUps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "instance"
    made.mkdir()
    return made


@pytest.fixture
def wake_ups(folder: Path) -> Iterator[WakeUps]:
    made = WakeUps(f"sqlite:///{folder}/queue.db", folder)
    yield made
    made.close()


def test_a_ring_is_heard_at_once(wake_ups: WakeUps) -> None:
    heard = threading.Event()
    wake_ups.start("worker-1", heard.set)
    time.sleep(0.3)
    delays_s = []
    for _ in range(5):
        heard.clear()
        rung_s = time.monotonic()
        wake_ups.ring()
        assert heard.wait(4)
        delays_s.append(time.monotonic() - rung_s)
    # The machine may be busy with other tests; one that is quick proves that nothing polls.
    assert min(delays_s) < 0.05
    wake_ups.stop()


def test_another_process_rings_for_a_worker(wake_ups: WakeUps, folder: Path) -> None:
    heard = threading.Event()
    wake_ups.start("worker-1", heard.set)
    other = WakeUps(f"sqlite:///{folder}/queue.db", folder)
    other.ring()
    assert heard.wait(4)
    other.close()
    wake_ups.stop()


def test_ringing_where_nobody_listens_is_no_error_and_piles_nothing_up(wake_ups: WakeUps) -> None:
    for _ in range(100):
        wake_ups.ring()
    assert wake_ups._huey.storage.queue_size() == 1


def test_a_bell_whose_owner_died_is_taken_down(folder: Path) -> None:
    dead, ringing = Doorbell(folder), Doorbell(folder)
    dead.listen("worker-1")
    dead._socket.close()
    ringing.ring()
    ringing.ring()
    assert list(folder.glob("bell-*.sock")) == []
    ringing.close()


def test_a_bell_that_is_rung_too_often_forgets_and_never_blocks(folder: Path) -> None:
    sleeper, ringing = Doorbell(folder), Doorbell(folder)
    sleeper.listen("worker-1")
    begun_s = time.monotonic()
    for _ in range(5_000):
        ringing.ring()
    assert time.monotonic() - begun_s < 5
    sleeper.wait(1.0)
    sleeper.close()
    ringing.close()


def test_a_queue_that_cannot_be_written_stops_nobody(
    wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(wake_ups._huey.storage, "enqueue", full)
    wake_ups.ring()


def test_an_instance_folder_with_a_long_path_still_has_bells(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    bell, ringing = Doorbell(folder), Doorbell(folder)
    bell.listen("worker-1")
    ringing.ring()
    begun_s = time.monotonic()
    bell.wait(3.0)
    assert time.monotonic() - begun_s < 1
    bell.close()
    ringing.close()


def test_a_worker_with_many_open_files_still_hears(folder: Path) -> None:
    import os
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1_200:
        pytest.skip("this machine does not allow so many open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_200, hard))
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(1_050)]
    try:
        bell = Doorbell(folder)
        bell.listen("worker-1")
        bell.wait(0.01)
        bell.close()
    finally:
        for handle in opened:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
