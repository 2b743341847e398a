"""Connections that stand in for missing ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automations.assembly import Assembly
from automations.cli.stand_ins import connected, placeholder_settings
from automations.engine.connections import parse_settings
from automations.engine.definition import read_definition
from automations.errors import NotFoundError
from tests.cli.conftest import Cli
from tests.cli.recipe_texts import PROFILE


@pytest.fixture
def house(cli: Cli) -> Iterator[Assembly]:
    with cli.house() as assembly:
        yield assembly


def test_every_kind_can_be_stood_in_for(house: Assembly) -> None:
    for kind in house.registry.kinds.values():
        given = placeholder_settings(kind)
        settings = parse_settings(kind, given)
        hosts = kind.hosts(settings)
        assert hosts is None or all("stand-in" in host or "clevertap" in host for host in hosts), kind.kind


def test_stand_ins_live_apart_from_the_installation(house: Assembly) -> None:
    definition = read_definition(PROFILE)
    with connected(house, definition, offline=True) as (apart, names):
        assert names == ["acme-clevertap", "shop"]
        assert {row.name for row in apart.connections.all()} == {"acme-clevertap", "shop"}
        assert apart.database.url != house.database.url
    assert house.connections.all() == []


def test_environment_does_not_lead_stand_ins_to_the_real_database(
    house: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATIONS_DATABASE_URL", house.database.url)
    with connected(house, read_definition(PROFILE), offline=True) as (apart, _names):
        assert apart.database.url != house.database.url


def test_installation_itself_is_used_when_nothing_is_missing(house: Assembly) -> None:
    house.connections.save("webhook", "shop", {})
    house.connections.save("clevertap", "acme-clevertap", {"account_id": "A", "passcode": "p"})
    with connected(house, read_definition(PROFILE), offline=True) as (same, names):
        assert same is house
        assert names == []


def test_nothing_stands_in_where_something_would_leave(house: Assembly) -> None:
    with (
        pytest.raises(NotFoundError, match="automations connection add clevertap acme-clevertap"),
        connected(house, read_definition(PROFILE), offline=False),
    ):
        pass
