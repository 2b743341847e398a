"""The runs: the list with its filters, one run, and what a person does with one that stopped."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.history import PAGE, RunLine
from automations.errors import AutomationError, InputError
from automations.model.states import Role, RunStatus
from automations.web.auth import person, requires
from automations.web.one_run import story_of
from automations.web.services import services
from automations.web.shown_runs import FILTERS, PERIODS

LIST = "runs"

blueprint = Blueprint("runs", __name__, url_prefix="/runs")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str | AnyResponse:
    """Show one page of runs; to htmx, only the list, and nothing at all while it looks as it did."""
    chosen = {name: request.args.get(name, "").strip()[:200] for name in (*FILTERS, "live")}
    before = request.args.get("before", type=int)
    problem, lines = "", []
    looked_from = services().history.looked_at_from(chosen["search"], before)
    try:
        lines = _lines(chosen, before, looked_from)
    except AutomationError as error:
        problem = error.message
    has_more = len(lines) > PAGE
    lines = lines[:PAGE]
    older = lines[-1].run.id if has_more else looked_from
    query = {name: value for name, value in chosen.items() if value}
    context = {
        "chosen": chosen,
        "lines": lines,
        "problem_text": problem,
        "live": before is None and chosen["live"] != "off",
        "first_page": before is None,
        "older": f"/runs?{urlencode({**query, 'before': older})}" if older else "",
        "looked_from": None if has_more else looked_from,
        "here": f"/runs?{urlencode(query)}",
        "switch": f"/runs?{urlencode({**query, 'live': 'on' if chosen['live'] == 'off' else 'off'})}",
        "filtered": bool(query.keys() - {"live"}),
        "replay": f"/runs/replay?{urlencode({name: chosen[name] for name in FILTERS if chosen[name]})}",
    }
    if request.headers.get("HX-Target") == LIST:
        return _list_if_changed(context)
    context |= {"recipes": [view.recipe.name for view in services().recipes.all()], "statuses": RunStatus}
    context["seen"] = _digest(render_template("runs/_list.html", **context, seen=""))
    return render_template("runs/index.html", **context, periods=PERIODS)


def _lines(chosen: dict[str, str], before: int | None, looked_from: int | None) -> list[RunLine]:
    period = PERIODS.get(chosen["since"])
    return services().history.runs(
        recipe=chosen["recipe"] or None,
        status=chosen["status"] or None,
        search=chosen["search"] or None,
        since=services().clock.now() - period[1] if period else None,
        before_id=before,
        from_id=looked_from,
        limit=PAGE + 1,
    )


def _list_if_changed(context: dict[str, object]) -> AnyResponse:
    seen = _digest(render_template("runs/_list.html", **context, seen=""))
    if request.args.get("seen") == seen:
        return Response(status=204)
    return make_response(render_template("runs/_list.html", **context, seen=seen))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@blueprint.get("/<int:run_id>")
@requires(Role.VIEWER)
def show(run_id: int) -> str:
    return render_template("runs/show.html", story=story_of(services().history.run(run_id)))


# -- what a person does


@blueprint.post("/<int:run_id>/try-now")
@requires(Role.EDITOR)
def try_now(run_id: int) -> AnyResponse:
    services().manual.try_now(run_id)
    return _back(run_id, "It goes on now.")


@blueprint.post("/<int:run_id>/mark-done")
@requires(Role.EDITOR)
def mark_done(run_id: int) -> AnyResponse:
    services().manual.mark_done(run_id, f"{_why()} ({person().email})")
    return _back(run_id, "The step counts as done, and the run goes on.")


@blueprint.post("/<int:run_id>/cancel")
@requires(Role.EDITOR)
def cancel(run_id: int) -> AnyResponse:
    services().manual.cancel(run_id, f"{_why()} ({person().email})")
    return _back(run_id, "The run is cancelled. What it did stays done.")


def _why() -> str:
    why = request.form.get("why", "").strip()
    if not why or len(why) > 500:
        raise InputError("Say why in 1 to 500 characters, for whoever reads this later.", status=422)
    return why


def _back(run_id: int, told: str) -> AnyResponse:
    flash(told)
    return redirect(url_for("runs.show", run_id=run_id))
