"""What programs read of the history: runs and events, in the same JSON as the commands print.

A program shows a token, `Authorization: Bearer …`; a signed-in person may look, too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Blueprint, Response, request

from automations.engine.history import PAGE, PAGE_MAX
from automations.engine.history_json import detail_as_json, event_as_json, run_as_json
from automations.errors import InputError
from automations.model.states import Role
from automations.web.auth import requires
from automations.web.services import services

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)


@blueprint.get("/runs")
@requires(Role.VIEWER)
def runs() -> Response:
    """List runs, newest first: `recipe`, `status`, `record`, `search`, `since`, `before`, `limit`."""
    limit = _whole("limit", PAGE, PAGE_MAX)
    found = services().history.runs(
        recipe=_text("recipe"),
        status=_text("status"),
        record=_text("record"),
        search=_text("search"),
        since=_time("since"),
        before_id=_whole("before", 0, 2**63 - 1) or None,
        limit=limit + 1,
    )
    shown = found[:limit]
    following = shown[-1].run.id if len(found) > limit else None
    return _json({"runs": [run_as_json(line) for line in shown], "next_before": following})


@blueprint.get("/runs/<int:run_id>")
@requires(Role.VIEWER)
def run(run_id: int) -> Response:
    """Show one run with every delivery, attempt, request and reply."""
    return _json(detail_as_json(services().history.run(run_id)))


@blueprint.get("/events/<int:event_id>")
@requires(Role.VIEWER)
def event(event_id: int) -> Response:
    """Show one event and what every recipe made of it: why it ran, or why it did not."""
    found, connection = services().history.event(event_id)
    return _json(event_as_json(found, connection, services().history.why(event_id)))


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_UTC_Z), content_type="application/json")


def _text(name: str) -> str | None:
    return request.args.get(name, "").strip()[:200] or None


def _whole(name: str, default: int, most: int) -> int:
    text = request.args.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise InputError(f"{name!r} takes a whole number from 1 to {most}.")
    return int(text)


def _time(name: str) -> datetime | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name!r} takes a time such as 2026-11-22T10:00:00Z.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
