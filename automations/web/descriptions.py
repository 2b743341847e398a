"""Services by description: the list, one description, writing one of one's own and trying it without sending."""

from __future__ import annotations

import json
from typing import Any

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.contracts import DescribedKind, Description
from automations.errors import AutomationError, InputError, NotFoundError, RecipeError, RecipeProblems
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.services import services

LARGEST_SAMPLE = 64 * 1024
SAMPLES = {
    "profile": {
        "action": "profile",
        "identity": "user-8841",
        "email": "ines@lumen-mail.example",
        "properties": {"name": "Ines Okafor", "plan": "Trial", "seats": 12},
    },
    "event": {
        "action": "event",
        "identity": "user-8841",
        "event_name": "Deal Won",
        "timestamp": "2026-11-22T10:42:00Z",
        "properties": {"value": 18400.5, "currency": "EUR"},
    },
}
AUTHS = (
    ("bearer", "A token in the header Authorization: Bearer"),
    ("header", "A key in a header of its own"),
    ("basic", "A key as the user name of HTTP Basic"),
    ("query", "A key in the address"),
    ("body", "A key in the body"),
    ("none", "None"),
)
TIMES = (
    ("iso", "2026-11-22T10:42:00Z"),
    ("iso_ms", "2026-11-22T10:42:00.000Z"),
    ("epoch_s", "1795344120 (seconds)"),
    ("epoch_ms", "1795344120000 (milliseconds)"),
)
NESTED = (
    ("keep", "Sent as they are"),
    ("flatten", "Each part under a name of its own"),
    ("json", "As JSON text"),
    ("drop", "Left out"),
)

blueprint = Blueprint("descriptions", __name__, url_prefix="/connections/descriptions")
_log = structlog.get_logger("descriptions")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("descriptions/index.html", kind=_kind(), descriptions=_kind().descriptions())


@blueprint.get("/new")
@requires(Role.ADMIN)
def new() -> str:
    return _form({}, None)


@blueprint.post("/new")
@requires(Role.ADMIN)
def draft() -> str | tuple[str, int]:
    """Turn the answers of the form into a text, shown to be read, changed, tried and kept."""
    try:
        text = _kind().draft(request.form)
    except InputError as error:
        return _form(request.form, error), 422
    return _editor(None, text)


@blueprint.get("/<name>")
@requires(Role.VIEWER)
def show(name: str) -> str:
    return _editor(_found(name), _kind().text_of(name))


@blueprint.post("/try")
@requires(Role.EDITOR)
def try_it() -> str:
    """Show the exact requests for one sample. Nothing leaves."""
    which = "event" if request.form.get("which") == "event" else "profile"
    text, sample = request.form.get("text", ""), request.form.get(f"sample-{which}", "")
    try:
        requests = _kind().requests_for(_text(text), {}, _sample(sample))
    except RecipeProblems as error:
        return render_template("descriptions/_tried.html", problems=_lines(error), requests=())
    except (InputError, RecipeError) as error:
        return render_template("descriptions/_tried.html", problems=[error.message], requests=())
    return render_template("descriptions/_tried.html", problems=(), requests=requests)


@blueprint.post("/keep")
@requires(Role.ADMIN)
def keep() -> tuple[str, int] | AnyResponse:
    text = _text(request.form.get("text", ""))
    try:
        kept = services().own_descriptions.keep(_kind().kind, text)
    except RecipeProblems as error:
        return _editor(None, text, _lines(error)), 422
    except AutomationError as error:
        return _editor(None, text, [error.message]), 422
    _log.info("description.change", name=kept.name, user=person().id)
    flash(f"{kept.title} is kept. Connect an account of it next.")
    return redirect(url_for("descriptions.show", name=kept.name))


@blueprint.post("/<name>/remove")
@requires(Role.ADMIN)
def remove(name: str) -> AnyResponse:
    try:
        services().own_descriptions.remove(_kind().kind, name)
    except AutomationError as error:
        flash(error.message)
        return redirect(url_for("descriptions.show", name=name))
    flash(f"{name} is removed.")
    return redirect(url_for("descriptions.index"))


def _kind() -> DescribedKind:
    kinds = services().own_descriptions.kinds()
    if not kinds:
        raise NotFoundError("No kind of connection here is described by texts.")
    return kinds[0]


def _found(name: str) -> Description:
    for one in _kind().descriptions():
        if one.name == name:
            return one
    raise NotFoundError(f"There is no description named {name!r}. Choose one from the list.")


def _form(answers: Any, error: InputError | None) -> str:
    wrong = error.code.removeprefix("draft.") if error and error.code.startswith("draft.") else ""
    return render_template(
        "descriptions/new.html",
        answers=answers,
        wrong={wrong: error.message} if error and wrong else {},
        problem_text=error.message if error and not wrong else "",
        auths=AUTHS,
        times=TIMES,
        nested=NESTED,
    )


def _editor(found: Description | None, text: str, problems: list[str] | None = None) -> str:
    return render_template(
        "descriptions/show.html",
        found=found,
        kind=_kind(),
        text=text,
        problems=problems or ([found.problem] if found and found.problem else []),
        samples={name: json.dumps(sample, indent=2) for name, sample in SAMPLES.items()},
        changes=found is None or found.own,
    )


def _text(given: str) -> str:
    return given.replace("\r\n", "\n")


def _sample(text: str) -> dict[str, Any]:
    if len(text) > LARGEST_SAMPLE:
        raise InputError("The sample record is too long. Shorten it.")
    try:
        sample = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("The sample record is not JSON. Correct it.") from error
    if not isinstance(sample, dict):
        raise InputError("A sample record is an object: {…}.")
    return sample


def _lines(error: RecipeProblems) -> list[str]:
    return [f"{one.path}: {one.message}" if one.path else one.message for one in error.problems]
