"""Replays: the choices and what they would do, for one run or for all that a filter shows; then the replay itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine import strict_json
from automations.engine.replay_choice import ReplayChoice
from automations.engine.run_filter import RunFilter
from automations.errors import AutomationError, InputError
from automations.model.history import Event
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.presenting import json_to_edit
from automations.web.services import services
from automations.web.shown_runs import FILTERS, filter_of

blueprint = Blueprint("replay", __name__, url_prefix="/runs")

RATE_MAX = 100_000


@dataclass(frozen=True)
class Content:
    """What an event holds, as a person may edit it. locked: why it may not be edited; else empty."""

    text: str
    locked: str = ""


# -- one run


@blueprint.get("/<int:run_id>/replay")
@requires(Role.EDITOR)
def one(run_id: int) -> str:
    """Show what replaying this run would do."""
    return _page_of_one(run_id, _choice(request.args))


@blueprint.post("/<int:run_id>/replay")
@requires(Role.EDITOR)
def replay_one(run_id: int) -> str | tuple[str, int] | AnyResponse:
    """Replay it; with `do=look`, only show what the choices and the edited content would do."""
    choice, text = _choice(request.form), request.form.get("payload")
    try:
        payload = _edited(run_id, text)
    except InputError as error:
        return _page_of_one(run_id, choice, text, mistake=error.message), error.status
    if request.form.get("do") == "look":
        return _page_of_one(run_id, choice, text, payload)
    try:
        new_id = services().replays.replay(run_id, choice, payload=payload, by=person().email)
    except InputError as error:
        return _page_of_one(run_id, choice, text, payload, mistake=error.message), error.status
    flash(f"This run replays run {run_id}.")
    return redirect(url_for("runs.show", run_id=new_id))


def _page_of_one(
    run_id: int,
    choice: ReplayChoice,
    text: str | None = None,
    payload: bytes | None = None,
    *,
    mistake: str = "",
) -> str:
    detail = services().history.run(run_id)
    content = _content(detail.event)
    return render_template(
        "replay/one.html",
        detail=detail,
        choice=choice,
        preview=services().replays.preview(run_id, choice, payload),
        content=content,
        text=content.text if text is None else text,
        edited=payload is not None,
        mistake=mistake,
    )


def _content(event: Event) -> Content:
    """Return an event's content for editing. One that holds a secret is not shown, so it is not edited either."""
    try:
        text = event.payload.decode()
        masked = services().connections.masker().text(text)
    except UnicodeDecodeError:
        return Content("", "It is no text, so it cannot be edited here.")
    except AutomationError as error:
        return Content("", f"It is not shown, because secrets in it could not be hidden. {error.message}")
    if not text:
        return Content("", "It is gone: history took more room than it may.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if masked != text or (value is not None and services().connections.masker().value(value) != value):
        return Content("", "It holds a secret, so it cannot be edited here.")
    return Content(text if value is None else json_to_edit(value))


def _edited(run_id: int, text: str | None) -> bytes | None:
    """Return the edited content, or None where it is as it was. Raises InputError where it can no longer be read."""
    if text is None:
        return None
    content = _content(services().history.run(run_id).event)
    given = text.replace("\r\n", "\n")
    if content.locked or given.strip() == content.text.replace("\r\n", "\n").strip():
        return None
    payload = given.encode()
    try:
        before = json.loads(content.text)
    except (ValueError, RecursionError):
        return payload
    try:
        after = strict_json.loads(payload)
    except InputError as error:
        raise InputError(f"The content is no JSON any more: {error.message}", status=422) from error
    return None if after == before else payload


# -- many


@blueprint.get("/replay")
@requires(Role.EDITOR)
def many() -> str | tuple[str, int]:
    """Count what the filter of the list shows, and show what replaying it would do."""
    return _page_of_many(request.args)


@blueprint.post("/replay")
@requires(Role.EDITOR)
def replay_many() -> str | tuple[str, int] | AnyResponse:
    """Ask for the job; with `do=look`, only show what the choices would do."""
    if request.form.get("do") == "look":
        return _page_of_many(request.form)
    try:
        job = services().replays.start(
            _wanted(request.form),
            _choice(request.form),
            rate_per_minute=_rate(request.form),
            by=person().email,
        )
    except AutomationError as error:
        return _page_of_many(request.form, mistake=error.message)
    flash("The replay begins. This page shows how far it is.")
    return redirect(f"/jobs/{job.id}")


def _page_of_many(values: Mapping[str, str], *, mistake: str = "") -> str | tuple[str, int]:
    chosen = {name: values.get(name, "").strip()[:200] for name in FILTERS}
    choice, preview = _choice(values), None
    wanted = RunFilter()
    try:
        wanted = _wanted(values)
        preview = services().replays.preview_many(wanted, choice)
    except AutomationError as error:
        mistake = mistake or error.message
    query = urlencode({name: value for name, value in chosen.items() if value})
    page = render_template(
        "replay/many.html",
        chosen=chosen,
        choice=choice,
        preview=preview,
        wanted=wanted,
        rate=values.get("rate", ""),
        mistake=mistake,
        back=f"/runs?{query}",
    )
    return (page, 422) if mistake and request.method == "POST" else page


def _wanted(values: Mapping[str, str]) -> RunFilter:
    return filter_of({name: values.get(name, "").strip()[:200] for name in FILTERS}, services().clock.now())


def _choice(values: Mapping[str, Any]) -> ReplayChoice:
    return ReplayChoice.from_json(
        {
            "from": values.get("from", ""),
            "version": values.get("version", ""),
            "repeat_closed": values.get("repeat_closed") == "1",
        }
    )


def _rate(values: Mapping[str, str]) -> int | None:
    text = values.get("rate", "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= RATE_MAX:
        raise InputError(
            f"The rate is a whole number from 1 to {RATE_MAX:,} a minute; leave it empty for none."
        )
    return int(text)
