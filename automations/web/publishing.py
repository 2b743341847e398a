"""Publishing a draft: what changes, in words; what is still wrong; and the webhooks it needs."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.recipes import RecipeView
from automations.errors import AutomationError, InputError, RecipeProblems
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.backfill import import_existing
from automations.web.builder import as_definition, saved_form
from automations.web.builder_form import without_unbegun
from automations.web.builder_page import BuilderPage, page_of
from automations.web.builder_problems import compile_draft
from automations.web.services import services

blueprint = Blueprint("publishing", __name__)
NOTE_MAX = 500


@blueprint.post("/<int:recipe_id>/publish-sheet")
@requires(Role.PUBLISHER)
def sheet(recipe_id: int) -> str:
    """Save what the form holds and show what publishing it would mean."""
    view, tree, told = saved_form(recipe_id)
    page = BuilderPage(view, tree, request.form.get("sample", ""), told=told)
    return render_template("recipes/_publish.html", page=page)


@blueprint.get("/<int:recipe_id>/publish")
@requires(Role.PUBLISHER)
def whole_page(recipe_id: int) -> str:
    return render_template("recipes/publish.html", page=page_of(services().recipes.get_by_id(recipe_id)))


@blueprint.post("/<int:recipe_id>/publish")
@requires(Role.PUBLISHER)
def publish(recipe_id: int) -> AnyResponse:
    """Make the draft what new events go through, and say how to try it."""
    given = services()
    view = given.recipes.get_by_id(recipe_id)
    if view.draft is None:
        raise InputError(f"{view.recipe.name!r} has no changes to publish.")
    try:
        compile_draft(view.draft.definition, given.recipes)
        clean = as_definition(without_unbegun(view.draft.definition))
        given.recipes.save_draft(clean, recipe_id=recipe_id, by=person().email)
        fresh = given.recipes.publish(
            recipe_id,
            note=request.form.get("note", "").strip()[:NOTE_MAX],
            enabled=request.form.get("enabled") == "1",
            by=person().email,
        )
    except RecipeProblems:
        template = "recipes/_publish.html" if request.headers.get("HX-Request") else "recipes/publish.html"
        return make_response(render_template(template, page=page_of(view)), 422)
    _tell(fresh)
    tell_subscriptions(fresh)
    if request.form.get("import") == "1" and fresh.recipe.enabled:
        import_existing(fresh)
    address = url_for("recipes.builder.show", recipe_id=recipe_id)
    if request.headers.get("HX-Request"):
        return make_response("", 200, {"HX-Redirect": address})
    return redirect(address)


def _tell(view: RecipeView) -> None:
    number = view.published.number if view.published else 1
    if not view.recipe.enabled:
        flash(f"Version {number} is published. It is off; switch it on when it should work.")
        return
    trigger = services().registry.triggers.get(view.recipe.trigger_key or "")
    happening = trigger.sentence[:1].lower() + trigger.sentence[1:] if trigger else "something happens"
    flash(
        f"Version {number} is published and on. To try it, make this happen: {happening}. Its run is under Runs."
    )


def tell_subscriptions(view: RecipeView) -> None:
    """Have the webhooks that the recipe needs, and say in words where that failed."""
    if view.published is None:
        return
    name = str((view.published.definition.get("trigger") or {}).get("connection", ""))
    try:
        reports = services().subscriptions.sync(name) if name else []
    except AutomationError as error:
        flash(f"The webhooks of {name} could not be set up: {error.message}")
        return
    for report in reports:
        if report.problem:
            flash(f"The webhooks of {report.connection} could not be set up: {report.problem}")
