"""Installations for the pages: one with real connectors, one with the toy connector and its runner.

Hashing passwords takes long on purpose, so here it is made short, and both are made once and copied for each test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from automations.assembly import Assembly
from automations.engine import people
from automations.engine.registry import Registry
from automations.model.states import Role
from automations.settings import Settings
from automations.web.app import create_app
from tests.engine.conftest import HandClock, ToyHouse
from tests.engine.toy import TARGETS, ToyTarget, toy_registry
from tests.web.builder_pages import PASSWORD, Browser, make_assembly
from tests.web.senders import Sender, credentials

PUBLIC_URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="session", autouse=True)
def short_hashes() -> Iterator[None]:
    """Sign in within a millisecond; how passwords are hashed for real is the engine's test."""
    short = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", short)
        patch.setattr(people, "_NOBODY", short.hash("nobody has this password"))
        yield


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.discover(entry_points=False)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder to copy: two connections and one person of every role."""
    folder = tmp_path_factory.mktemp("prepared")
    make_assembly(folder).close()
    return folder


@pytest.fixture(scope="session")
def peopled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder to copy: one person of every role and nothing else."""
    folder = tmp_path_factory.mktemp("peopled")
    made = Assembly.make(Settings(instance=folder), registry=toy_registry())
    for role in Role:
        made.people.add(f"{role}@example.com", PASSWORD, role)
    made.close()
    return folder


@pytest.fixture
def assembly(prepared: Path, registry: Registry, tmp_path: Path) -> Iterator[Assembly]:
    """Give an installation with a Pipedrive and a CleverTap connection and one person of every role."""
    instance = Path(shutil.copytree(prepared, tmp_path / "instance"))
    made = Assembly.make(Settings(instance=instance, public_url=PUBLIC_URL), registry=registry)
    yield made
    made.close()


@pytest.fixture
def browser(assembly: Assembly) -> Browser:
    """Give a signed-in admin."""
    return Browser.signed_in(assembly)


@pytest.fixture
def toys(peopled: Path, tmp_path: Path) -> Iterator[ToyHouse]:
    """Give an installation whose runs really run, and one person of every role."""
    instance = Path(shutil.copytree(peopled, tmp_path / "toys"))
    target = TARGETS.setdefault(str(tmp_path), ToyTarget())
    clock = HandClock()
    made = Assembly.make(
        Settings(instance=instance, public_url=PUBLIC_URL), clock=clock, registry=toy_registry()
    )
    house = ToyHouse(made, clock, target)
    yield house
    house.crash()
    made.close()
    del TARGETS[str(tmp_path)]


@pytest.fixture
def sender(assembly: Assembly) -> Sender:
    opened = assembly.connections.open(assembly.connections.get("acme").id or 0)
    basic = credentials(opened.hook_user, opened.hook_password)
    return Sender(
        assembly, create_app(assembly).test_client(), f"/hooks/pipedrive/{opened.hook_token}", basic
    )
