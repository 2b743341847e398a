"""The panel of the sample: which one, where it comes from, its fields as a tree; and the ƒ menu of a field."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.samples import sample_text
from automations.errors import AutomationError
from automations.model.states import Role
from automations.web.auth import requires
from automations.web.builder import form_page
from automations.web.builder_page import BuilderPage, remember_sample
from automations.web.filter_menu import filter_choices
from automations.web.services import services

blueprint = Blueprint("samples", __name__)
PULLED = 5


@blueprint.post("/<int:recipe_id>/sample")
@requires(Role.EDITOR)
def choose(recipe_id: int) -> str | AnyResponse:
    """Preview with another sample from now on."""
    remember_sample(recipe_id, request.form.get("sample", ""))
    return _panel(form_page(recipe_id))


def _panel(page: BuilderPage, problem: str = "") -> str | AnyResponse:
    if not request.headers.get("HX-Request"):
        return redirect(url_for("recipes.builder.show", recipe_id=page.id))
    return render_template("recipes/_sample.html", page=page, problem=problem)


@blueprint.post("/<int:recipe_id>/sample/pull")
@requires(Role.EDITOR)
def pull(recipe_id: int) -> str | AnyResponse:
    """Read some of the account's newest records, narrowed as the trigger is."""
    page = form_page(recipe_id)
    connection_id = page.connection_id
    if connection_id is None:
        return _panel(page, "Choose the connection of the trigger first.")
    try:
        fields = (page.tree.get("trigger") or {}).get("fields") or {}
        found = services().samples.pull(page.trigger_key, connection_id, fields, PULLED)
    except AutomationError as error:
        return _panel(page, error.message)
    if not found:
        return _panel(page, "The account has no such record yet. Paste one, or use the built-in sample.")
    remember_sample(recipe_id, found[0].ref)
    page.sample_ref = found[0].ref
    return _panel(page)


@blueprint.post("/<int:recipe_id>/sample/paste-sheet")
@requires(Role.EDITOR)
def paste_sheet(recipe_id: int) -> str:
    """Ask for a record; with `edit`, begin with the sample that is shown."""
    page = form_page(recipe_id)
    text = sample_text(page.occurrence) if request.form.get("edit") and page.occurrence else ""
    return render_template("recipes/_paste.html", page=page, text=text, problem="", name="")


@blueprint.post("/<int:recipe_id>/sample/paste")
@requires(Role.EDITOR)
def paste(recipe_id: int) -> str | AnyResponse:
    """Keep what was pasted as a sample and preview with it."""
    page = form_page(recipe_id)
    text, name = request.form.get("pasted", ""), request.form.get("pasted_name", "").strip()[:100]
    if page.connection_id is None:
        problem = "Choose the connection of the trigger first; samples are kept with it."
        return render_template("recipes/_paste.html", page=page, text=text, problem=problem, name=name)
    try:
        found = services().samples.paste(page.trigger_key, page.connection_id, text, name)
    except AutomationError as error:
        return render_template("recipes/_paste.html", page=page, text=text, problem=error.message, name=name)
    remember_sample(recipe_id, found.ref)
    page.sample_ref = found.ref
    return render_template("recipes/_sample.html", page=page, problem="", close_sheet=True)


@blueprint.post("/<int:recipe_id>/filters")
@requires(Role.EDITOR)
def filters(recipe_id: int) -> str:
    """Offer what can be done to one field's value, each shown on the sample."""
    page = form_page(recipe_id)
    source = request.form.get("source", "")
    choices = filter_choices(source, page.preview) if page.preview is not None else []
    return render_template("recipes/_filters.html", choices=choices, source=source)


@blueprint.post("/<int:recipe_id>/render")
@requires(Role.EDITOR)
def render_one(recipe_id: int) -> AnyResponse:
    """Return what one template comes to, for the large editor."""
    page = form_page(recipe_id)
    if page.preview is None:
        return jsonify({"state": "blank", "value": None, "type": "", "message": "There is no sample."})
    return jsonify(page.preview.value(request.form.get("source", "")))
