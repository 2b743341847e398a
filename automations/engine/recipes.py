"""Recipes: kept as drafts, published as versions, switched on and off, read back as files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine import signals
from automations.engine.compiled import CompiledRecipe, ConnectionFacts, compile_recipe
from automations.engine.definition import Definition, parse_definition, write_definition
from automations.engine.registry import Registry, nearest
from automations.errors import InputError, NotFoundError, RecipeError, RecipeProblems
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.person import Installation
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import VersionState

GENERATION = "catalog_generation"


@dataclass(frozen=True)
class RecipeView:
    """A recipe with the versions that matter: what is published, and the draft if there is one."""

    recipe: Recipe
    published: RecipeVersion | None
    draft: RecipeVersion | None

    @property
    def latest(self) -> RecipeVersion:
        """The draft, else what is published. Every recipe has one of the two."""
        version = self.draft or self.published
        assert version is not None
        return version


class Recipes:
    """Thread-safe; every change is one transaction and raises the catalog's generation."""

    def __init__(self, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    # -- looking

    def all(self) -> list[RecipeView]:
        with self._database.read() as session:
            recipes = session.exec(select(Recipe).order_by(func.lower(col(Recipe.name)))).all()
            return [_view(session, recipe) for recipe in recipes]

    def get(self, name: str) -> RecipeView:
        """Raises NotFoundError with the nearest name."""
        with self._database.read() as session:
            recipe = session.exec(select(Recipe).where(col(Recipe.name) == name)).first()
            if recipe is None:
                near = nearest(name, session.exec(select(Recipe.name)))
                raise NotFoundError(
                    f"There is no recipe named {name!r}." + (f" Did you mean {near!r}?" if near else "")
                )
            return _view(session, recipe)

    def get_by_id(self, recipe_id: int) -> RecipeView:
        with self._database.read() as session:
            recipe = session.get(Recipe, recipe_id)
            if recipe is None:
                raise NotFoundError(f"There is no recipe {recipe_id}. It may have been removed.")
            return _view(session, recipe)

    def versions(self, recipe_id: int) -> list[RecipeVersion]:
        """Every version, newest first."""
        with self._database.read() as session:
            return list(
                session.exec(
                    select(RecipeVersion)
                    .where(col(RecipeVersion.recipe_id) == recipe_id)
                    .order_by(col(RecipeVersion.number).desc())
                )
            )

    def export(self, name: str) -> str:
        """Return the file of what is published, or of the draft where nothing is."""
        view = self.get(name)
        version = view.published or view.latest
        tree = {**version.definition, "name": view.recipe.name, "enabled": view.recipe.enabled}
        return write_definition(parse_definition(tree))

    def diff(self, name: str) -> str:
        """Return what the draft changes, as a unified diff of the two files; empty without a draft."""
        view = self.get(name)
        if view.draft is None or view.published is None:
            return ""
        before, after = (
            write_definition(parse_definition({**version.definition, "name": view.recipe.name})).splitlines()
            for version in (view.published, view.draft)
        )
        lines = difflib.unified_diff(before, after, f"version {view.published.number}", "draft", lineterm="")
        return "\n".join(lines)

    # -- compiling

    def compile(self, definition: Definition, *, file: str = "") -> CompiledRecipe:
        """Check a definition against what is installed and connected. Raises RecipeProblems."""
        with self._database.read() as session:
            return compile_recipe(definition, self._registry, _finder(session), file=file)

    # -- changing

    def save_draft(self, definition: Definition, *, recipe_id: int | None = None, by: str = "") -> RecipeView:
        """Keep what is being edited, mistakes and all; it runs nothing. A new recipe where there was none.

        Raises InputError when another recipe has the name.
        """
        with self._database.write() as session:
            recipe = session.get(Recipe, recipe_id) if recipe_id is not None else None
            if recipe is None:
                recipe = self._made(session, definition.name)
            elif recipe.name != definition.name:
                self._require_free(session, definition.name)
                recipe.name = definition.name
            self._put_draft(session, recipe, definition, by)
            return _view(session, recipe)

    def apply(
        self, definitions: Sequence[tuple[str, Definition]], *, draft: bool = False, by: str = ""
    ) -> list[RecipeView]:
        """Create or update by name and publish, all or none. definitions: (file name, definition).

        Raises RecipeProblems for everything wrong in any of the files.
        """
        problems: list[RecipeError] = []
        for file, definition in definitions:
            try:
                self.compile(definition, file=file)
            except RecipeProblems as error:
                problems += error.problems
        if problems:
            raise RecipeProblems(problems)
        views: list[RecipeView] = []
        with self._database.write() as session:
            for _file, definition in definitions:
                recipe = session.exec(select(Recipe).where(col(Recipe.name) == definition.name)).first()
                recipe = recipe or self._made(session, definition.name)
                version = self._put_draft(session, recipe, definition, by)
                if not draft:
                    self._publish(session, recipe, version, note="", enabled=definition.enabled, by=by)
                views.append(_view(session, recipe))
        for view in views:
            if not draft:
                signals.tell("recipe-published", recipe_id=view.recipe.id, name=view.recipe.name)
        return views

    def publish(
        self, recipe_id: int, *, note: str = "", enabled: bool | None = None, by: str = ""
    ) -> RecipeView:
        """Make the draft what new events go through. Runs under way finish with their own version.

        enabled: also switch on or off; None leaves a published recipe as it is and switches a new one on.
        Raises RecipeProblems when the draft is not ready.
        """
        view = self.get_by_id(recipe_id)
        if view.draft is None:
            raise InputError(f"{view.recipe.name!r} has no changes to publish.")
        self.compile(parse_definition(view.draft.definition))
        with self._database.write() as session:
            recipe = session.get_one(Recipe, recipe_id)
            draft = session.get_one(RecipeVersion, view.draft.id)
            switch = enabled if enabled is not None else (recipe.enabled if view.published else True)
            self._publish(session, recipe, draft, note=note, enabled=switch, by=by)
            fresh = _view(session, recipe)
        signals.tell("recipe-published", recipe_id=recipe_id, name=recipe.name)
        return fresh

    def discard_draft(self, recipe_id: int) -> None:
        """Forget the draft; a recipe that was never published goes with it."""
        with self._database.write() as session:
            recipe = session.get_one(Recipe, recipe_id)
            view = _view(session, recipe)
            if view.draft is not None:
                session.delete(view.draft)
                session.flush()
            if view.published is None:
                session.delete(recipe)

    def switch(self, name: str, *, enabled: bool, by: str = "") -> RecipeView:
        """Switch on or off. What is under way finishes. Raises InputError when nothing is published."""
        view = self.get(name)
        if enabled and view.published is None:
            raise InputError(f"{name!r} was never published. Publish it first.")
        with self._database.write() as session:
            recipe = session.get_one(Recipe, view.recipe.id)
            recipe.enabled, recipe.enabled_changed_by = enabled, by
            recipe.enabled_changed_at = recipe.updated_at = self._clock.now()
            session.add(recipe)
            _next_generation(session)
        if enabled:
            signals.tell("recipe-published", recipe_id=view.recipe.id, name=name)
        return self.get(name)

    def rollback(self, name: str, number: int, *, by: str = "") -> RecipeView:
        """Publish an earlier version again, as a new one."""
        view = self.get(name)
        old = next((v for v in self.versions(view.recipe.id or 0) if v.number == number), None)
        if old is None:
            raise NotFoundError(f"{name!r} has no version {number}.")
        definition = parse_definition({**old.definition, "name": name})
        self.compile(definition)
        with self._database.write() as session:
            recipe = session.get_one(Recipe, view.recipe.id)
            version = self._put_draft(session, recipe, definition, by)
            self._publish(
                session, recipe, version, note=f"version {number} again", enabled=recipe.enabled, by=by
            )
        signals.tell("recipe-published", recipe_id=view.recipe.id, name=name)
        return self.get(name)

    def _made(self, session: Session, name: str) -> Recipe:
        self._require_free(session, name)
        now = self._clock.now()
        recipe = Recipe(name=name, enabled=False, created_at=now, updated_at=now)
        session.add(recipe)
        session.flush()
        return recipe

    def _require_free(self, session: Session, name: str) -> None:
        if session.exec(select(Recipe.id).where(col(Recipe.name) == name)).first() is not None:
            raise InputError(f"There is a recipe named {name!r} already. Choose another name.")

    def _put_draft(self, session: Session, recipe: Recipe, definition: Definition, by: str) -> RecipeVersion:
        now = self._clock.now()
        draft = _view(session, recipe).draft
        if draft is None:
            highest = session.exec(
                select(func.max(RecipeVersion.number)).where(col(RecipeVersion.recipe_id) == recipe.id)
            ).first()
            draft = RecipeVersion(
                recipe_id=recipe.id or 0,
                number=(highest or 0) + 1,
                definition={},
                created_by=by,
                created_at=now,
                updated_at=now,
            )
        draft.definition = definition.as_tree()
        draft.updated_at = recipe.updated_at = now
        session.add(draft)
        session.add(recipe)
        session.flush()
        return draft

    def _publish(
        self, session: Session, recipe: Recipe, version: RecipeVersion, *, note: str, enabled: bool, by: str
    ) -> None:
        now = self._clock.now()
        for other in session.exec(
            select(RecipeVersion).where(
                col(RecipeVersion.recipe_id) == recipe.id, col(RecipeVersion.state) == VersionState.PUBLISHED
            )
        ):
            other.state = VersionState.RETIRED
            session.add(other)
        definition = parse_definition(version.definition)
        connection = _finder(session)(definition.trigger.connection)
        version.state, version.note, version.published_at = VersionState.PUBLISHED, note, now
        recipe.published_version_id = version.id
        recipe.trigger_key = definition.trigger.key
        recipe.trigger_connection_id = connection.id if connection else None
        if recipe.enabled != enabled or recipe.enabled_changed_at is None:
            recipe.enabled, recipe.enabled_changed_at, recipe.enabled_changed_by = enabled, now, by
        recipe.updated_at = now
        session.add(version)
        session.add(recipe)
        _next_generation(session)


def _finder(session: Session) -> Any:
    def find(name: str) -> ConnectionFacts | None:
        row = session.exec(select(Connection).where(col(Connection.name) == name)).first()
        return ConnectionFacts(row.id or 0, row.name, row.kind) if row else None

    return find


def _view(session: Session, recipe: Recipe) -> RecipeView:
    versions = session.exec(
        select(RecipeVersion).where(
            col(RecipeVersion.recipe_id) == recipe.id,
            col(RecipeVersion.state).in_((VersionState.DRAFT, VersionState.PUBLISHED)),
        )
    ).all()
    by_state: Mapping[str, RecipeVersion] = {version.state: version for version in versions}
    return RecipeView(recipe, by_state.get(VersionState.PUBLISHED), by_state.get(VersionState.DRAFT))


def _next_generation(session: Session) -> None:
    row = session.get(Installation, GENERATION)
    if row is None:
        session.add(Installation(name=GENERATION, value="1"))
    else:
        row.value = str(int(row.value) + 1)
        session.add(row)


@dataclass(frozen=True)
class BrokenRecipe:
    """A published version that cannot be used any more: its connection or connector is gone, say."""

    recipe_id: int
    version_id: int
    error: RecipeError


class Catalog:
    """The published recipes, compiled and remembered by version; used by one thread."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry
        self._generation = ""
        self._wanting: dict[tuple[int, str], list[CompiledRecipe | BrokenRecipe]] = {}
        self._compiled: dict[int, CompiledRecipe] = {}

    def refresh(self) -> None:
        """Forget who wants what if any recipe was published or switched since."""
        with self._database.read() as session:
            row = session.get(Installation, GENERATION)
        generation = row.value if row else "0"
        if generation != self._generation:
            self._wanting.clear()
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
        return [self.version(version_id) for version_id in ids if version_id is not None]

    def version(self, version_id: int) -> CompiledRecipe | BrokenRecipe:
        """Return one version compiled, or what is wrong with it now."""
        known = self._compiled.get(version_id)
        if known is not None:
            return known
        with self._database.read() as session:
            version = session.get_one(RecipeVersion, version_id)
            try:
                compiled = compile_recipe(
                    parse_definition(version.definition), self._registry, _finder(session)
                )
            except RecipeError as error:
                return BrokenRecipe(version.recipe_id, version_id, error)
        compiled = replace(
            compiled, recipe_id=version.recipe_id, version_id=version_id, version=version.number
        )
        self._compiled[version_id] = compiled
        return compiled
