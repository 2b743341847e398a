"""Ready recipes to start from: a folder of files, each of which becomes a draft with one's own connections."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.definition import Definition, read_definition
from automations.errors import InputError, NotFoundError, RecipeError, SettingsError
from automations.model.states import Role
from automations.resources import gallery_folder
from automations.web.auth import requires
from automations.web.builder import free_name, save
from automations.web.recipe_words import sentence
from automations.web.services import services

blueprint = Blueprint("gallery", __name__)


@dataclass(frozen=True)
class Entry:
    """One ready recipe. needs: (its own name for a connection, that connection's kind), each once."""

    slug: str
    definition: Definition
    sentence: str
    needs: list[tuple[str, str]]


def entries() -> list[Entry]:
    """Return every file of the gallery that can be read here, by its file name."""
    try:
        folder = gallery_folder()
    except SettingsError:
        return []
    found = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            definition = read_definition(path.read_text(encoding="utf-8"), file=path.name)
        except RecipeError:
            continue
        words = sentence(definition.as_tree(), services().registry)
        found.append(Entry(path.stem, definition, words, _needs(definition)))
    return found


def _needs(definition: Definition) -> list[tuple[str, str]]:
    registry = services().registry
    needs: dict[str, str] = {}
    trigger = registry.triggers.get(definition.trigger.key)
    if trigger is not None:
        needs[definition.trigger.connection] = trigger.connection.kind
    for step in definition.steps:
        action = registry.actions.get(step.action)
        if action is not None and action.connection is not None:
            needs.setdefault(step.connection, action.connection.kind)
    return list(needs.items())


def entry(slug: str) -> Entry:
    found = next((one for one in entries() if one.slug == slug), None)
    if found is None:
        raise NotFoundError(f"The gallery has no recipe {slug!r}.")
    return found


@blueprint.get("/gallery")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("recipes/gallery.html", entries=entries(), kinds=services().registry.kinds)


@blueprint.get("/gallery/<slug>")
@requires(Role.EDITOR)
def choose(slug: str) -> str:
    found = entry(slug)
    offered = {
        kind: [row.name for row in services().connections.all() if row.kind == kind]
        for _, kind in found.needs
    }
    return render_template(
        "recipes/gallery_entry.html", entry=found, offered=offered, kinds=services().registry.kinds
    )


@blueprint.post("/gallery/<slug>")
@requires(Role.EDITOR)
def use(slug: str) -> AnyResponse:
    """Make a draft of it with the chosen connections."""
    found = entry(slug)
    chosen = {
        name: request.form.get(f"connection-{place}", "") for place, (name, _) in enumerate(found.needs)
    }
    known = {row.name for row in services().connections.all()}
    if set(chosen.values()) - known - {""}:
        raise InputError("One of these connections is gone. Choose another.")
    tree = found.definition.as_tree()
    tree["name"] = free_name(str(tree["name"]))
    for part in (tree["trigger"], *tree["steps"]):
        part["connection"] = chosen.get(str(part.get("connection", "")), "")
    view = save(tree, None)
    return redirect(url_for("recipes.builder.show", recipe_id=view.recipe.id))
