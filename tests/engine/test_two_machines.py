"""Two machines on one database: what one changes holds on the other, though both keep things in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from automations.assembly import Assembly
from automations.engine.opened_connections import FRESH_S
from automations.settings import Settings
from automations.web.session_key import session_key
from tests.engine.conftest import ToyHouse
from tests.engine.toy import toy_registry


@pytest.fixture
def other(house: ToyHouse, tmp_path: Path) -> Iterator[Assembly]:
    """Give the same installation on another machine: a folder of its own, the same database and keys."""
    keys = (house.assembly.settings.instance / "secret.keys").read_text().strip()
    folder = tmp_path / "other"
    folder.mkdir()
    settings = Settings(
        instance=folder,
        database_url=house.assembly.settings.resolved_database_url,
        secret_keys=SecretStr(keys),
    )
    made = Assembly.make(settings, clock=house.clock, registry=toy_registry())
    yield made
    made.close()


def test_a_recipe_published_on_one_machine_is_used_at_once_on_the_other(
    house: ToyHouse, other: Assembly
) -> None:
    house.recipe()
    worker = other.runner("other/1/a")
    house.thing(1)
    worker.work_until_idle()
    house.recipe(steps=[house.step("new {{ thing.id }}")])
    house.thing(2)
    worker.work_until_idle()
    house.assembly.recipes.switch("note", enabled=False)
    house.thing(3)
    worker.work_until_idle()
    worker.abandon()
    assert house.target.texts() == ["1/0", "new 2"]


def test_credentials_mended_on_one_machine_are_used_within_a_second_on_the_other(
    house: ToyHouse, other: Assembly
) -> None:
    number = house.connection.id or 0
    assert other.connections.open(number).settings.token == "s3cret-token"
    target = house.connection.settings["target"]
    house.clock.advance(seconds=1)
    house.assembly.connections.save("toy", "toys", {"target": target, "token": "another-token"})
    house.clock.advance(seconds=FRESH_S)
    assert other.connections.open(number).settings.token == "another-token"


def test_a_session_begun_on_one_machine_is_known_on_the_other(house: ToyHouse, other: Assembly) -> None:
    first = session_key(house.assembly.database, house.assembly.sealer)
    assert session_key(other.database, other.sealer) == first
