"""The command line on an installation of its own, in this process, and two sandboxes to connect."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from automations.assembly import Assembly
from automations.cli import main
from automations.sandbox import ClevertapSandbox, PipedriveSandbox, SandboxServer
from automations.settings import load_settings

TOKEN = "sandbox-api-token"
ACCOUNT_ID, PASSCODE = "ACCOUNT-1", "a-passcode"


class Cli:
    """Runs one command a call; `ok` and `json` also insist that it succeeds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = folder / "instance"

    def __call__(self, *words: object, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words], input=input)
        assert "Traceback" not in result.output
        return result

    def ok(self, *words: object, input: str | None = None) -> Result:
        result = self(*words, input=input)
        assert result.exit_code == 0, result.output
        return result

    def json(self, *words: object) -> Any:
        return json.loads(self.ok(*words, "--json").stdout)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    @contextmanager
    def house(self) -> Iterator[Assembly]:
        assembly = Assembly.make(load_settings())
        try:
            yield assembly
        finally:
            assembly.close()

    def post(self, connection: str, record: dict[str, Any]) -> int:
        """Accept one posted record as an event and work until nothing is due; return the event's id."""
        from automations.engine.contracts import InboundRequest

        with self.house() as assembly:
            row = assembly.connections.get(connection)
            kind = assembly.registry.kinds[row.kind]
            body = json.dumps(record).encode()
            arrivals = kind.receive(InboundRequest(body, "application/json", {}))
            (accepted,) = assembly.intake.accept(row.id or 0, arrivals)
            assembly.runner("test/1/a").work_until_idle()
            assert accepted.event_id is not None
            return accepted.event_id


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    for name in [name for name in os.environ if name.startswith("AUTOMATIONS_")]:
        monkeypatch.delenv(name)
    found = Cli(tmp_path)
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(found.instance))
    monkeypatch.setenv("AUTOMATIONS_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def pipedrive() -> Iterator[PipedriveSandbox]:
    sandbox = PipedriveSandbox(api_token=TOKEN)
    yield sandbox
    sandbox.close()


@pytest.fixture
def pipedrive_server(pipedrive: PipedriveSandbox) -> Iterator[SandboxServer]:
    with pipedrive.serve() as server:
        yield server


@pytest.fixture
def clevertap() -> ClevertapSandbox:
    return ClevertapSandbox(account_id=ACCOUNT_ID, passcode=PASSCODE)


@pytest.fixture
def clevertap_server(clevertap: ClevertapSandbox) -> Iterator[SandboxServer]:
    with clevertap.serve() as server:
        yield server


@pytest.fixture
def connected(cli: Cli, pipedrive_server: SandboxServer, clevertap_server: SandboxServer) -> Cli:
    """The command line with both sandboxes connected as `acme-pipedrive` and `acme-clevertap`."""
    cli.ok(
        *("connection", "add", "pipedrive", "acme-pipedrive"),
        *("--set", f"base_url={pipedrive_server.url}", "--set", f"api_token={TOKEN}"),
    )
    cli.ok(
        *("connection", "add", "clevertap", "acme-clevertap", "--set", f"base_url={clevertap_server.url}"),
        *("--set", f"account_id={ACCOUNT_ID}", "--set", f"passcode={PASSCODE}"),
    )
    return cli
