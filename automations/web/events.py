"""The events: what arrived, as it arrived, and what every recipe made of it."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from automations.engine.history import PAGE
from automations.errors import AutomationError
from automations.model.history import Event
from automations.model.states import Role
from automations.web.auth import requires
from automations.web.presenting import json_text, visible
from automations.web.services import services

blueprint = Blueprint("events", __name__, url_prefix="/events")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    connection = request.args.get("connection", type=int)
    record = request.args.get("record", "").strip()[:200]
    before = request.args.get("before", type=int)
    found = services().history.events(
        connection_id=connection, record=record or None, before_id=before, limit=PAGE + 1
    )
    query = {
        "connection": connection,
        "record": record,
        "before": found[PAGE - 1][0].id if len(found) > PAGE else None,
    }
    return render_template(
        "events/index.html",
        events=found[:PAGE],
        connections=services().connections.all(),
        chosen={"connection": connection, "record": record},
        first_page=before is None,
        older=f"/events?{urlencode({k: v for k, v in query.items() if v})}" if query["before"] else "",
    )


@blueprint.get("/<int:event_id>")
@requires(Role.VIEWER)
def show(event_id: int) -> str:
    event, connection = services().history.event(event_id)
    payload, problem = _payload(event)
    return render_template(
        "events/show.html",
        event=event,
        connection=connection,
        payload=payload,
        payload_problem=problem,
        why=services().history.why(event_id),
    )


@blueprint.get("/<int:event_id>/payload")
@requires(Role.VIEWER)
def payload(event_id: int) -> Response:
    """Give the body as a file, secrets masked."""
    event, _ = services().history.event(event_id)
    text, problem = _payload(event)
    answer = Response(problem or text, content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = f"attachment; filename=event-{event_id}.txt"
    return answer


def _payload(event: Event) -> tuple[str, str]:
    """Return (what arrived as text, why it cannot be shown); one of the two is empty.

    Where the stored secrets cannot be read, what would have to be masked is not known, so nothing is shown.
    """
    try:
        masker = services().connections.masker()
    except AutomationError as error:
        return "", f"It is not shown, because secrets in it could not be hidden. {error.message}"
    if not event.payload:
        return "", "It is gone: history took more room than it may, and no run needed this event's content."
    text = event.payload.decode("utf-8", "replace")
    try:
        return json_text(masker.value(json.loads(text))), ""
    except (ValueError, RecursionError):
        return visible(masker.text(text)), ""
