"""Recipes: kept as drafts, published as versions, switched on and off, read back as files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine import signals
from automations.engine.catalog import connection_finder, new_generation
from automations.engine.compiled import CompiledRecipe, KnowAccount
from automations.engine.compiling import compile_recipe
from automations.engine.definition import Definition, parse_definition, write_definition
from automations.engine.registry import Registry, nearest
from automations.engine.versions import RecipeView as RecipeView
from automations.engine.versions import locked, new_version, put_draft, view_of
from automations.errors import InputError, NotFoundError, RecipeError, RecipeProblems
from automations.model.database import Database
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import VersionState


class Recipes:
    """Thread-safe; every change is one transaction and raises the catalog's generation."""

    def __init__(
        self, database: Database, registry: Registry, clock: Clock, know_account: KnowAccount | None = None
    ) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._know_account = know_account

    # -- looking

    def all(self) -> list[RecipeView]:
        with self._database.read() as session:
            recipes = session.exec(select(Recipe).order_by(func.lower(col(Recipe.name)))).all()
            return [view_of(session, recipe) for recipe in recipes]

    def get(self, name: str) -> RecipeView:
        """Raises NotFoundError with the nearest name."""
        with self._database.read() as session:
            recipe = session.exec(select(Recipe).where(col(Recipe.name) == name)).first()
            if recipe is None:
                near = nearest(name, session.exec(select(Recipe.name)))
                raise NotFoundError(
                    f"There is no recipe named {name!r}." + (f" Did you mean {near!r}?" if near else "")
                )
            return view_of(session, recipe)

    def get_by_id(self, recipe_id: int) -> RecipeView:
        with self._database.read() as session:
            recipe = session.get(Recipe, recipe_id)
            if recipe is None:
                raise NotFoundError(f"There is no recipe {recipe_id}. It may have been removed.")
            return view_of(session, recipe)

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
            find = connection_finder(session)
            return compile_recipe(
                definition, self._registry, find, file=file, know_account=self._know_account
            )

    # -- changing

    def save_draft(self, definition: Definition, *, recipe_id: int | None = None, by: str = "") -> RecipeView:
        """Keep what is being edited, mistakes and all; it runs nothing. A new recipe where there was none.

        Raises InputError when another recipe has the name.
        """
        with self._database.write() as session:
            recipe = session.get(Recipe, recipe_id, with_for_update=True) if recipe_id is not None else None
            if recipe is None:
                recipe = self._made(session, definition.name)
            elif recipe.name != definition.name:
                self._require_free(session, definition.name)
                recipe.name = definition.name
            put_draft(session, recipe, definition, by, self._clock.now())
            return view_of(session, recipe)

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
                named = select(Recipe).where(col(Recipe.name) == definition.name).with_for_update()
                recipe = session.exec(named).first() or self._made(session, definition.name)
                version = put_draft(session, recipe, definition, by, self._clock.now())
                if not draft:
                    self._publish(session, recipe, version, note="", enabled=definition.enabled, by=by)
                views.append(view_of(session, recipe))
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
            recipe = locked(session, recipe_id)
            draft = view_of(session, recipe).draft
            if draft is None or draft.definition != view.draft.definition:
                raise InputError(
                    f"The draft of {recipe.name!r} was changed while it was checked. Look at it and publish again."
                )
            switch = enabled if enabled is not None else (recipe.enabled if view.published else True)
            self._publish(session, recipe, draft, note=note, enabled=switch, by=by)
            fresh = view_of(session, recipe)
        signals.tell("recipe-published", recipe_id=recipe_id, name=recipe.name)
        return fresh

    def discard_draft(self, recipe_id: int) -> None:
        """Forget the draft; a recipe that was never published goes with it."""
        with self._database.write() as session:
            recipe = locked(session, recipe_id)
            view = view_of(session, recipe)
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
            recipe = locked(session, view.recipe.id or 0)
            recipe.enabled, recipe.enabled_changed_by = enabled, by
            recipe.enabled_changed_at = recipe.updated_at = self._clock.now()
            session.add(recipe)
            new_generation(session)
        if enabled:
            signals.tell("recipe-published", recipe_id=view.recipe.id, name=name)
        return self.get(name)

    def rollback(self, name: str, number: int, *, by: str = "") -> RecipeView:
        """Publish an earlier version again, as a new one; a draft stays as it is."""
        view = self.get(name)
        old = next((v for v in self.versions(view.recipe.id or 0) if v.number == number), None)
        if old is None:
            raise NotFoundError(f"{name!r} has no version {number}.")
        definition = parse_definition({**old.definition, "name": name})
        self.compile(definition)
        with self._database.write() as session:
            recipe = locked(session, view.recipe.id or 0)
            version = new_version(session, recipe, definition, by, self._clock.now())
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
        connection = connection_finder(session)(definition.trigger.connection)
        version.state, version.note, version.published_at = VersionState.PUBLISHED, note, now
        recipe.published_version_id = version.id
        recipe.trigger_key = definition.trigger.key
        recipe.trigger_connection_id = connection.id if connection else None
        if recipe.enabled != enabled or recipe.enabled_changed_at is None:
            recipe.enabled, recipe.enabled_changed_at, recipe.enabled_changed_by = enabled, now, by
        recipe.updated_at = now
        session.add(version)
        session.add(recipe)
        new_generation(session)
