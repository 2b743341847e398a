"""An installation to measure: three ways in, each with one recipe and one target, served as its commands do."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automations.assembly import Assembly
from automations.engine.contracts import InboundRequest
from automations.engine.definition import parse_definition, read_definition
from automations.resources import gallery_folder
from automations.settings import Settings
from bench.processes import free_port, running, wait_until_up
from bench.webhooks import Address, body

BATCHED, STRICT, SINGLE = "batched", "strict", "single"
GALLERY_RECIPE = "deal-stage-changed-to-clevertap-event.yaml"
_NOBODY = "http://127.0.0.1:9"
_CLEVERTAP = {"account_id": "BENCH", "passcode": "bench-passcode"}
_CHUNK = 200


@dataclass(frozen=True)
class _Way:
    connection_id: int
    path: str
    user: str
    password: str


class Installation:
    """One instance folder. `web`, `worker` and `serve` run it; numbers of webhooks never repeat.

    database_url: a fresh PostgreSQL database; empty for SQLite in the folder.
    """

    def __init__(self, folder: Path, *, sink_port: int, sandbox_port: int, database_url: str = "") -> None:
        self.folder = folder
        self.log = folder / "processes.log"
        self._next = 1
        self._settings = Settings(instance=folder, allowed_networks="127.0.0.0/8", database_url=database_url)
        self._ways = self._furnish(sink_port, sandbox_port)

    def address(self, way: str, port: int) -> Address:
        known = self._ways[way]
        return Address(port, known.path, known.user, known.password)

    def numbers(self, count: int) -> int:
        """Return the first of `count` numbers that no webhook had yet."""
        first = self._next
        self._next += count
        return first

    # -- running

    @contextlib.contextmanager
    def serve(
        self, command: str = "serve", workers: int = 1
    ) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """Run `automations serve` with so many workers, or `automations web`, with none."""
        port = free_port()
        words = ["automations", command, "--port", str(port)]
        words += ["--workers", str(workers)] if command == "serve" else []
        with running(words, self.log, self._environment) as (process, _):
            wait_until_up(port, process, self.log)
            yield process, port

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        with running(["automations", "worker"], self.log, self._environment) as (process, _):
            yield process

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "AUTOMATIONS_INSTANCE": str(self.folder),
            "AUTOMATIONS_ALLOWED_NETWORKS": "127.0.0.0/8",
            "AUTOMATIONS_DATABASE_URL": self._settings.database_url,
        }

    # -- filling

    def fill(self, way: str, count: int, deals: int) -> None:
        """Accept webhooks without a server, for a worker to find them waiting."""
        first = self.numbers(count)
        with self.opened() as assembly:
            kind = assembly.registry.kinds["pipedrive"]
            for start in range(first, first + count, _CHUNK):
                arrivals: list[Any] = []
                for number in range(start, min(start + _CHUNK, first + count)):
                    content = body(number % deals + 1, number)
                    arrivals += kind.receive(InboundRequest(content, "application/json", {}, None, "/"))
                assembly.intake.accept(self._ways[way].connection_id, arrivals)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Assembly]:
        assembly = Assembly.make(self._settings, migrate=False)
        try:
            yield assembly
        finally:
            assembly.close()

    def _furnish(self, sink_port: int, sandbox_port: int) -> dict[str, _Way]:
        assembly = Assembly.make(self._settings)
        try:
            save = assembly.connections.save
            sink, sandbox = f"http://127.0.0.1:{sink_port}", f"http://127.0.0.1:{sandbox_port}"
            save("clevertap", "sink", {"base_url": sink, **_CLEVERTAP})
            save("clevertap", "sandbox", {"base_url": sandbox, **_CLEVERTAP})
            save("http", "service", {"base_url": sink})
            save("pipedrive", "acme-pipedrive", {"base_url": _NOBODY, "api_token": "token-never-used"})
            save("clevertap", "acme-clevertap", {"base_url": sandbox, **_CLEVERTAP})
            ways = {}
            for way, step in (
                (BATCHED, _upload_step("sink")),
                (STRICT, _upload_step("sandbox")),
                (SINGLE, _call_step()),
            ):
                saved = save("pipedrive", way, {"base_url": _NOBODY, "api_token": "token-never-used"})
                trigger = {"key": "pipedrive.deal_stage_changed", "connection": way}
                recipe = parse_definition({"name": way, "trigger": trigger, "steps": [step]})
                assembly.recipes.apply([("", recipe)])
                opened = assembly.connections.open(saved.id or 0)
                path = f"/hooks/pipedrive/{opened.hook_token}"
                ways[way] = _Way(opened.id, path, opened.hook_user, opened.hook_password)
            return ways
        finally:
            assembly.close()


def gallery_recipe() -> Any:
    """Return the definition of the gallery recipe that is test-run."""
    return read_definition((gallery_folder() / GALLERY_RECIPE).read_text(), file=GALLERY_RECIPE)


def _upload_step(connection: str) -> dict[str, Any]:
    fields = {
        "identity": "person-{{ deal.person_id }}",
        "event_name": "Deal stage changed",
        "timestamp": "{{ event.occurred_at }}",
        "properties": {"Deal": "{{ deal.id }}", "Title": "{{ deal.title }}", "Number": "{{ deal.value }}"},
    }
    return {"name": "event", "action": "clevertap.upload_event", "connection": connection, "fields": fields}


def _call_step() -> dict[str, Any]:
    content = {
        "deal": "{{ deal.id }}",
        "number": "{{ deal.value }}",
        "stage": "{{ deal.stage_id }}",
        "title": "{{ deal.title }}",
    }
    fields = {"url": "/call", "body": content}
    return {"name": "call", "action": "http.request", "connection": "service", "fields": fields}
