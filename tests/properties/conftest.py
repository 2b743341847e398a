"""One installation with the toy connector for all examples of a module: nothing here writes into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.compiled import CompiledRecipe
from automations.engine.definition import parse_definition
from automations.settings import Settings
from tests.engine.conftest import HandClock
from tests.engine.toy import TARGETS, ToyTarget, toy_registry

Compile = Callable[[dict[str, Any]], CompiledRecipe]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assembly]:
    instance = tmp_path_factory.mktemp("properties")
    TARGETS["properties"] = ToyTarget()
    made = Assembly.make(Settings(instance=instance), clock=HandClock(), registry=toy_registry())
    made.connections.save("toy", "toys", {"target": "properties", "token": "t"})
    yield made
    made.close()
    del TARGETS["properties"]


@pytest.fixture(scope="module")
def compiled(assembly: Assembly) -> Compile:
    """Return a function that compiles a recipe, given what it has beside its name and trigger."""

    def compile_tree(tree: dict[str, Any]) -> CompiledRecipe:
        trigger = {"key": "toy.thing_happened", "connection": "toys", **tree.get("trigger", {})}
        return assembly.recipes.compile(parse_definition({"name": "t", **tree, "trigger": trigger}))

    return compile_tree
