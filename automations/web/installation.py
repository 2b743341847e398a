"""The settings page: people, what this installation is and takes, and how the pages look."""

from __future__ import annotations

import shutil
from pathlib import Path

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations import __version__
from automations.errors import InputError
from automations.model.states import Role
from automations.web.auth import may, requires
from automations.web.presenting import size
from automations.web.services import services

THEMES = {"": "As the system", "light": "Light", "dark": "Dark"}

blueprint = Blueprint("installation", __name__, url_prefix="/settings")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    given = services()
    return render_template(
        "settings/index.html",
        people=given.people.all() if may(Role.ADMIN) else [],
        themes=THEMES,
        about={"Version": __version__, **_facts()},
    )


def _facts() -> dict[str, str]:
    settings = services().settings
    facts = {
        "Public address": settings.public_url,
        "Database": "SQLite" if settings.on_sqlite else "PostgreSQL",
        "History is kept": f"{settings.retention_days} days; parked runs until somebody ends them",
    }
    if settings.on_sqlite:
        facts["It takes"] = size(_bytes_in(settings.instance))
    facts["Free on its disk"] = size(shutil.disk_usage(settings.instance).free)
    facts["Undecided events"] = str(services().history.undecided())
    return facts


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.db*") if path.is_file())


@blueprint.post("/theme")
@requires(Role.VIEWER)
def choose_theme() -> AnyResponse:
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        raise InputError("There is no such look. Choose one of the three.")
    session.pop("theme", None)
    if theme:
        session["theme"] = theme
    flash("The look is changed.")
    return redirect(url_for("installation.index"))
