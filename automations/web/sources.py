"""The page of a connection that programs send to with a write key: what arrives, how to send, a test event."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import structlog
from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from automations.engine.connections import OpenedConnection
from automations.engine.contracts import Snippet
from automations.errors import NotFoundError
from automations.model.states import Role
from automations.web.auth import person, requires
from automations.web.services import services

SHOWN = 20
PLACEHOLDER = "YOUR_WRITE_KEY"

blueprint = Blueprint("sources", __name__, url_prefix="/connections/<int:connection_id>/source")
_log = structlog.get_logger("sources")


@blueprint.get("")
@requires(Role.VIEWER)
def show(connection_id: int) -> str:
    source = _source(connection_id)
    return render_template(
        "sources/show.html",
        source=source,
        address=_address(),
        snippets=_snippets(source, PLACEHOLDER),
        write_key="",
        origins=sorted(source.kind.origins(source.settings)),
        arrivals=_arrivals(source)[0],
    )


@blueprint.get("/arrivals")
@requires(Role.VIEWER)
def arrivals(connection_id: int) -> AnyResponse:
    """Show what arrived last; nothing at all while it looks as it did."""
    text, seen = _arrivals(_source(connection_id))
    return Response(status=204) if request.args.get("seen") == seen else make_response(text)


@blueprint.post("/key")
@requires(Role.ADMIN)
def reveal_key(connection_id: int) -> AnyResponse:
    """Show the write key and the snippets with it in place; a browser must not keep that answer."""
    source = _source(connection_id)
    _log.info("secret.reveal", connection=connection_id, user=person().id)
    text = render_template(
        "sources/_sending.html",
        source=source,
        address=_address(),
        snippets=_snippets(source, source.write_key),
        write_key=source.write_key,
    )
    answer = make_response(text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/test")
@requires(Role.EDITOR)
def send_test(connection_id: int) -> AnyResponse:
    """Take an example as if a program had sent it: recipes that wait for it run, too."""
    source = _source(connection_id)
    example = source.kind.example_request()
    if example is None:
        raise NotFoundError(f"{source.kind.title} has no test event.")
    arrived = source.kind.receive(replace(example, received_at=services().clock.now()))
    services().intake.accept(source.id, arrived)
    flash("A test event arrived. Recipes that wait for it run now.")
    return redirect(url_for("sources.show", connection_id=connection_id))


def _source(connection_id: int) -> OpenedConnection:
    found = services().connections.open(connection_id)
    if not found.kind.write_key_paths:
        raise NotFoundError(f"{found.name!r} takes no events by write key.")
    return found


def _address() -> str:
    return services().settings.public_url.rstrip("/")


def _snippets(source: OpenedConnection, write_key: str) -> list[Snippet]:
    return list(source.kind.snippets(_address(), write_key))


def _arrivals(source: OpenedConnection) -> tuple[Markup, str]:
    """Return the fragment, which asks for itself again, and the digest of what it shows."""
    events = [event for event, _ in services().history.events(connection_id=source.id, limit=SHOWN)]
    bare = render_template("sources/_arrivals.html", source=source, events=events, seen="")
    seen = hashlib.blake2b(bare.encode(), digest_size=8).hexdigest()
    return Markup(render_template("sources/_arrivals.html", source=source, events=events, seen=seen)), seen  # noqa: S704 - our own template
