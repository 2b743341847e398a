"""Who is there, and what they may do: sign in, sign out, and one gate that every request passes.

Each view says what it asks for with `requires` or `public`. A view that says nothing is closed to everybody,
so that forgetting it shows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog
from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from automations.errors import InputError
from automations.model.person import User
from automations.model.states import Role
from automations.web.services import services

IDLE = timedelta(hours=8)
LONGEST_SESSION = timedelta(days=7)

_View = TypeVar("_View", bound=Callable[..., Any])
_ROLES = list(Role)
_PUBLIC = "public"
_API = "/api/"
_UNKNOWN_PROGRAM = (
    '{"error": "unauthorized", "message": "Send Authorization: Bearer with a token. '
    '`automations token add` makes one."}'
)
_log = structlog.get_logger("auth")

blueprint = Blueprint("auth", __name__)


class Visitor(UserMixin):  # type: ignore[misc]
    """A signed-in person, as Flask-Login keeps them: known by their session token."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return self.user.session_token


def requires(role: Role) -> Callable[[_View], _View]:
    """Open a view to signed-in people of this role or a higher one."""

    def declare(view: _View) -> _View:
        view.policy = role  # type: ignore[attr-defined]
        return view

    return declare


def public(view: _View) -> _View:
    """Open a view to everybody; it must show nothing of the installation."""
    view.policy = _PUBLIC  # type: ignore[attr-defined]
    return view


def policy_of(view: Callable[..., Any]) -> Role | str | None:
    """Return the role that a view asks for, `public`, or None where it does not say."""
    return getattr(view, "policy", None)


def person() -> User:
    """Return who is signed in; only for views behind `requires`."""
    return current_user.user  # type: ignore[no-any-return]


def may(role: Role) -> bool:
    """Tell whether the signed-in person has this role or a higher one."""
    return current_user.is_authenticated and _ROLES.index(Role(person().role)) >= _ROLES.index(role)


def install(app: Flask) -> None:
    """Put the gate in front of every view of `app`, and the sign-in page."""
    manager = LoginManager(app)
    # Another address or browser must not end a session: people move between networks.
    manager.session_protection = None
    manager.user_loader(_load)
    manager.request_loader(_load_program)
    app.config["PERMANENT_SESSION_LIFETIME"] = IDLE
    app.before_request(_gate)
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(may=may, Role=Role)


def _load(token: str) -> Visitor | None:
    began = session.get("signed_in_at", 0)
    if services().clock.now() - datetime.fromtimestamp(began, UTC) > LONGEST_SESSION:
        return None
    user = services().people.by_session(token) if token else None
    return Visitor(user) if user else None


def _load_program(asked: Request) -> Visitor | None:
    """Return the program that shows a token; tokens open the API and no page."""
    scheme, _, text = asked.headers.get("Authorization", "").partition(" ")
    if not asked.path.startswith(_API) or scheme.lower() != "bearer":
        return None
    token = services().tokens.holder(text.strip())
    if token is None:
        _log.warning("auth.fail", address=asked.remote_addr, with_="token")
        return None
    return Visitor(
        User(
            email=f"token {token.name}",
            password_hash="",
            role=token.role,
            session_token="",
            created_at=token.created_at,
        )
    )


def _gate() -> AnyResponse | None:
    if request.routing_exception is not None:
        return None
    policy = policy_of(current_app.view_functions[request.endpoint or ""])
    if policy == _PUBLIC:
        return None
    if policy is None:
        abort(403)
    if not current_user.is_authenticated and request.path.startswith(_API):
        abort(
            Response(_UNKNOWN_PROGRAM, 401, {"WWW-Authenticate": "Bearer"}, content_type="application/json")
        )
    if not current_user.is_authenticated:
        return _to_sign_in()
    if not may(Role(policy)):
        abort(403)
    return None


def _to_sign_in() -> AnyResponse:
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url_for("auth.sign_in")})
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    query = f"?{urlencode({'next': wanted})}" if wanted not in ("", "/") else ""
    return redirect(url_for("auth.sign_in") + query)


def is_local_path(path: str) -> bool:
    """Tell whether a redirect to `path` stays here: one slash at its start, no backslash, nothing invisible."""
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()


@blueprint.get("/sign-in")
@public
def sign_in() -> str | AnyResponse:
    if current_user.is_authenticated:
        return redirect(url_for("home.index"))
    return _sign_in_page()


def _sign_in_page(email: str = "", problem: str = "") -> str:
    return render_template(
        "sign_in.html",
        email=email,
        problem_text=problem,
        next=request.values.get("next", ""),
        nobody_yet=services().people.count() == 0,
    )


@blueprint.post("/sign-in")
@public
def sign_in_now() -> tuple[str, int] | AnyResponse:
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        user = services().people.check(email, password)
    except InputError as error:
        _log.warning("auth.fail", address=request.remote_addr)
        return _sign_in_page(email, error.message), error.status
    if user is None:
        _log.warning("auth.fail", address=request.remote_addr)
        return _sign_in_page(
            email, "This e-mail address and password do not belong together. Try again."
        ), 401
    theme = session.get("theme")
    session.clear()
    if theme:
        session["theme"] = theme
    login_user(Visitor(user))
    session.permanent = True
    session["signed_in_at"] = services().clock.now().timestamp()
    _log.info("auth.ok", user=user.id, address=request.remote_addr)
    wanted = request.form.get("next", "")
    return redirect(wanted if is_local_path(wanted) else url_for("home.index"))


@blueprint.post("/sign-out")
@requires(Role.VIEWER)
def sign_out() -> AnyResponse:
    """End the sessions of this person, on every device: a copied cookie must be worthless afterwards."""
    services().people.end_sessions(person().id or 0)
    logout_user()
    session.clear()
    flash("You are signed out, on every device.")
    return redirect(url_for("auth.sign_in"))
