"""A recipe over what exists already: asked for on its own page, tried first, or chosen when it is published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.backfill import Wish
from automations.engine.backfill_preview import BackfillPreview
from automations.engine.recipes import RecipeView
from automations.errors import AutomationError, InputError
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.services import services

blueprint = Blueprint("backfill", __name__, url_prefix="/recipes")
# A page waits for a few lists at most; the job counts everything.
PAGES_LOOKED_AT = 4
_NAMES = ("since", "until", "limit", "rate", "again")


@blueprint.get("/<int:recipe_id>/backfill")
@requires(Role.PUBLISHER)
def show(recipe_id: int) -> str:
    return _page(recipe_id, request.args)


@blueprint.post("/<int:recipe_id>/backfill")
@requires(Role.PUBLISHER)
def start(recipe_id: int) -> str | tuple[str, int] | AnyResponse:
    """Ask for it; with `do=look`, only count and try some."""
    try:
        wish, rate = _wish(request.form), _whole(request.form, "rate")
        if request.form.get("do") == "look":
            preview = services().backfill_previews.preview(recipe_id, wish, pages=PAGES_LOOKED_AT)
            return _page(recipe_id, request.form, preview=preview)
        job = services().backfills.start(recipe_id, wish, rate_per_minute=rate, by=person().email)
    except AutomationError as error:
        return _page(recipe_id, request.form, mistake=error.message), 422
    flash("It begins. This page shows how far it is.")
    return redirect(url_for("jobs.show", job_id=job.id))


def _page(
    recipe_id: int, given: Mapping[str, str], *, preview: BackfillPreview | None = None, mistake: str = ""
) -> str:
    view = services().recipes.get_by_id(recipe_id)
    return render_template(
        "backfill/show.html",
        view=view,
        given={name: given.get(name, "")[:40] for name in _NAMES},
        why_not=services().backfills.why_not(recipe_id),
        preview=preview,
        mistake=mistake,
        jobs=services().jobs.list(3, kind="backfill", recipe_id=recipe_id),
    )


def _wish(form: Mapping[str, str]) -> Wish:
    return Wish(
        _day(form, "since"), _day(form, "until"), _whole(form, "limit"), again=form.get("again") == "1"
    )


def _day(form: Mapping[str, str], name: str) -> datetime | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no day. Write it as 2026-11-22.") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _whole(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name, "").strip().replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise InputError(
            f"{text!r} is no number of records. Write a whole number such as 500, or leave it empty."
        )
    return int(text)


# -- import, then keep in step


def importable(view: RecipeView) -> bool:
    """Tell whether what exists already can be sent through a recipe as it stands now."""
    given = view.latest.definition.get("trigger") or {}
    trigger = services().registry.triggers.get(str(given.get("key", "")))
    if trigger is None:
        return False
    try:
        fields = trigger.Fields.model_validate(given.get("fields") or {})
    except ValidationError:
        return False
    return trigger().cannot_list(fields) is None


def import_existing(view: RecipeView) -> None:
    """Ask for a backfill of a recipe that was just switched on, and say so, or why not."""
    try:
        services().backfills.start(view.recipe.id or 0, Wish(), by=person().email)
    except AutomationError as error:
        flash(f"What exists already is not sent through it: {error.message}")
        return
    flash("What exists already goes through it, too, behind what happens now. Jobs show how far it is.")
