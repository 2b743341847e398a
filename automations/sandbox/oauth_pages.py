"""`/oauth/…`: the page where a person allows an app, and the endpoints that the app calls afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from .base import json_reply
from .oauth import Refused
from .page_basics import Csrf, secure

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

ENDPOINTS = ("/oauth/token", "/oauth/revoke")
_FORM = "application/x-www-form-urlencoded"


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    csrf = Csrf("sandbox_oauth_csrf")
    pages = _Pages(pd, csrf)
    views = Blueprint("oauth", __name__, url_prefix="/oauth")
    views.add_url_rule("/authorize", "authorize", pages.ask)
    views.add_url_rule("/authorize", "decide", pages.decide, methods=["POST"])
    views.add_url_rule("/token", "token", pages.token, methods=["POST"])
    views.add_url_rule("/revoke", "revoke", pages.revoke, methods=["POST"])
    views.after_request(csrf.keep)
    return views


class _Pages:
    def __init__(self, pd: PipedriveSandbox, csrf: Csrf) -> None:
        self._pd = pd
        self._csrf = csrf

    # -- for people

    def ask(self) -> Response:
        """Ask a person whether the app may act for them."""
        back_to = self._redirect_uri(request.args)
        page = render_template(
            "authorize.html",
            company=self._pd.company_name,
            scopes=self._pd.oauth.scopes,
            back_to=back_to,
            app=urlsplit(back_to).netloc,
            state=request.args.get("state", ""),
            client_id=self._pd.oauth.client_id,
            csrf=self._csrf.token(),
        )
        answer = secure(make_response(page))
        # Browsers hold the redirect that follows the form to its policy, too.
        policy = answer.headers["Content-Security-Policy"]
        answer.headers["Content-Security-Policy"] = policy.replace(
            "form-action 'self'", f"form-action 'self' {_origin(back_to)}"
        )
        return answer

    def decide(self) -> BaseResponse:
        self._csrf.refuse_foreign_forms()
        back_to, state = self._redirect_uri(request.form), request.form.get("state", "")
        if request.form.get("decision") == "allow":
            answer = {"code": self._pd.oauth.allow(back_to)}
        else:
            answer = {"error": "user_denied"}
        query = urlencode({**answer, **({"state": state} if state else {})})
        return redirect(f"{back_to}{'&' if urlsplit(back_to).query else '?'}{query}", 303)

    def _redirect_uri(self, given: Mapping[str, str]) -> str:
        if given.get("client_id") != self._pd.oauth.client_id:
            abort(400, "There is no app with this client_id.")
        if given.get("response_type", "code") != "code":
            abort(400, "response_type must be code.")
        back_to = given.get("redirect_uri", "")
        parts = urlsplit(back_to)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment:
            abort(400, "redirect_uri is not the callback address of this app.")
        return back_to

    # -- for apps

    def token(self) -> Response:
        try:
            self._check_call()
            form = {name: request.form[name] for name in request.form}
            answer = self._pd.oauth.token(form, self._api_domain())
        except Refused as refused:
            return json_reply(refused.body, refused.status)
        self._pd.touch()
        return json_reply(answer, headers={"Cache-Control": "no-store"})

    def revoke(self) -> Response:
        try:
            self._check_call()
        except Refused as refused:
            return json_reply(refused.body, refused.status)
        self._pd.oauth.revoke(request.form.get("token", ""))
        self._pd.touch()
        return json_reply({"success": True})

    def _check_call(self) -> None:
        if request.mimetype != _FORM:
            raise Refused(400, "invalid_request", f"Content-Type must be {_FORM}")
        given = request.authorization
        pair = (given.username or "", given.password or "") if given and given.type == "basic" else None
        if not self._pd.oauth.is_client(pair):
            raise Refused(401, "invalid_client", "Client authentication failed")
        if request.args:
            raise Refused(400, "invalid_request", "Parameters belong into the body")

    def _api_domain(self) -> str:
        return self._pd.api_domain or f"{request.scheme}://{request.host}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
