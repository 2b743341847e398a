"""The bell of one machine: quick, and never in anybody's way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from automations.engine.doorbell import Doorbell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "instance"
    made.mkdir()
    return made


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


def test_an_instance_folder_with_a_long_path_still_has_bells(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    bell, ringing = Doorbell(folder), Doorbell(folder)
    bell.listen("worker-1")
    ringing.ring()
    begun_s = time.monotonic()
    bell.wait(30.0)
    assert time.monotonic() - begun_s < 10
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
