"""The connections: the list, one connection, adding and changing it, its test and its remote webhooks."""

from __future__ import annotations

import inspect
from typing import Any

import structlog
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.connection_settings import known_table
from automations.engine.contracts import ConnectionKind, DescribedKind
from automations.errors import AutomationError, InputError, NotFoundError
from automations.model.connection import Connection
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.connection_form import ConnectionForm, chosen_by, form_for, given_by
from automations.web.permission import permission_of
from automations.web.services import services

blueprint = Blueprint("connections", __name__, url_prefix="/connections")
_log = structlog.get_logger("connections")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template(
        "connections/index.html",
        rows=services().connections.all(),
        kinds=services().registry.kinds,
        problems=services().registry.problems,
        breakers=services().breakers.all(),
    )


# -- adding and changing


@blueprint.get("/add")
@requires(Role.ADMIN)
def choose_kind() -> str:
    kinds = sorted(services().registry.kinds.values(), key=lambda kind: kind.title.lower())
    return render_template("connections/choose.html", kinds=[(kind, page_of(kind)) for kind in kinds])


@blueprint.get("/add/<kind_name>")
@requires(Role.ADMIN)
def add(kind_name: str) -> str | AnyResponse:
    kind = _kind(kind_name)
    chosen = chosen_by(kind, request.args)
    if isinstance(kind, DescribedKind) and not chosen:
        return redirect(url_for("descriptions.index"))
    return _form_page(form_for(kind, typed=chosen or None))


@blueprint.post("/add/<kind_name>")
@requires(Role.ADMIN)
def add_now(kind_name: str) -> tuple[str, int] | AnyResponse:
    kind = _kind(kind_name)
    name = request.form.get("name", "").strip()
    if any(row.name == name for row in services().connections.all()):
        error = InputError(f"There is a connection named {name!r} already. Choose another name.")
        return _form_page(form_for(kind, typed=request.form, error=error)), 422
    try:
        row = services().connections.save(kind.kind, name, given_by(kind, request.form, new=True))
    except InputError as error:
        return _form_page(form_for(kind, typed=request.form, error=error)), 422
    _log.info("secret.change", connection=row.id, user=person().id)
    flash(f"{row.name} is saved. Test it now.")
    return redirect(url_for("connections.show", connection_id=row.id))


@blueprint.get("/<int:connection_id>/edit")
@requires(Role.ADMIN)
def edit(connection_id: int) -> str:
    row = _row(connection_id)
    return _form_page(form_for(_kind(row.kind), row=row))


@blueprint.post("/<int:connection_id>/edit")
@requires(Role.ADMIN)
def edit_now(connection_id: int) -> tuple[str, int] | AnyResponse:
    row = _row(connection_id)
    kind = _kind(row.kind)
    try:
        services().connections.save(row.kind, row.name, given_by(kind, request.form, new=False))
    except InputError as error:
        return _form_page(form_for(kind, row=row, typed=request.form, error=error)), 422
    _log.info("secret.change", connection=row.id, user=person().id)
    flash(f"{row.name} is saved. Test it now.")
    return redirect(url_for("connections.show", connection_id=row.id))


@blueprint.post("/<int:connection_id>/rename")
@requires(Role.ADMIN)
def rename(connection_id: int) -> AnyResponse:
    row = _row(connection_id)
    try:
        renamed = services().connections.rename(row.name, request.form.get("name", "").strip())
    except InputError as error:
        flash(error.message)
    else:
        _log.info("connection.renamed", connection=connection_id, user=person().id)
        flash(f"{row.name} is now {renamed.name}; the recipes that use it follow.")
    return redirect(url_for("connections.show", connection_id=connection_id))


@blueprint.post("/<int:connection_id>/remove")
@requires(Role.ADMIN)
def remove(connection_id: int) -> AnyResponse:
    row = _row(connection_id)
    # While the credentials are there: without them, webhooks that no recipe needs could not be taken back.
    services().subscriptions.sync(row.name)
    try:
        services().connections.remove(row.name)
    except InputError as error:
        flash(error.message)
        return redirect(url_for("connections.show", connection_id=connection_id))
    flash(f"{row.name} is removed.")
    return redirect(url_for("connections.index"))


# -- one connection


@blueprint.get("/<int:connection_id>")
@requires(Role.VIEWER)
def show(connection_id: int) -> str:
    row = _row(connection_id)
    kind = services().registry.kinds.get(row.kind)
    return render_template(
        "connections/show.html",
        row=row,
        kind=kind,
        settings=_titled(row, kind) if kind else {},
        address=services().subscriptions.address(row),
        hook_user=services().connections.shown(row).get("hook_user", "") if kind and kind.receives else "",
        hooks=[hook for hook, name in services().subscriptions.all() if name == row.name],
        events=services().history.events(connection_id=connection_id, limit=5)
        if kind and kind.receives
        else [],
        permission=permission_of(connection_id) if kind else None,
        budgets=services().connections.budgets(connection_id) if kind else [],
        breaker=services().breakers.all().get(connection_id),
    )


@blueprint.post("/<int:connection_id>/test")
@requires(Role.EDITOR)
def test(connection_id: int) -> str | AnyResponse:
    """Try the account, with the connector's own time limit; the outcome is kept and shown either way."""
    row = _row(connection_id)
    try:
        services().connections.test(row.name)
    except AutomationError as error:
        _log.info("connection.test_failed", connection=connection_id, kind=error.kind)
    if request.headers.get("HX-Request"):
        return render_template("connections/_report.html", row=_row(connection_id))
    return redirect(url_for("connections.show", connection_id=connection_id))


@blueprint.post("/<int:connection_id>/sync")
@requires(Role.PUBLISHER)
def sync(connection_id: int) -> str:
    """Bring the remote webhooks to what the published recipes need."""
    row = _row(connection_id)
    reports = services().subscriptions.sync(row.name)
    return render_template(
        "connections/_webhooks.html",
        row=row,
        kind=services().registry.kinds.get(row.kind),
        hooks=[hook for hook, name in services().subscriptions.all() if name == row.name],
        report=reports[0] if reports else None,
    )


@blueprint.post("/<int:connection_id>/hook-password")
@requires(Role.ADMIN)
def reveal_hook_password(connection_id: int) -> str:
    """Show the password of the inbound address, for typing it into the other product."""
    opened = services().connections.open(connection_id)
    if not opened.hook_password:
        abort(404)
    _log.info("secret.reveal", connection=connection_id, user=person().id)
    return render_template("connections/_hook_password.html", password=opened.hook_password)


def page_of(kind: ConnectionKind) -> str:
    """Return the first paragraph of a kind's page."""
    return " ".join((inspect.getdoc(type(kind)) or "").split("\n\n")[0].split())


def _titled(row: Connection, kind: ConnectionKind) -> dict[str, Any]:
    shown = services().connections.shown(row)
    fields = known_table(kind, row.settings).model_fields
    return {(fields[name].title or name): shown[name] for name in fields if shown.get(name) not in (None, "")}


def _form_page(form: ConnectionForm) -> str:
    page = form.described.text if form.described else inspect.getdoc(type(form.kind)) or ""
    return render_template("connections/form.html", form=form, page=page)


def _kind(name: str) -> ConnectionKind:
    kind = services().registry.kinds.get(name)
    if kind is None:
        raise NotFoundError(f"There is no kind {name!r} of connection here. Choose one from the list.")
    return kind


def _row(connection_id: int) -> Connection:
    for row in services().connections.all():
        if row.id == connection_id:
            return row
    raise NotFoundError(f"There is no connection {connection_id}. It may have been removed.")
