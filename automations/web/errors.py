"""What a person reads when something went wrong: the thing, the fact, the next move. Never a traceback."""

from __future__ import annotations

import secrets

import orjson
import structlog
from flask import Flask, Response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from automations.errors import AutomationError, InputError, NotFoundError, StorageUnavailableError

_log = structlog.get_logger("web")

_TITLES = {
    400: "This request cannot be understood",
    401: "You are not signed in",
    403: "This is not open to you",
    404: "There is nothing here",
    405: "This address does not take that",
    409: "Somebody else was faster",
    413: "This is too large",
    429: "Too many tries",
    503: "The database cannot be used just now",
}
_MOVES = {
    403: "Ask an admin for a role that may do this, or go back.",
    404: "It may have been removed, or the address has a mistake. Go back or start from Home.",
    405: "Go back and use the buttons of the page.",
    413: "A form may hold 1 MiB. Shorten it and send it again.",
    503: "Wait some seconds and load the page again; `automations doctor` says more.",
}
_EXPIRED = (
    "This page was open too long, or you signed in again meanwhile. Load it again and repeat what you did."
)
_FOREIGN_HOST = (
    "This installation is not known by the name in the address. Use the address it was started with, "
    "or set AUTOMATIONS_PUBLIC_URL to this one and start it again."
)


def install(app: Flask) -> None:
    """Answer every error of `app` in words."""
    app.register_error_handler(AutomationError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def _ours(error: AutomationError) -> Response:
    if isinstance(error, InputError):
        return _answer(error.status, error.message, code=error.code)
    if isinstance(error, NotFoundError):
        return _answer(404, error.message)
    if isinstance(error, StorageUnavailableError):
        answer = _answer(503, error.message)
        answer.headers["Retry-After"] = "10"
        return answer
    return _answer(422, error.message, code=error.kind)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    message = ""
    if isinstance(error, CSRFError):
        message = _EXPIRED
    elif isinstance(error, SecurityError):
        message = _FOREIGN_HOST
    elif error.description != type(error).description:
        message = error.description or ""
    answer = _answer(status, message)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Location"):
            answer.headers[name] = value
    return answer


def _unforeseen(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    _log.error("web.failed", path=request.path, reference=reference, exc_info=error)
    return _answer(500, f"The log says more under {reference}. Nothing you typed was sent anywhere.")


def _answer(status: int, message: str, code: str = "") -> Response:
    """Return the error as JSON to programs, as a fragment to htmx, and as a page to everybody else."""
    title = _TITLES.get(status, "Something went wrong here")
    message = message or _MOVES.get(status, "Go back and try again.")
    if wants_json():
        body = {"error": code or f"http_{status}", "message": message}
        return Response(orjson.dumps(body), status, content_type="application/json")
    template = "errors/fragment.html" if request.headers.get("HX-Request") else "errors/page.html"
    return Response(render_template(template, title=title, message=message, status=status), status)


def wants_json() -> bool:
    """Tell whether the caller is a program."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.path.startswith("/api/") or best == "application/json"
