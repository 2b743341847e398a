"""The application: one Flask app made for one installation, with every page, check and error answer in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask

from automations.resources import static_folder, templates_folder
from automations.web import (
    api,
    auth,
    backfill,
    connections,
    descriptions,
    errors,
    events,
    health,
    home,
    installation,
    jobs,
    permission,
    presenting,
    recipes,
    reference,
    replay,
    runs,
    security,
    sources,
    sweeping,
)
from automations.web.health import ALIVE, READY, HealthGate
from automations.web.intake import PREFIX, IntakeGate
from automations.web.navigation import anything_sandbox, navigation, refused_lately
from automations.web.services import Services, provide
from automations.web.session_key import session_key
from automations.web.write_key_gate import PREFIX as KEY_PREFIX
from automations.web.write_key_gate import WriteKeyGate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_INTAKE = "automations.intake"

PAGES = tuple(
    page.blueprint
    for page in (
        api,
        home,
        recipes,
        runs,
        replay,
        events,
        connections,
        descriptions,
        permission,
        sources,
        reference,
        installation,
        backfill,
        jobs,
        sweeping,
        health,
    )
)


def create_app(assembly: Services) -> Flask:
    """Return the WSGI application of this installation.

    It keeps no state of its own: any number of processes may serve the same installation.
    """
    app = Flask(
        "automations",
        template_folder=str(templates_folder()),
        static_folder=str(static_folder()),
        static_url_path="/static",
    )
    provide(app.extensions, assembly)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    security.install(app, assembly.settings, secret_key=session_key(assembly.database, assembly.sealer))
    auth.install(app)
    errors.install(app)
    presenting.install(app)
    app.jinja_env.globals.update(
        navigation=navigation,
        anything_sandbox=anything_sandbox,
        refused_lately=refused_lately,
        importable=backfill.importable,
        sweep_of=sweeping.sweep_of,
        sweep_results=sweeping.sweep_results,
    )
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    _open_static_files(app)
    _put_in_front(app, assembly)
    return app


def intake_gate(app: Flask) -> IntakeGate:
    """Return what answers other programs' webhooks, for a server that can answer them later."""
    gate: IntakeGate = app.extensions[_INTAKE]
    return gate


def _put_in_front(app: Flask, assembly: Services) -> None:
    """Let the addresses that other programs call be answered before Flask sees them."""
    pages, intake, health = app.wsgi_app, IntakeGate(assembly), HealthGate(assembly)
    keyed = WriteKeyGate(assembly)
    app.extensions[_INTAKE] = intake

    def front(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(PREFIX):
            return intake(environ, start_response)
        if path.startswith(KEY_PREFIX):
            return keyed(environ, start_response)
        if path in (ALIVE, READY):
            return health(environ, start_response)
        return pages(environ, start_response)

    app.wsgi_app = front  # type: ignore[method-assign]


def _open_static_files(app: Flask) -> None:
    """Let everybody have the style sheets; browsers ask again whether they changed."""
    view: Any = app.view_functions["static"]

    @auth.public
    def static(**arguments: Any) -> Any:
        return view(**arguments)

    app.view_functions["static"] = static
