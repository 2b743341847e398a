"""The sandbox Pipedrive's Flask app: who may call, what the limits say, and all its addresses."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from . import (
    api_followers,
    api_v1,
    api_v1_changelog,
    api_v1_leads,
    api_v1_webhooks,
    api_v2,
    api_v2_conversions,
    api_v2_products,
    api_v2_search,
    oauth_pages,
    pipedrive_page,
)
from .base import json_reply
from .errors import refused_v1, unauthorized

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox


def mount(pd: PipedriveSandbox) -> None:
    """Give `pd.app` its addresses."""
    app = pd.app
    app.before_request(lambda: _admit(pd))
    app.after_request(_add_limit_headers)
    app.register_error_handler(HTTPException, lambda error: _http_error(pd, error))
    for part in (api_v2_search, api_v2, api_v2_products, api_followers, api_v2_conversions):
        app.register_blueprint(part.blueprint(pd))
    for name, prefix in (("v1", "/v1"), ("api_v1", "/api/v1")):
        views = api_v1.blueprint(pd, name, prefix)
        api_v1_leads.add_to(views, pd)
        api_v1_changelog.add_to(views, pd)
        api_followers.add_participants(views, pd)
        api_v1_webhooks.add_to(views, pd)
        app.register_blueprint(views)
    app.register_blueprint(pipedrive_page.blueprint(pd))
    app.register_blueprint(oauth_pages.blueprint(pd))


def _admit(pd: PipedriveSandbox) -> Response | None:
    if not pd.is_api_path(request.path):
        return None
    if "api_token" in request.args:
        pd.tokens_in_urls += 1
        raise unauthorized()
    if request.path in oauth_pages.ENDPOINTS:
        return None
    by_app = _check_credentials(pd)
    allowed, g.limit_headers = pd.limits.take(request.method, request.path, by_app=by_app)
    return None if allowed else json_reply(pd.canned_body(429), 429)


def _check_credentials(pd: PipedriveSandbox) -> bool:
    """Let an API token or an app's access token pass; returns whether it is an app's."""
    bearer = request.headers.get("Authorization", "")
    if bearer.startswith("Bearer "):
        status = pd.oauth.status_of(bearer.removeprefix("Bearer "), request.method, request.path)
        if status == 403:
            raise refused_v1("Scope and URL mismatch", 403)
        if status != 200:
            raise unauthorized()
        return True
    given = request.headers.get("x-api-token", "")
    if not hmac.compare_digest(given.encode(), pd.api_token.encode()):
        raise unauthorized()
    return False


def _add_limit_headers(response: Response) -> Response:
    response.headers.extend(g.get("limit_headers", {}))
    return response


def _http_error(pd: PipedriveSandbox, error: HTTPException) -> Response:
    status = error.code or 500
    if not pd.is_api_path(request.path):
        text = error.description if status == 400 else f"{status} {error.name}"
        return Response(text, status, content_type="text/plain; charset=utf-8")
    refusal = refused_v1("Unknown method or path" if status == 404 else error.name, status)
    return json_reply(refusal.body, status)
