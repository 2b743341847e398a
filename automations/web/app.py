"""The application: one Flask app made for one installation, with every page, check and error answer in place."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask

from automations import __version__
from automations.resources import static_folder, templates_folder
from automations.web import auth, errors, home, presenting, security
from automations.web.navigation import navigation
from automations.web.services import Services, provide
from automations.web.session_key import session_key

PAGES = (home.blueprint,)


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
    app.jinja_env.globals.update(navigation=navigation, version=__version__)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    if find_spec("automations.web.recipes"):
        app.register_blueprint(import_module("automations.web.recipes").blueprint)
    _open_static_files(app)
    return app


def _open_static_files(app: Flask) -> None:
    """Let everybody have the style sheets; browsers ask again whether they changed."""
    view: Any = app.view_functions["static"]

    @auth.public
    def static(**arguments: Any) -> Any:
        return view(**arguments)

    app.view_functions["static"] = static
