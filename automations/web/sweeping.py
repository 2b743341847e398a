"""What did not arrive, on the pages: what the last look found, and looking now."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.sweep_marks import SweepResult
from automations.errors import AutomationError
from automations.model.connection import Connection
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.services import services

blueprint = Blueprint("sweeping", __name__, url_prefix="/connections")


@blueprint.post("/<int:connection_id>/sweep")
@requires(Role.PUBLISHER)
def sweep(connection_id: int) -> AnyResponse:
    """Look through the account now, in the workers."""
    row = services().connections.by_id(connection_id)
    try:
        job = services().sweeps.start(row.name, by=person().email)
    except AutomationError as error:
        flash(error.message)
        return redirect(url_for("connections.show", connection_id=connection_id))
    flash("It begins. This page shows how far it is.")
    return redirect(url_for("jobs.show", job_id=job.id))


def sweep_of(row: Connection) -> SweepResult | None:
    """Return what the last look at an account found; None where nobody looks after it."""
    return services().sweeps.result(row.id or 0)


def sweep_results() -> Sequence[SweepResult]:
    return services().sweeps.results()
