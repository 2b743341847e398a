"""The published recipes, compiled and remembered: who wants an event, and what a run goes through."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import RLock

import structlog
from sqlmodel import Session, col, select

from automations.engine.compiled import CompiledRecipe, ConnectionFacts, FindConnection
from automations.engine.compiling import compile_recipe
from automations.engine.definition import parse_definition
from automations.engine.registry import Registry
from automations.errors import RecipeError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.person import Installation
from automations.model.recipe import Recipe, RecipeVersion

_GENERATION = "catalog_generation"
#: An expression that any statement may read beside other things: another value after every change of any recipe.
GENERATION = f"(SELECT value FROM installation WHERE name='{_GENERATION}')"  # noqa: S608 - names only

_log = structlog.get_logger("catalog")


def new_generation(session: Session) -> None:
    """Let every worker forget what it knows of recipes, with the commit of this session.

    A fresh word and no counter: two that count up at the same moment may write the same number.
    """
    session.merge(Installation(name=_GENERATION, value=secrets.token_hex(8)))


def connection_finder(session: Session) -> FindConnection:
    """Return what compiling asks for connections by name."""

    def find(name: str) -> ConnectionFacts | None:
        row = session.exec(select(Connection).where(col(Connection.name) == name)).first()
        return ConnectionFacts(row.id or 0, row.name, row.kind) if row else None

    return find


@dataclass(frozen=True)
class BrokenRecipe:
    """A version that cannot be used any more: its connection or connector is gone, say.

    recipe_id: 0 where the version itself is gone.
    """

    recipe_id: int
    version_id: int
    error: RecipeError


class Catalog:
    """Used by two threads: one decides, the other goes on with what was decided."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry
        self._generation = ""
        self._wanting: dict[tuple[int, str], list[CompiledRecipe | BrokenRecipe]] = {}
        self._compiled: dict[int, CompiledRecipe] = {}
        # What is compiled while everything is forgotten must be forgotten, too.
        self._compiling = RLock()

    def refresh(self, generation: str | None = None) -> None:
        """Forget everything if any recipe was published or switched, or any connection saved, since.

        generation: what `GENERATION` was at the moment in question; read now where it is not given.
        """
        if generation is None:
            with self._database.read_plain() as connection:
                generation = connection.exec_driver_sql(f"SELECT {GENERATION}").scalar()
        generation = generation or "0"
        if generation != self._generation:
            with self._compiling:
                self._wanting.clear()
                self._compiled.clear()
                self._generation = generation

    def wanting(self, connection_id: int, trigger_keys: Sequence[str]) -> list[CompiledRecipe | BrokenRecipe]:
        """Return the recipes that are on and wait for one of these triggers of this connection, by recipe id."""
        found: list[CompiledRecipe | BrokenRecipe] = []
        for key in trigger_keys:
            if (connection_id, key) not in self._wanting:
                self._wanting[connection_id, key] = self._load(connection_id, key)
            found += self._wanting[connection_id, key]
        return found

    def _load(self, connection_id: int, key: str) -> list[CompiledRecipe | BrokenRecipe]:
        with self._database.read() as session:
            ids = session.exec(
                select(Recipe.published_version_id)
                .where(
                    col(Recipe.trigger_connection_id) == connection_id,
                    col(Recipe.trigger_key) == key,
                    col(Recipe.enabled).is_(True),
                )
                .order_by(col(Recipe.id))
            ).all()
        found = [self.version(version_id) for version_id in ids if version_id is not None]
        return [recipe for recipe in found if recipe.recipe_id]

    def version(self, version_id: int) -> CompiledRecipe | BrokenRecipe:
        """Return one version compiled, or what is wrong with it now."""
        known = self._compiled.get(version_id)
        if known is not None:
            return known
        with self._compiling:
            return self._compiled.get(version_id) or self._read(version_id)

    def _read(self, version_id: int) -> CompiledRecipe | BrokenRecipe:
        with self._database.read() as session:
            version = session.get(RecipeVersion, version_id)
            if version is None:
                gone = RecipeError(
                    "This version of the recipe is gone. Run the event through the present one."
                )
                return BrokenRecipe(0, version_id, gone)
            made = self._made(session, version)
        if isinstance(made, RecipeError):
            return BrokenRecipe(version.recipe_id, version_id, made)
        compiled = replace(made, recipe_id=version.recipe_id, version_id=version_id, version=version.number)
        self._compiled[version_id] = compiled
        return compiled

    def _made(self, session: Session, version: RecipeVersion) -> CompiledRecipe | RecipeError:
        try:
            definition = parse_definition(version.definition)
            return compile_recipe(definition, self._registry, connection_finder(session))
        except RecipeError as error:
            return error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            _log.exception("catalog.not_compiled", version_id=version.id)
            return RecipeError(
                f"The recipe cannot be used: its connector failed with {type(error).__name__}. Report this to its "
                "maintainer."
            )
