"""An installation whose events are toys and whose targets are real connectors, over real HTTP, on a clock of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.registry import Registry
from automations.sandbox import ClevertapSandbox, PipedriveSandbox
from automations.settings import Settings
from tests.crash.targets import Notebook
from tests.engine.conftest import HandClock, ToyHouse
from tests.engine.toy import TARGETS, ToyTarget, toy_registry


class FaultHouse(ToyHouse):
    """A toy house that also has a CleverTap (`profiles`), a Pipedrive (`people`) and a notebook (`notes`)."""

    clevertap: ClevertapSandbox
    pipedrive: PipedriveSandbox
    notebook: Notebook

    def connect(self, kind: str, name: str, **settings: str) -> None:
        self.assembly.connections.save(kind, name, settings)

    def profile(self, name: str = "profile") -> int:
        """Switch on: each thing becomes a profile and its number a property."""
        properties = {"Number": "{{ thing.n }}"}
        fields = {"identity": "thing-{{ thing.id }}", "properties": properties}
        return self.recipe(name, [self.to("clevertap.upload_profile", "profiles", fields)])

    def note(self, name: str = "note", **fields: Any) -> int:
        """Switch on: each thing is one HTTP call."""
        body = {"deal": "{{ thing.id }}", "number": "{{ thing.n }}"}
        return self.recipe(name, [self.to("http.request", "notes", {"url": "/", "body": body, **fields})])

    def person(self, name: str = "person") -> int:
        """Switch on: each thing makes a person in Pipedrive."""
        address = "thing-{{ thing.id }}@example.com"
        fields = {"match_value": address, "emails": address, "name": "Thing {{ thing.id }}"}
        return self.recipe(name, [self.to("pipedrive.upsert_person", "people", fields)])

    def to(self, action: str, connection: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"name": "step", "action": action, "connection": connection, "fields": fields}

    def later(self, **duration: float) -> None:
        """Let time pass and do what is due then."""
        self.clock.advance(**duration)
        self.work()

    def attempts(self, run_id: int = 1) -> list[tuple[str, int]]:
        """Return (outcome, number) of each attempt of a run."""
        deliveries = self.assembly.history.run(run_id).deliveries
        return [(attempt.outcome, attempt.number) for one in deliveries for attempt in one.attempts]

    def people(self) -> list[str]:
        return sorted(p["emails"][0]["value"] for p in self.pipedrive.records("person").values())


def all_registry() -> Registry:
    real, toy = Registry.discover(), toy_registry()
    return Registry(
        kinds={**real.kinds, **toy.kinds},
        triggers={**real.triggers, **toy.triggers},
        actions={**real.actions, **toy.actions},
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultHouse]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    instance = tmp_path / "instance"
    instance.mkdir()
    settings = Settings(instance=instance, database_url=url, allowed_networks="127.0.0.0/8")
    target = TARGETS.setdefault(str(tmp_path), ToyTarget())
    clock = HandClock()
    assembly = Assembly.make(settings, clock=clock, registry=all_registry())
    house = FaultHouse(assembly, clock, target)
    house.clevertap = ClevertapSandbox(account_id="ACC", passcode="passcode-1")
    house.pipedrive = PipedriveSandbox(api_token="token-of-the-sandbox")
    house.notebook = Notebook()
    with (
        house.clevertap.serve() as profiles,
        house.pipedrive.serve() as people,
        house.notebook.serve() as notes,
    ):
        house.connect("clevertap", "profiles", base_url=profiles.url, account_id="ACC", passcode="passcode-1")
        house.connect("pipedrive", "people", base_url=people.url, api_token="token-of-the-sandbox")
        house.connect("http", "notes", base_url=notes.url)
        yield house
        house.crash()
        assembly.close()
    del TARGETS[str(tmp_path)]
