"""A recipe's versions within one transaction: its draft, what is published, the next number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.engine.definition import Definition
from automations.errors import NotFoundError
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import VersionState


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


def locked(session: Session, recipe_id: int) -> Recipe:
    """Return the recipe for this transaction alone. Raises NotFoundError."""
    recipe = session.get(Recipe, recipe_id, with_for_update=True)
    if recipe is None:
        raise NotFoundError(f"There is no recipe {recipe_id}. It may have been removed.")
    return recipe


def view_of(session: Session, recipe: Recipe) -> RecipeView:
    """Return the recipe with its draft and what is published."""
    versions = session.exec(
        select(RecipeVersion).where(
            col(RecipeVersion.recipe_id) == recipe.id,
            col(RecipeVersion.state).in_((VersionState.DRAFT, VersionState.PUBLISHED)),
        )
    ).all()
    by_state: Mapping[str, RecipeVersion] = {version.state: version for version in versions}
    return RecipeView(recipe, by_state.get(VersionState.PUBLISHED), by_state.get(VersionState.DRAFT))


def put_draft(
    session: Session, recipe: Recipe, definition: Definition, by: str, now: datetime
) -> RecipeVersion:
    """Make the definition the recipe's draft, in place of an earlier one."""
    draft = view_of(session, recipe).draft
    if draft is None:
        return new_version(session, recipe, definition, by, now)
    draft.definition = definition.as_tree()
    draft.updated_at = recipe.updated_at = now
    session.add_all((draft, recipe))
    session.flush()
    return draft


def new_version(
    session: Session, recipe: Recipe, definition: Definition, by: str, now: datetime
) -> RecipeVersion:
    """Add a version with the next number; a draft that is there already moves on to the one after."""
    highest = session.exec(
        select(func.max(RecipeVersion.number)).where(col(RecipeVersion.recipe_id) == recipe.id)
    ).first()
    number = (highest or 0) + 1
    draft = view_of(session, recipe).draft
    if draft is not None:
        number, draft.number = draft.number, number
        session.add(draft)
        session.flush()
    version = RecipeVersion(
        recipe_id=recipe.id or 0,
        number=number,
        definition=definition.as_tree(),
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    recipe.updated_at = now
    session.add_all((version, recipe))
    session.flush()
    return version
