"""What the two pages share: a strict content security policy, and forms that only the page itself can send."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from flask import Response, abort, g, request

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CSRF_FIELD = "csrf_token"


def secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
    return response


class Csrf:
    """Double submit: each form repeats the cookie that only this page could have read.

    The cookie outlives a restart of the sandbox, so a page that is open goes on working.
    """

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie

    def token(self) -> str:
        """The token for a form; a visitor without one gets it with this reply."""
        known = request.cookies.get(self._cookie, "")
        if len(known) >= 32:
            return known
        if "new_csrf_token" not in g:
            g.new_csrf_token = secrets.token_urlsafe(32)
        token: str = g.new_csrf_token
        return token

    def keep(self, response: Response) -> Response:
        if "new_csrf_token" in g:
            response.set_cookie(self._cookie, g.new_csrf_token, httponly=True, samesite="Strict")
        return response

    def refuse_foreign_forms(self) -> None:
        if request.method == "POST" and not self._is_right():
            abort(400, "This form is out of date. Reload the page and send it again.")

    def _is_right(self) -> bool:
        cookie = request.cookies.get(self._cookie, "")
        sent = request.form.get(CSRF_FIELD, "")
        return len(cookie) >= 32 and hmac.compare_digest(cookie.encode(), sent.encode())


def clock_text(at: datetime) -> str:
    return at.strftime("%H:%M:%S")


def amount(value: float) -> str:
    """A number as people read it: 18,400 or 12,750.50."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
