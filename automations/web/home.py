"""The first page: what wants a person, what happened today, and how to begin."""

from __future__ import annotations

from flask import Blueprint, render_template

from automations.model.states import Role
from automations.web.auth import requires

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("home.html")
