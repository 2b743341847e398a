"""The recipes: the list, on and off, files, versions. The builder and the gallery hang below."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.definition import parse_definition, write_definition
from automations.engine.recipes import RecipeView
from automations.engine.stops import OpenStop
from automations.errors import AutomationError, RecipeError
from automations.model.recipe import RecipeVersion
from automations.model.states import ConnectionState, Role
from automations.web import builder, gallery, guarding, publishing, samples_panel, testing_panel
from automations.web.auth import person, requires
from automations.web.recipe_words import changes, sentence
from automations.web.services import services

blueprint = Blueprint("recipes", __name__, url_prefix="/recipes")
for part in (builder, gallery, guarding, publishing, samples_panel, testing_panel):
    blueprint.register_blueprint(part.blueprint)


@dataclass(frozen=True)
class RecipeLine:
    """One recipe in the list. counts: status -> runs of today.

    paused: connections that wait for their owner, as (id, name, why). warnings: what it names and its accounts
    have no more. stops: what a guard did to it.
    """

    view: RecipeView
    sentence: str
    counts: dict[str, int]
    last_run_at: datetime | None
    paused: list[tuple[int, str, str]]
    warnings: list[str]
    stops: list[OpenStop]

    @property
    def mark(self) -> str:
        """`on`, `parked` (wants a person), `off` or `draft`."""
        if self.view.published is None:
            return "draft"
        if (
            self.stops
            or self.counts.get("parked")
            or ((self.paused or self.warnings) and self.view.recipe.enabled)
        ):
            return "parked"
        return "on" if self.view.recipe.enabled else "off"


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("recipes/index.html", lines=_lines(), kinds=services().connections.all())


def _lines() -> list[RecipeLine]:
    given = services()
    midnight = given.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    counts, last = given.history.counts(midnight), given.history.last_run_at()
    paused = {
        row.name: (row.id or 0, row.name, row.state_reason)
        for row in given.connections.all()
        if row.state == ConnectionState.PAUSED
    }
    warnings = given.account_changes.warnings()
    stops = guarding.stops_by_recipe()
    lines = []
    for view in given.recipes.all():
        tree = (view.published or view.latest).definition
        names = {str((tree.get("trigger") or {}).get("connection", ""))}
        names |= {str(step.get("connection", "")) for step in tree.get("steps") or []}
        number = view.recipe.id or 0
        lines.append(
            RecipeLine(
                view,
                sentence(tree, given.registry),
                counts.get(number, {}),
                last.get(number),
                [paused[name] for name in sorted(names & set(paused))],
                warnings.get(number, []) if view.recipe.enabled else [],
                stops.get(number, []),
            )
        )
    return lines


@blueprint.post("/<int:recipe_id>/switch")
@requires(Role.PUBLISHER)
def switch(recipe_id: int) -> AnyResponse:
    given = services()
    view = given.recipes.get_by_id(recipe_id)
    enabled = request.form.get("enabled") == "1"
    given.recipes.switch(view.recipe.name, enabled=enabled, by=person().email)
    flash(
        f"{view.recipe.name} is {'on' if enabled else 'off'}."
        + ("" if enabled else " What is under way finishes.")
    )
    publishing.tell_subscriptions(view)
    back_to_builder = request.form.get("back") == "builder"
    return redirect(_builder(recipe_id) if back_to_builder else url_for("recipes.index"))


def _builder(recipe_id: int) -> str:
    return url_for("recipes.builder.show", recipe_id=recipe_id)


@blueprint.get("/<int:recipe_id>/export")
@requires(Role.VIEWER)
def export(recipe_id: int) -> Response:
    view = services().recipes.get_by_id(recipe_id)
    text = services().recipes.export(view.recipe.name)
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in view.recipe.name.lower()).strip("-")
    return Response(
        text,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name or "recipe"}.yaml"'},
    )


@blueprint.get("/<int:recipe_id>/versions")
@requires(Role.VIEWER)
def versions(recipe_id: int) -> str:
    given = services()
    view = given.recipes.get_by_id(recipe_id)
    found = given.recipes.versions(recipe_id)
    rows = []
    for newer, older in zip(found, [*found[1:], None], strict=True):
        said = changes(older.definition if older else None, newer.definition, given.registry)
        rows.append((newer, said, _difference(older, newer)))
    return render_template("recipes/versions.html", view=view, rows=rows)


def _difference(older: RecipeVersion | None, newer: RecipeVersion) -> list[tuple[str, str]]:
    """Return the differing lines of two files as (`+`, `-`, `@` or blank, text); nothing where one has mistakes."""
    if older is None:
        return []
    try:
        before, after = (
            write_definition(parse_definition(version.definition)).splitlines() for version in (older, newer)
        )
    except RecipeError:
        return []
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    return [(line[:1] if line[:1] in "+-@" else " ", line) for line in lines]


@blueprint.post("/<int:recipe_id>/versions/<int:number>/rollback")
@requires(Role.PUBLISHER)
def rollback(recipe_id: int, number: int) -> AnyResponse:
    given = services()
    view = given.recipes.get_by_id(recipe_id)
    try:
        fresh = given.recipes.rollback(view.recipe.name, number, by=person().email)
    except AutomationError as error:
        flash(f"Version {number} cannot be used again: {error.message}")
        return redirect(url_for("recipes.versions", recipe_id=recipe_id))
    published = fresh.published.number if fresh.published else number
    flash(f"Version {number} is in use again, as version {published}.")
    publishing.tell_subscriptions(fresh)
    return redirect(url_for("recipes.versions", recipe_id=recipe_id))


@blueprint.post("/<int:recipe_id>/discard")
@requires(Role.EDITOR)
def discard(recipe_id: int) -> AnyResponse:
    """Forget the draft; a recipe that was never published goes with it."""
    view = services().recipes.get_by_id(recipe_id)
    services().recipes.discard_draft(recipe_id)
    if view.published is None:
        flash(f"The draft {view.recipe.name} is removed.")
        return redirect(url_for("recipes.index"))
    flash("The changes are discarded; this is what is published.")
    return redirect(_builder(recipe_id))
