"""What the guards did, on the pages: recipes that are held back, circles that were cut, connections that are silent."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.stops import FUSE, OpenStop
from automations.errors import InputError
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.presenting import plural
from automations.web.services import services

blueprint = Blueprint("guarding", __name__)


@blueprint.post("/<int:recipe_id>/go-on")
@requires(Role.PUBLISHER)
def go_on(recipe_id: int) -> AnyResponse:
    """Let a recipe go on, with its held runs or without, or take note of a circle that was cut."""
    recipe = services().recipes.get_by_id(recipe_id).recipe
    drop = request.form.get("drop") == "1"
    was_held = any(stop.kind == FUSE for stop in services().stops.open(recipe_id))
    try:
        count = services().stops.end(recipe.name, by=person().email, drop=drop)
    except InputError as error:
        flash(error.message)
        return redirect(url_for("recipes.index"))
    runs = plural(count, "run")
    if not was_held:
        flash(f"Noted. {recipe.name} goes on as before.")
    elif drop:
        flash(f"{recipe.name} goes on with what comes next; {runs} that waited {_was(count)} cancelled.")
    else:
        flash(f"{recipe.name} goes on; {runs} that waited {_was(count)} on the way.")
    return redirect(url_for("recipes.index"))


def _was(count: int) -> str:
    return "is" if count == 1 else "are"


def stops_by_recipe() -> dict[int, list[OpenStop]]:
    """Return what nobody has ended yet, by recipe."""
    found: dict[int, list[OpenStop]] = {}
    for stop in services().stops.open():
        found.setdefault(stop.recipe_id, []).append(stop)
    return found


def sentence_of(stop: OpenStop) -> str:
    """Return what a guard did to a recipe, in a sentence."""
    if stop.kind == FUSE:
        waiting = f" {plural(stop.waiting, 'run')} wait." if stop.waiting != 1 else " 1 run waits."
        return f"{stop.recipe} is held back: {stop.reason}.{waiting}"
    times = f" ({stop.count} times)" if stop.count > 1 else ""
    return f"{stop.recipe}: {stop.reason}{times}."


def silent_connections() -> list[tuple[int, str]]:
    """Return the connections that do not answer, each as (id, what is known of it)."""
    names = {row.id or 0: row.name for row in services().connections.all()}
    return [
        (number, f"{names.get(number, 'A connection')} does not answer: {breaker.reason}")
        for number, breaker in services().breakers.all().items()
    ]
