"""What every answer carries and every request must pass before a view sees it.

No page holds an inline script or style, so the content security policy forbids both outright; what a stranger
wrote into a record stays text even where an escape was forgotten.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, request
from flask_login import current_user
from flask_wtf import CSRFProtect

from automations.settings import Settings

LARGEST_FORM: Final = 2**20
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_ALWAYS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger("security")


def install(app: Flask, settings: Settings, *, secret_key: str) -> None:
    """Configure cookies, limits and known hosts of `app`; add the checks before and the headers after."""
    public = urlsplit(settings.public_url)
    behind_tls = public.scheme == "https"
    app.config.update(
        SECRET_KEY=secret_key,
        # The prefix makes browsers refuse the cookie unless it came over TLS, for this very host.
        SESSION_COOKIE_NAME="__Host-automations" if behind_tls else "automations",
        SESSION_COOKIE_SECURE=behind_tls,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        TRUSTED_HOSTS=[public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"],
        # A form may stay open as long as its session lasts.
        WTF_CSRF_TIME_LIMIT=None,
    )

    def refuse_foreign_senders() -> None:
        if request.method not in _SAFE and not _from_here(public.netloc):
            _log.warning("csrf.fail", path=request.path, address=request.remote_addr)
            abort(403, "This request was sent by another web site. Open the page here and try again.")

    def add_headers(answer: Response) -> Response:
        answer.headers.update(_ALWAYS)
        if behind_tls:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.endpoint != "static" and "Cache-Control" not in answer.headers:
            answer.headers["Cache-Control"] = "no-store" if _signed_in() else "no-cache"
        return answer

    app.before_request(refuse_foreign_senders)
    app.after_request(add_headers)
    CSRFProtect(app)


def _from_here(public_netloc: str) -> bool:
    """Tell whether a page of ours, or a program that is no browser, sent this request."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc in (request.host, public_netloc)


def _signed_in() -> bool:
    # Without a valid host there was no session to look at.
    return request.routing_exception is None and current_user.is_authenticated
