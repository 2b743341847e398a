"""Every description that is shipped, with its recorder and a client that reaches it over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from automations.connectors.http import Door, DoorMode, SessionPool
from automations.connectors.targets.actions.upload_event import UploadEvent
from automations.connectors.targets.actions.upload_profile import UploadProfile
from automations.connectors.targets.client import TargetClient
from automations.connectors.targets.connection import TargetConnection
from automations.connectors.targets.library import compiled, shipped
from automations.connectors.targets.sending import UPLOAD
from automations.connectors.targets.target import Target
from automations.engine.contracts import BatchItem, Call, ItemResult, Pool
from automations.sandbox.described import DescribedSandbox
from tests.conformance.conftest import Remembered

SECRET = "s3cr3t-4f81b7c2d9"
AT = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
NOW = "2026-11-22T10:45:00Z"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every description, by name."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(shipped()))


class Purse(Remembered):
    """A directory that notes what is spent, and may ask to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: list[tuple[str, int]] = []
        self.wait_s = 0.0

    def spend(self, pool: Pool, cost: int) -> float:
        self.spent.append((pool.name, cost))
        return self.wait_s


def given_to(target: Target) -> dict[str, str]:
    """Return settings of an account as a person would give them; every secret is the same."""
    given: dict[str, str] = {}
    for name, part in target.part.settings.items():
        if part.secret:
            given[name] = SECRET
        elif part.default is None:
            given[name] = "https://acme.example" if part.address else "acme-42"
    return given


@dataclass
class Account:
    """One description's account on this machine."""

    target: Target
    sandbox: DescribedSandbox
    url: str
    pool: SessionPool
    purse: Purse = field(default_factory=Purse)
    doors: list[Door] = field(default_factory=list)

    def client(self, mode: DoorMode = DoorMode.LIVE, **changed: Any) -> TargetClient:
        kind = TargetConnection()
        given = {"target": self.target.name, **given_to(self.target), "base_url": self.url, **changed}
        settings: Any = kind.settings_table(given).model_validate(given)
        secrets = [str(getattr(settings, name)) for name in type(settings).secret_names()]
        door = Door(
            self.pool,
            connection="acme",
            mode=mode,
            secrets=secrets,
            allowed_hosts=kind.hosts(settings),
        )
        self.doors.append(door)
        made: TargetClient = kind.client(settings, door, self.purse)
        return made

    def send(
        self, items: Sequence[BatchItem], mode: DoorMode = DoorMode.LIVE, **changed: Any
    ) -> Sequence[ItemResult]:
        return UPLOAD.send(items, self.client(mode, **changed))

    def exchanges(self) -> list[dict[str, Any]]:
        return [exchange.as_json() for door in self.doors for exchange in door.exchanges]


def profile(person: str = "user-0001", key: str = "run-1-p", **fields: Any) -> BatchItem:
    action = UploadProfile()
    given = {"identity": person, "properties": {"Plan": "Trial", "Seats": 12}, **fields}
    return BatchItem(action, action.Fields.model_validate(given), Call(key, now=NOW, first_at=NOW))


def event(
    person: str = "user-0001", key: str = "run-1-e", validate: bool = False, **fields: Any
) -> BatchItem:
    action = UploadEvent()
    given = {
        "identity": person,
        "event_name": "Deal Won",
        "timestamp": AT,
        "properties": {"Value": 18400.5, "Currency": "EUR"},
        **fields,
    }
    call = Call(key, now=NOW, first_at=NOW, validate_only=validate)
    return BatchItem(action, action.Fields.model_validate(given), call)


@pytest.fixture
def account(name: str, pool: SessionPool) -> Iterator[Account]:
    target = compiled(shipped()[name], f"{name}.yaml")
    sandbox = DescribedSandbox(shipped()[name], _as_known(target, given_to(target)))
    with sandbox.serve(port=0) as server:
        yield Account(target, sandbox, server.url, pool)


def _as_known(target: Target, given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings as the service knows them: defaults included, a choice as what it stands for."""
    known: dict[str, str] = {}
    for name, part in target.part.settings.items():
        value = given.get(name, part.default or "")
        known[name] = part.choices.get(value, value) if isinstance(part.choices, dict) else value
    return known
