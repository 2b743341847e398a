"""The settings page: people, what this installation is and takes, and how the pages look."""

from __future__ import annotations

import shutil

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations import __version__
from automations.engine.presence import live
from automations.engine.tidying import Tidying
from automations.errors import InputError
from automations.model.process import Process
from automations.model.states import ProcessRole, Role
from automations.web.auth import may, person, requires
from automations.web.presenting import size
from automations.web.services import services

TIDYING = Tidying.name
THEMES = {"": "As the system", "light": "Light", "dark": "Dark"}

blueprint = Blueprint("installation", __name__, url_prefix="/settings")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    given = services()
    return render_template(
        "settings/index.html",
        people=given.people.all() if may(Role.ADMIN) else [],
        processes=_processes() if may(Role.ADMIN) else [],
        themes=THEMES,
        about={"Version": __version__, **_facts()},
    )


def _processes() -> list[tuple[Process, str]]:
    """Return who lives, on all machines, each with what it does."""
    rows = live(services().database, services().clock)
    return [(row, ProcessRole(row.role).sentence) for row in rows]


def _facts() -> dict[str, str]:
    settings = services().settings
    facts = {
        "Public address": settings.public_url,
        "Database": "SQLite" if settings.on_sqlite else "PostgreSQL",
        "History is kept": f"{settings.retention_days} days; parked runs until somebody ends them",
    }
    facts["Free on its disk"] = size(shutil.disk_usage(settings.instance).free)
    facts["Undecided events"] = str(services().history.undecided())
    return facts


@blueprint.get("/storage")
@requires(Role.VIEWER)
def storage() -> str:
    given = services()
    found = given.usage.recent()
    about = {"History takes": f"{size(found.used_bytes)} of {size(found.budget_bytes)}"}
    if found.file_bytes is not None:
        about["Its files"] = size(found.file_bytes)
    if found.free_bytes is not None:
        about["Free on its disk"] = size(found.free_bytes)
    about["Parked and open runs"] = f"about {size(found.owed_bytes_about)}"
    about["Looked at"] = f"{found.looked_at[:16].replace('T', ' ')} UTC"
    if not found.gives_back:
        about["Room given back"] = (
            "not by this file, which an older version made: automations retention run --compact"
        )
    return render_template(
        "settings/storage.html",
        usage=found,
        about=about,
        days=given.settings.retention_days,
        budget=given.settings.disk_budget_bytes,
        may_tidy=may(Role.ADMIN),
    )


@blueprint.post("/storage/tidy")
@requires(Role.ADMIN)
def tidy() -> AnyResponse:
    """Let a worker do it, and show how far it is; one that is under way already is shown."""
    jobs = services().jobs
    under_way = [job for job in jobs.open() if job.kind == TIDYING]
    job = under_way[0] if under_way else jobs.start(TIDYING, {}, by=person().email, alone=TIDYING)
    return redirect(f"/jobs/{job.id}")


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
