"""What tests of replays share: the choices, and a short way to replay and to read what came of it."""

from __future__ import annotations

from typing import Any

from automations.engine.replay_choice import ReplayChoice, ReplayFrom, ReplayVersion
from tests.engine.conftest import ToyHouse

START = ReplayChoice()
FAILED = ReplayChoice(ReplayFrom.FAILED)
LATEST = ReplayChoice(version=ReplayVersion.LATEST)
REPEAT = ReplayChoice(repeat_closed=True)


def two_steps(house: ToyHouse, **more: Any) -> list[dict[str, Any]]:
    return [
        house.step("first {{ thing.id }}", name="one"),
        house.step("second {{ thing.id }}", name="two", **more),
    ]


def steps_of(house: ToyHouse, run_id: int) -> list[tuple[str, str, str]]:
    found = house.assembly.history.run(run_id).deliveries
    return [(d.delivery.step_name, str(d.delivery.status), d.delivery.reason) for d in found]


def replay(house: ToyHouse, run_id: int, choice: ReplayChoice = START, **more: Any) -> int:
    new_id = house.assembly.replays.replay(run_id, choice, **more)
    house.work()
    return new_id
