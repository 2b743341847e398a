"""The published Python SDKs, unmodified: every event arrives once, also when the app is killed in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.segment.installed import PYTHON_SDKS, ROOT, python_sdk
from tests.segment.sent import COUNT
from tests.segment.source import KEY, running_source

KILLED_AT = COUNT // 3


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.parametrize("sdk", PYTHON_SDKS)
def test_every_event_arrives_once_over_a_kill(sdk: str, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(python_sdk(sdk)), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "NO_PROXY": "127.0.0.1"}
    with running_source(tmp_path / "instance") as source:
        command = [sys.executable, "-m", "tests.segment.python_sender", sdk, source.address, KEY]
        with (tmp_path / "sender.log").open("wb") as log:
            sending = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
            try:
                source.restart_once(lambda: source.count() >= KILLED_AT)
                status = sending.wait(timeout=120)
            finally:
                sending.kill()
                sending.wait()
        assert status == 0, (tmp_path / "sender.log").read_text()[-3000:]
        source.assert_everything_arrived_once()
