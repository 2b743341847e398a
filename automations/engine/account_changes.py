"""Recipes that name what an account has no more are marked before their next run fails.

From time to time the lists that recipes depend on are read anew; what a connector then misses stands with the
recipe until it is changed, or until the thing is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from sqlmodel import col, select

from automations.engine.connections import Connections
from automations.engine.registry import Registry
from automations.errors import AutomationError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.person import Installation
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import ConnectionState

_NAME = "recipe_warnings"
_log = structlog.get_logger("account_changes")


class AccountChanges:
    """Thread-safe."""

    def __init__(self, database: Database, registry: Registry, connections: Connections) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections

    def warnings(self) -> dict[int, list[str]]:
        """Return what is wrong with recipes that are on, by recipe id, as it was found last."""
        with self._database.read() as session:
            row = session.get(Installation, _NAME)
        found = orjson.loads(row.value) if row else {}
        return {int(number): list(words) for number, words in found.items()}

    def look(self) -> None:
        """Read the lists anew that recipes which are on depend on, and compare."""
        found: dict[int, list[str]] = {}
        recipes = self._recipes_on()
        for connection in self._connections.all():
            parts = {number: _parts_on(connection.name, tree) for number, tree in recipes.items()}
            parts = {number: some for number, some in parts.items() if some}
            if parts and connection.state == ConnectionState.OK:
                self._look_at(connection, parts, found)
        self._keep(found)

    def _look_at(
        self, connection: Connection, parts: Mapping[int, list[Any]], found: dict[int, list[str]]
    ) -> None:
        kind = self._registry.kinds.get(connection.kind)
        if kind is None or connection.id is None:
            return
        memory = self._connections.directory(connection.id)
        memory.reload()
        try:
            client = self._connections.client(connection.id, can_wait=True)
            for name in kind.watched_lists:
                # What was never asked for is not used.
                if memory.get(name) is not None:
                    kind.fetch_list(name, client)
        except AutomationError as error:
            _log.warning("account_changes.not_read", connection=connection.name, kind=error.kind)
        for number, some in parts.items():
            words = kind.complaints(some, memory)
            if words:
                found.setdefault(number, []).extend(words)

    def _recipes_on(self) -> dict[int, dict[str, Any]]:
        with self._database.read() as session:
            rows = session.exec(
                select(Recipe.id, RecipeVersion.definition)
                .join(RecipeVersion, col(RecipeVersion.id) == col(Recipe.published_version_id))
                .where(col(Recipe.enabled).is_(True))
            ).all()
        return {number or 0: dict(definition) for number, definition in rows}

    def _keep(self, found: Mapping[int, list[str]]) -> None:
        text = orjson.dumps({str(number): words for number, words in found.items()}).decode()
        if found != self.warnings():
            with self._database.write() as session:
                session.merge(Installation(name=_NAME, value=text))


def _parts_on(connection: str, tree: Mapping[str, Any]) -> list[Any]:
    """Return the parts of a recipe that name things of this connection's account."""
    trigger = tree.get("trigger") or {}
    if trigger.get("connection") == connection:
        # The record comes from there, and any template may read it.
        return [{name: part for name, part in tree.items() if name not in ("samples", "tests")}]
    return [step for step in tree.get("steps") or [] if step.get("connection") == connection]
