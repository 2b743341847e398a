"""The builder's addresses: show a recipe, keep what is typed, change its shape, preview it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.definition import (
    Definition,
    SamplePart,
    StepPart,
    TestPart,
    TriggerPart,
    parse_definition,
)
from automations.engine.recipes import RecipeView
from automations.errors import InputError, RecipeError
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.builder_edits import Editor
from automations.web.builder_form import Tree, read_recipe
from automations.web.builder_page import BuilderPage, page_of
from automations.web.recipe_words import action_words
from automations.web.services import services

blueprint = Blueprint("builder", __name__)
UNTITLED = "Untitled recipe"


@blueprint.get("/new")
@requires(Role.EDITOR)
def new() -> str:
    return render_template("recipes/new.html", groups=_trigger_groups())


def _trigger_groups() -> list[tuple[str, list[Any]]]:
    groups: dict[str, list[Any]] = {}
    for trigger in services().registry.triggers.values():
        groups.setdefault(trigger.connection.title, []).append(trigger)
    return sorted(groups.items())


@blueprint.post("/new")
@requires(Role.EDITOR)
def make() -> AnyResponse:
    """Begin a draft with the chosen trigger."""
    given = services()
    word, _, key = request.form.get("op", "").partition(":")
    if word != "trigger" or key not in given.registry.triggers:
        raise InputError("Choose what starts the recipe.")
    name = free_name(request.form.get("name", "").strip()[:150] or given.registry.triggers[key].title)
    tree: Tree = {"name": name, "enabled": True, "trigger": {"key": ""}, "steps": []}
    edited = Editor(tree, given.registry, connection_names()).apply(f"trigger:{key}")
    view = save(edited.tree, None)
    return redirect(url_for("recipes.builder.show", recipe_id=view.recipe.id))


@blueprint.get("/<int:recipe_id>")
@requires(Role.VIEWER)
def show(recipe_id: int) -> str:
    page = page_of(services().recipes.get_by_id(recipe_id), sample_ref=request.args.get("sample", ""))
    return render_template("recipes/builder.html", page=page)


@blueprint.post("/<int:recipe_id>/save")
@requires(Role.EDITOR)
def keep(recipe_id: int) -> str:
    """Save the draft as it stands; answers the line that says so."""
    view, tree, told = saved_form(recipe_id)
    return render_template("recipes/_saved.html", page=BuilderPage(view, tree, told=told))


@blueprint.post("/<int:recipe_id>/edit")
@requires(Role.EDITOR)
def edit(recipe_id: int) -> AnyResponse:
    """Apply one change of shape to what the form holds, and save."""
    given = services()
    view = given.recipes.get_by_id(recipe_id)
    tree = read_recipe(request.form, view.latest.definition)
    editor = Editor(tree, given.registry, connection_names())
    op = request.form.get("op", "refresh")
    edited = editor.apply(op, request.form.get("undo", ""))
    if op.startswith("add-step:"):
        _name_after_first_step(view, edited.tree)
    view, told = try_saving(edited.tree, view)
    if not request.headers.get("HX-Request"):
        if told:
            flash(told)
        return redirect(url_for("recipes.builder.show", recipe_id=recipe_id) + "#recipe")
    page = BuilderPage(
        view,
        edited.tree,
        request.form.get("sample", ""),
        edited.removed,
        edited.removed_words,
        edited.focus,
        told,
    )
    return make_response(render_template("recipes/_edited.html", page=page))


def _name_after_first_step(view: RecipeView, tree: Tree) -> None:
    """A name that was only ever the trigger's title tells more with what the recipe does."""
    given = services()
    trigger = given.registry.triggers.get(str((tree.get("trigger") or {}).get("key")))
    steps = tree["steps"]
    if (
        trigger is not None
        and len(steps) == 1
        and str(tree["name"]).startswith(trigger.title)
        and not view.published
    ):
        rest = str(tree["name"])[len(trigger.title) :]
        if rest == "" or rest.strip().isdigit():
            words = action_words(str(steps[0]["action"]), given.registry)
            tree["name"] = free_name(f"{trigger.title} → {words}")


@blueprint.post("/<int:recipe_id>/preview")
@requires(Role.EDITOR)
def preview(recipe_id: int) -> Response:
    """Return the truth beneath every field for what the form holds now; saves nothing."""
    page = form_page(recipe_id)
    if page.preview is None:
        return jsonify({"lines": {}, "conditions": {}, "words": {}, "problems": []})
    return jsonify(page.preview.as_json())


def form_page(recipe_id: int) -> BuilderPage:
    """Return the page of what the form holds now, saved or not."""
    view = services().recipes.get_by_id(recipe_id)
    return BuilderPage(
        view, read_recipe(request.form, view.latest.definition), request.form.get("sample", "")
    )


# -- saving ---------------------------------------------------------------------------------------


def saved_form(recipe_id: int) -> tuple[RecipeView, Tree, str]:
    """Save what the form holds. Returns the recipe, its tree, and what could not be saved, in words."""
    view = services().recipes.get_by_id(recipe_id)
    tree = read_recipe(request.form, view.latest.definition)
    view, told = try_saving(tree, view)
    return view, tree, told


def try_saving(tree: Tree, view: RecipeView) -> tuple[RecipeView, str]:
    """Save the draft; a name that cannot be used keeps the old one and says so."""
    if tree == view.latest.definition:
        return view, ""
    try:
        return save(tree, view.recipe.id), ""
    except InputError as error:
        tree["name"] = view.recipe.name
        return save(tree, view.recipe.id), error.message


def save(tree: Mapping[str, Any], recipe_id: int | None) -> RecipeView:
    """Keep a draft, mistakes and all. Raises InputError for a name that cannot be used."""
    name = str(tree.get("name", ""))
    if not name or len(name) > 200 or not name.isprintable():
        raise InputError("A recipe needs a name of 1 to 200 printable characters. The old name is kept.")
    return services().recipes.save_draft(as_definition(tree), recipe_id=recipe_id, by=person().email)


def as_definition(tree: Mapping[str, Any]) -> Definition:
    """Return the tree as a definition; one with mistakes is taken as it is, for its author to mend."""
    try:
        return parse_definition(tree)
    except RecipeError:
        return Definition.model_construct(
            name=tree["name"],
            description=tree.get("description", ""),
            enabled=tree.get("enabled", True),
            trigger=TriggerPart.model_construct(
                **{"connection": "", "fields": {}, **(tree.get("trigger") or {})}
            ),
            only_if=tree.get("only_if"),
            order=tree.get("order", "per_record"),
            steps=[
                StepPart.model_construct(**{"connection": "", "missing": {}, **step})
                for step in tree["steps"]
            ],
            samples=[SamplePart.model_validate(sample) for sample in tree.get("samples") or []],
            tests=[TestPart.model_validate(test) for test in tree.get("tests") or []],
        )


def connection_names() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for row in services().connections.all():
        names.setdefault(row.kind, []).append(row.name)
    return names


def free_name(wanted: str) -> str:
    """Return the name, or the name with the first number that no recipe has yet."""
    taken = {view.recipe.name for view in services().recipes.all()}
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name
