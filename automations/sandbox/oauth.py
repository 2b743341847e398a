"""The sandbox Pipedrive's OAuth 2: who an app may act for, with what scopes, and for how long.

Source: "OAuth authorization" and "Scopes and permissions explanations", read 2026-11-22. An access token lives an
hour; a refresh token sixty days from its last use, and stays the same. The words of refusals are our own.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CODE_LIFE = timedelta(minutes=5)
REFRESH_LIFE = timedelta(days=60)
# Real ones have grown over the years; who stores them must keep at least 768 characters.
TOKEN_BYTES = 520
SCOPES = (
    *("base", "deals:full", "contacts:full", "activities:full", "leads:full", "products:full"),
    *("users:read", "search:read", "admin"),
)

# The first that fits says what a call needs; any one of the scopes will do, and `full` includes `read`.
_NEEDS: tuple[tuple[str, frozenset[str]], ...] = (
    (r"users/me", frozenset({"base"})),
    (r"webhooks.*", frozenset({"admin"})),
    (r"itemSearch.*", frozenset({"search"})),
    (r"activityFields.*", frozenset({"admin", "activities"})),
    (r"users.*", frozenset({"users", "admin"})),
    (r"(deal\w*|pipelines|stages|currencies).*", frozenset({"deals"})),
    (r"(persons|person\w*|organization\w*).*", frozenset({"contacts"})),
    (r"activit.*", frozenset({"activities"})),
    (r"lead.*", frozenset({"leads", "deals"})),
    (r"note.*", frozenset({"deals", "contacts"})),
    (r"product.*", frozenset({"products"})),
)


class Refused(Exception):
    """The token endpoint says no. error: the standard's word for it."""

    def __init__(self, status: int, error: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.body = {"success": False, "error": error, "error_description": text}


@dataclass(frozen=True)
class _Code:
    redirect_uri: str
    until: datetime


@dataclass
class _Install:
    """One person's permission for the app. refreshes: how often its refresh token was used."""

    refresh_token: str
    until: datetime
    refreshes: int = 0


class OAuthServer:
    """One app, registered with this account.

    access_life_s: how long an access token lives. scopes: what the app was given in the developer's hub; what is
    granted is always all of it. calls: the grant types that the token endpoint was asked for, in order.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.client_id = "sandbox-client"
        self.client_secret = "sandbox-client-secret"  # noqa: S105  a sandbox's secret opens nothing else
        self.access_life_s = 3599
        self.scopes: tuple[str, ...] = SCOPES
        self.calls: list[str] = []
        self._now = now
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, tuple[datetime, str]] = {}
        self._installs: dict[str, _Install] = {}

    # -- what the pages do

    def allow(self, redirect_uri: str) -> str:
        """Return the code that goes back with the browser: once, within five minutes."""
        code = secrets.token_hex(20)
        with self._lock:
            self._codes[code] = _Code(redirect_uri, self._now() + CODE_LIFE)
        return code

    # -- what apps do

    def is_client(self, given: tuple[str, str] | None) -> bool:
        client_id, secret = given or ("", "")
        right = hmac.compare_digest(secret.encode(), self.client_secret.encode())
        return client_id == self.client_id and right

    def token(self, form: dict[str, str], api_domain: str) -> dict[str, Any]:
        """Answer the token endpoint. Raises Refused."""
        kind = form.get("grant_type", "")
        with self._lock:
            self.calls.append(kind)
            if kind == "authorization_code":
                install = self._install_for(form)
            elif kind == "refresh_token":
                install = self._refreshed(form)
            else:
                raise Refused(400, "unsupported_grant_type", "grant_type is not one that is known here")
            access = secrets.token_urlsafe(TOKEN_BYTES)
            self._access[access] = (
                self._now() + timedelta(seconds=self.access_life_s),
                install.refresh_token,
            )
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.access_life_s,
            "refresh_token": install.refresh_token,
            "scope": ",".join(self.scopes),
            "api_domain": api_domain,
        }

    def _install_for(self, form: dict[str, str]) -> _Install:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until <= self._now():
            raise Refused(400, "invalid_grant", "The authorization code is invalid, used or expired")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused(400, "invalid_grant", "redirect_uri is not the one of the authorization")
        install = _Install(f"{secrets.randbelow(10**7)}:{secrets.token_hex(20)}", self._now() + REFRESH_LIFE)
        self._installs[install.refresh_token] = install
        return install

    def _refreshed(self, form: dict[str, str]) -> _Install:
        install = self._installs.get(form.get("refresh_token", ""))
        if install is None or install.until <= self._now():
            raise Refused(400, "invalid_grant", "Invalid grant: the refresh token is invalid or expired")
        install.refreshes += 1
        install.until = self._now() + REFRESH_LIFE
        return install

    def revoke(self, token: str) -> None:
        """Forget a token. A refresh token takes the whole installation along; an access token only itself."""
        with self._lock:
            self._access.pop(token, None)
            if self._installs.pop(token, None) is not None:
                self._drop_access_of(token)

    def _drop_access_of(self, refresh_token: str) -> None:
        self._access = {t: held for t, held in self._access.items() if held[1] != refresh_token}

    def uninstall_all(self) -> None:
        """Take back every permission, as the account's owner may at any time."""
        with self._lock:
            self._installs.clear()
            self._access.clear()

    def expire_access(self) -> None:
        """Let every access token be over; refresh tokens stay."""
        with self._lock:
            self._access.clear()

    @property
    def installs(self) -> int:
        """How many permissions are in force."""
        return len(self._installs)

    def status_of(self, token: str, method: str, path: str) -> int:
        """Return 200 when this token may make the call, 401 when it is none, 403 when its scopes are others."""
        with self._lock:
            held = self._access.get(token)
            if held is None or held[0] <= self._now():
                return 401
        return 200 if self._is_in_scope(method, path) else 403

    def _is_in_scope(self, method: str, path: str) -> bool:
        rest = re.sub(r"^(/api/v[12]|/v1)/", "", path)
        wanted = next((scopes for pattern, scopes in _NEEDS if re.fullmatch(pattern, rest)), frozenset())
        if re.fullmatch(r"\w+/search", rest):
            wanted = wanted | {"search"}
        for scope in self.scopes:
            name, _, level = scope.partition(":")
            enough = not level or level == "full" or method == "GET"
            if enough and name in wanted:
                return True
        return not wanted
