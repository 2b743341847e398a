"""The demo process: two servers, a state file, a clean end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sandbox.parts import Api

TOKEN = {"x-api-token": "demo-token"}


@contextmanager
def running(state_file: Path | None = None) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Addresses of both sandboxes, and the process; it is asked to end, and must."""
    command = [sys.executable, "-m", "automations.sandbox", "--port", "0", "--clevertap-port", "0"]
    command += ["--api-token", TOKEN["x-api-token"], "--account-id", "A", "--passcode", "P"]
    if state_file is not None:
        command += ["--state-file", str(state_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            urls = [process.stdout.readline().split()[-1].rstrip("/") for _ in range(2)]
            yield urls[0], urls[1], process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0


def test_the_demo_serves_a_company_and_an_empty_clevertap() -> None:
    with running() as (pd_url, ct_url, _), Api(pd_url, TOKEN) as pd, Api(ct_url, {}) as ct:
        assert len(pd.data("GET", "/api/v2/deals")) == 15
        assert ct_url in pd("GET", "/").text
        assert pd_url in ct("GET", "/").text


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    state_file = tmp_path / "state.json"
    credentials = {"X-CleverTap-Account-Id": "A", "X-CleverTap-Passcode": "P"}
    record = {"type": "profile", "identity": "u", "profileData": {"Name": "A"}}
    with running(state_file) as (pd_url, ct_url, _), Api(pd_url, TOKEN) as pd, Api(ct_url, credentials) as ct:
        deal = pd.data("POST", "/api/v2/deals", {"title": "Kept"})
        hook = {"subscription_url": "http://127.0.0.1:9/in", "event_action": "*", "event_object": "note"}
        pd.data("POST", "/v1/webhooks", {**hook, "name": "kept"})
        assert ct("POST", "/1/upload", {"d": [record]}).json()["status"] == "success"
    json.loads(state_file.read_text(encoding="utf-8"))
    assert state_file.stat().st_mode & 0o077 == 0
    with running(state_file) as (pd_url, ct_url, _), Api(pd_url, TOKEN) as pd, Api(ct_url, credentials) as ct:
        assert pd.data("GET", f"/api/v2/deals/{deal['id']}") == deal
        assert [row["name"] for row in pd.data("GET", "/v1/webhooks")] == ["kept"]
        assert pd.data("POST", "/api/v2/deals", {"title": "Next"})["id"] == deal["id"] + 1
        found = pd.data("GET", "/api/v2/deals/search?term=kept&exact_match=true")["items"]
        assert [hit["item"]["id"] for hit in found] == [deal["id"]]
        profile = ct("GET", "/1/profile.json?identity=u").json()["record"]
        assert profile["profileData"] == {"Name": "A"}


def test_a_taken_port_is_said_plainly() -> None:
    with running() as (pd_url, _, _process):
        port = pd_url.rpartition(":")[2]
        command = [sys.executable, "-m", "automations.sandbox", "--port", port, "--clevertap-port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "Choose another --port" in done.stderr
    assert "Traceback" not in done.stderr
