"""An installation with the toy connector, on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.definition import parse_definition
from automations.engine.runner import Runner
from automations.settings import Settings
from tests.engine.toy import TARGETS, ToyTarget, arrival, toy_registry


class HandClock:
    """A clock that moves when told; the monotonic one runs on by itself as well."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return time.monotonic() + self._passed_s

    def advance(self, **duration: float) -> None:
        """Let time pass."""
        passed = timedelta(**duration)
        self.at += passed
        self._passed_s += passed.total_seconds()

    def jump(self, **duration: float) -> None:
        """Set the wall clock forward or back, as an operator or a time server does; no time passes."""
        self.at += timedelta(**duration)


class ToyHouse:
    """An installation, its target and a runner; `send` accepts events, `work` runs until idle."""

    def __init__(self, assembly: Assembly, clock: HandClock, target: ToyTarget) -> None:
        self.assembly = assembly
        self.clock = clock
        self.target = target
        self.connection = assembly.connections.save(
            "toy", "toys", {"target": target_name(target), "token": "s3cret-token"}
        )
        self._runner: Runner | None = None

    @property
    def runner(self) -> Runner:
        self._runner = self._runner or self.assembly.runner("test/1/a")
        return self._runner

    def crash(self) -> None:
        """Forget everything in memory, as a killed worker does."""
        if self._runner is not None:
            self._runner.abandon()
        self._runner = None

    def recipe(self, name: str = "note", steps: list[dict[str, Any]] | None = None, **more: Any) -> int:
        tree = {
            "name": name,
            "trigger": {"key": "toy.thing_happened", "connection": "toys", **more.pop("trigger", {})},
            "steps": steps
            or [
                {
                    "name": "write",
                    "action": "toy.write_down",
                    "connection": "toys",
                    "fields": {"text": "{{ thing.id }}/{{ thing.n }}"},
                }
            ],
            **more,
        }
        (view,) = self.assembly.recipes.apply([("", parse_definition(tree))])
        assert view.recipe.id is not None
        return view.recipe.id

    def send(self, *arrivals: Any) -> list[Any]:
        assert self.connection.id is not None
        return self.assembly.intake.accept(self.connection.id, arrivals)

    def thing(self, id: int = 1, n: int = 0, **more: Any) -> Any:
        return self.send(arrival(id, n, **more))[0]

    def work(self) -> None:
        self.runner.work_until_idle()

    def step(self, text: str = "{{ thing.id }}/{{ thing.n }}", **more: Any) -> dict[str, Any]:
        """Return a step that writes a text down, or what `more` says."""
        fields = {"text": text, **more.pop("fields", {})}
        return {"name": "write", "action": "toy.write_down", "connection": "toys", "fields": fields, **more}

    def statuses(self) -> list[str]:
        return [str(line.run.status) for line in reversed(self.assembly.history.runs(limit=1000))]


def target_name(target: ToyTarget) -> str:
    return next(name for name, known in TARGETS.items() if known is target)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyHouse]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    instance = tmp_path / "instance"
    instance.mkdir()
    settings = Settings(instance=instance, database_url=url)
    clock = HandClock()
    target = TARGETS.setdefault(str(tmp_path), ToyTarget())
    assembly = Assembly.make(settings, clock=clock, registry=toy_registry())
    house = ToyHouse(assembly, clock, target)
    yield house
    house.crash()
    assembly.close()
    del TARGETS[str(tmp_path)]
