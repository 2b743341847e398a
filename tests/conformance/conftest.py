"""What every registered part is tried with: its stand-in over real HTTP, by the real door."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from automations.connectors.http import Door, DoorMode, Limits, NetworkPolicy, SessionPool
from automations.engine.context import Envelope, build_context
from automations.engine.contracts import (
    Action,
    ActionFields,
    Became,
    Call,
    Imprint,
    Occurrence,
    Outcome,
    Pool,
)
from automations.engine.mapping import FieldMapping
from automations.engine.registry import Registry
from tests.conformance.places import PLACES, Place

RECORD = {"id": "8841", "name": "Ines Okafor", "email": "ines@lumen-mail.example"}


@cache
def registry() -> Registry:
    """Return what is found once for all; installed packages are their own authors' to test."""
    return Registry.discover(entry_points=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every `action`, `trigger`, `kind` or `example` that is registered."""
    found = registry()
    if "example" in metafunc.fixturenames:
        pairs = [(a, n) for a in found.actions.values() for n in range(len(a.examples))]
        if "remote_example" in metafunc.fixturenames:
            pairs = [(action, number) for action, number in pairs if action.connection]
        ids = [f"{action.key}-{number}" for action, number in pairs]
        metafunc.parametrize(("action", "example"), pairs, ids=ids)
    elif "action" in metafunc.fixturenames:
        metafunc.parametrize("action", found.actions.values(), ids=found.actions)
    if "trigger" in metafunc.fixturenames:
        metafunc.parametrize("trigger", found.triggers.values(), ids=found.triggers)
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", found.kinds.values(), ids=found.kinds)


class Remembered:
    """A directory that lives as long as the test."""

    can_wait = False

    def __init__(self) -> None:
        self.lists: dict[str, Any] = {}
        self.identities: dict[tuple[str, str, str], str] = {}

    def get(self, name: str) -> Any | None:
        return self.lists.get(name)

    def put(self, name: str, entries: Any) -> None:
        self.lists[name] = entries

    def known(self, entity: str, field: str, value: str) -> str | None:
        return self.identities.get((entity, field, value))

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None:
        self.identities[entity, field, value] = remote_id

    def forget(self, entity: str, field: str, value: str) -> None:
        self.identities.pop((entity, field, value), None)

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        yield

    @contextmanager
    def writing(self, imprints: Sequence[Imprint]) -> Iterator[Became]:
        yield lambda record_key: None

    def spend(self, pool: Pool, cost: int) -> float:
        return 0.0

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        pass


@dataclass
class Trial:
    """One example of one action, ready to be performed. place: None where the action reaches nothing."""

    action: Action
    fields: ActionFields
    place: Place | None
    open_door: Callable[[DoorMode, Mapping[str, Any]], Any]
    door: Any = None
    directory: Remembered = field(default_factory=Remembered)

    def client(self, mode: DoorMode = DoorMode.LIVE, **settings: Any) -> Any:
        if self.action.connection is None:
            return None
        kind = self.action.connection()
        self.door, values = self.open_door(mode, settings)
        return kind.client(values, self.door, self.directory)

    def perform(self, mode: DoorMode = DoorMode.LIVE, **settings: Any) -> Outcome:
        client = self.client(mode, **settings)
        return self.action.perform(self.fields, client, Call("run-7-step-1", now="2026-11-22T10:42:00Z"))


def fields_of(action: Action, number: int) -> ActionFields:
    """Render one of an action's examples as the engine would."""
    mapping = FieldMapping(action, action.examples[number], {}, step="example")
    occurrence = Occurrence("example.made", "example", RECORD)
    return mapping.render(build_context(occurrence, Envelope(occurred_at="2026-11-22T10:42:00Z"))).typed


@pytest.fixture
def remote_example() -> None:
    """Ask for examples of actions that reach a remote product, and leave out the others."""


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    limits = Limits(connect_s=2.0, read_s=5.0, total_s=10.0)
    made = SessionPool(NetworkPolicy(["127.0.0.0/8"]), limits=limits)
    yield made
    made.close()


@pytest.fixture
def trial(action: Action, example: int, pool: SessionPool) -> Iterator[Trial]:
    if action.connection is None:
        yield Trial(action, fields_of(action, example), None, lambda mode, settings: (None, None))
        return
    kind = action.connection()
    place = PLACES[kind.kind]()
    with place.sandbox.serve(port=0) as server:

        def open_door(mode: DoorMode, settings: Mapping[str, Any]) -> Any:
            table = kind.settings_table(place.settings)
            values = table.model_validate({**place.settings, "base_url": server.url, **settings})
            secrets = [str(getattr(values, name)) for name in table.secret_names()]
            allowed = kind.hosts(values)
            return Door(pool, connection="tried", mode=mode, secrets=secrets, allowed_hosts=allowed), values

        yield Trial(action, fields_of(action, example), place, open_door)
