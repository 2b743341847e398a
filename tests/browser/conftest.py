"""The demo as its command starts it, and a person's browser on it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

UP_WITHIN_S = 90
PATIENCE_MS = 30_000

# A machine that is busy with other tests answers late; what never comes still fails.
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Demo:
    """Where the demo runs and how to sign in."""

    url: str
    pipedrive_url: str
    clevertap_url: str
    email: str
    password: str
    instance: Path


def _three_free_ports() -> int:
    """Return a port whose +901 and +902 are free, too."""
    for port in range(21_000 + os.getpid() % 5_000, 40_000, 7):
        try:
            for number in (port, port + 901, port + 902):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise AssertionError("no three free ports")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start the demo by its command; its output is shown when it does not come up."""
    instance = tmp_path_factory.mktemp("demo")
    port = _three_free_ports()
    log = instance.parent / "demo.log"
    command = [sys.executable, "-m", "automations", "demo", "--port", str(port), "--instance", str(instance)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTOMATIONS_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        password = _greeting(process, log)
        yield Demo(
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{port + 901}",
            f"http://127.0.0.1:{port + 902}",
            "demo@example.com",
            password,
            instance,
        )
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _greeting(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline_s = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline_s and process.poll() is None:
        found = re.search(r"with the words\s+(\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the demo did not come up within {UP_WITHIN_S} s:\n{log.read_text()[-4000:]}")


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, demo: Demo) -> Iterator[Page]:
    """A signed-in page; a script error or a breach of the content policy fails the test."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    sign_in(page, demo)
    yield page
    assert complaints == []


def sign_in(page: Page, demo: Demo) -> None:
    page.goto(demo.url)
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Home").wait_for()
