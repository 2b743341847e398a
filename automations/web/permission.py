"""Permission by OAuth: to the other product and back, with a word that only this browser's session knows."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

import structlog
from flask import Blueprint, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from automations.errors import AutomationError
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.services import services

blueprint = Blueprint("permission", __name__, url_prefix="/connections")

CALLBACK = "/connections/oauth/callback"
_ASKED = "permission_asked"
_LONGEST_S = 900
_log = structlog.get_logger("permission")


@dataclass(frozen=True)
class Permission:
    """What a connection's page shows. callback: the address to enter with the app in the other product."""

    given: bool
    scope: str
    callback: str


def permission_of(connection_id: int) -> Permission | None:
    """Return how its permission stands, or None where it needs none or cannot be opened."""
    try:
        opened = services().connections.open(connection_id)
    except AutomationError:
        return None
    if opened.oauth is None:
        return None
    return Permission(opened.grant is not None, opened.grant.scope if opened.grant else "", _callback())


@blueprint.get("/<int:connection_id>/connect")
@requires(Role.ADMIN)
def connect(connection_id: int) -> AnyResponse:
    """Send the browser to the other product's question. It changes nothing here, so a link may do it."""
    state = secrets.token_urlsafe(32)
    try:
        address = services().connections.grants.address(connection_id, _callback(), state)
    except AutomationError as error:
        return _back(connection_id, error.message)
    session[_ASKED] = [state, connection_id, services().clock.now().timestamp()]
    return redirect(address)


@blueprint.get("/oauth/callback")
@requires(Role.ADMIN)
def come_back() -> AnyResponse:
    """Take what came back with the browser: a code, once, and only if this session asked for it."""
    state, connection_id, asked_at = session.pop(_ASKED, None) or ("", 0, 0.0)
    given = request.args.get("state", "")
    fresh = services().clock.now().timestamp() - asked_at < _LONGEST_S
    if not state or not fresh or not hmac.compare_digest(state.encode(), given.encode()):
        _log.warning("permission.unasked", address=request.remote_addr)
        flash("This permission was not asked for here, or too long ago. Press Connect and allow it again.")
        return redirect(url_for("connections.index"))
    if request.args.get("error") or not request.args.get("code"):
        return _back(connection_id, "It was not allowed there. Press Connect when you want to allow it.")
    return _finished(connection_id, request.args["code"])


def _finished(connection_id: int, code: str) -> AnyResponse:
    connections = services().connections
    try:
        connections.grants.finish(connection_id, code, _callback())
    except AutomationError as error:
        return _back(connection_id, error.message)
    _log.info("secret.change", connection=connection_id, user=person().id)
    row = connections.by_id(connection_id)
    try:
        connections.test(row.name)
    except AutomationError as error:
        return _back(connection_id, f"{row.name} is connected, but its test failed: {error.message}")
    return _back(connection_id, f"{row.name} is connected.")


@blueprint.post("/<int:connection_id>/disconnect")
@requires(Role.ADMIN)
def disconnect(connection_id: int) -> AnyResponse:
    try:
        services().connections.grants.disconnect(connection_id)
    except AutomationError as error:
        return _back(connection_id, error.message)
    _log.info("secret.change", connection=connection_id, user=person().id)
    return _back(connection_id, "It is disconnected, and its permission was given back.")


def _back(connection_id: int, words: str) -> AnyResponse:
    flash(words)
    return redirect(url_for("connections.show", connection_id=connection_id))


def _callback() -> str:
    return services().settings.public_url.rstrip("/") + CALLBACK
