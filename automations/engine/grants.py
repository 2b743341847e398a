"""OAuth permissions: asked for on a page, kept sealed with their connection, refreshed by one process at a time.

What is kept is a `Grant`. A refused refresh ends it: the connection pauses, and its reason begins with
`Reconnect`. Nothing here speaks HTTP; the calls are made by whoever is handed in as `TokenCalls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import structlog

from automations.clock import Clock
from automations.engine import signals
from automations.engine.contracts import JsonObject, OAuth
from automations.errors import (
    AutomationError,
    CredentialsError,
    InputError,
    RejectedError,
)
from automations.model.columns import micros
from automations.model.states import ConnectionState

if TYPE_CHECKING:
    from automations.engine.connections import Connections, OpenedConnection

SEALED_AS = "grant"
RENEWED_BEFORE_S = 120
SHORTEST_LIFE_S = 30
NOT_YET = "Not connected yet: press Connect on its page and allow it there."

_log = structlog.get_logger("grants")


@dataclass(frozen=True)
class Grant:
    """expires_us: when the access token is over, in microseconds since 1970."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_us: int
    scope: str = ""

    @classmethod
    def from_answer(cls, said: Mapping[str, Any], now_us: int, *, refresh_token: str = "") -> Grant:
        """Build from a token endpoint's answer. Raises RejectedError when it holds no tokens."""
        access, refresh = said.get("access_token"), said.get("refresh_token") or refresh_token
        if not isinstance(access, str) or not access or not isinstance(refresh, str):
            raise RejectedError("The sign-in was answered without tokens. Press Connect and try again.")
        try:
            life_s = max(float(said.get("expires_in") or 3600), SHORTEST_LIFE_S)
        except (TypeError, ValueError):
            life_s = 3600.0
        expires_us = now_us + round(min(life_s, 10 * 365 * 86_400.0) * 1_000_000)
        return cls(access, refresh, expires_us, str(said.get("scope") or "")[:2_000])

    @classmethod
    def read(cls, text: str) -> Grant | None:
        return cls(**orjson.loads(text)) if text else None

    def write(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(text for text in (self.access_token, self.refresh_token) if text)


class GrantEndedError(CredentialsError):
    """The permission was taken back or ran out; a person must give it again."""


class TokenCalls(Protocol):
    """The protocol itself. connection: its name, for messages and for the network session."""

    def address(self, oauth: OAuth, redirect_uri: str, state: str) -> str:
        """Return where a person's browser is sent to be asked."""

    def exchange(self, oauth: OAuth, connection: str, code: str, redirect_uri: str) -> JsonObject:
        """Turn a code into tokens. Raises GrantEndedError, CredentialsError, DeliveryError."""

    def refresh(self, oauth: OAuth, connection: str, refresh_token: str) -> JsonObject:
        """Get a new access token. Raises GrantEndedError, CredentialsError, DeliveryError."""

    def revoke(self, oauth: OAuth, connection: str, token: str) -> None: ...


class Grants:
    """Thread-safe. Used through `Connections`, which keeps the rows."""

    def __init__(self, connections: Connections, clock: Clock, calls: TokenCalls) -> None:
        self._connections = connections
        self._clock = clock
        self._calls = calls

    # -- by a person

    def address(self, connection_id: int, redirect_uri: str, state: str) -> str:
        """Return the page of the other product that asks for permission. Raises InputError, CredentialsError."""
        opened = self._connections.open(connection_id)
        return self._calls.address(_oauth(opened), redirect_uri, state)

    def finish(self, connection_id: int, code: str, redirect_uri: str) -> None:
        """Take the permission that came back with a browser; the connection's work goes on.

        Raises InputError when it is for another account; then it is given back at once.
        """
        opened = self._connections.open(connection_id)
        oauth = _oauth(opened)
        said = self._calls.exchange(oauth, opened.name, code, redirect_uri)
        grant = Grant.from_answer(said, micros(self._clock.now()))
        try:
            opened.kind.check_grant(opened.settings, said)
        except InputError:
            self._revoke(oauth, opened.name, grant)
            raise
        self._keep(connection_id, grant)
        _log.info("grant.given", connection=connection_id)

    def disconnect(self, connection_id: int) -> None:
        """Give the permission back and forget it; the connection waits until somebody connects it again."""
        opened = self._connections.open(connection_id)
        if opened.grant is not None:
            self._revoke(_oauth(opened), opened.name, opened.grant)
        self._end(connection_id, "Disconnected. Press Connect on its page to go on.")

    def revoke_quietly(self, opened: OpenedConnection) -> None:
        """Give a removed connection's permission back, if it has one; that this fails stops nothing."""
        if opened.grant is not None and opened.oauth is not None:
            self._revoke(opened.oauth, opened.name, opened.grant)

    def _revoke(self, oauth: OAuth, name: str, grant: Grant) -> None:
        try:
            self._calls.revoke(oauth, name, grant.refresh_token or grant.access_token)
        except AutomationError as error:
            _log.warning("grant.not_revoked", connection=name, kind=error.kind)

    # -- by every call

    def access_token(self, connection_id: int, *, refused: str = "") -> str:
        """Return a token that is good for the next call; refreshes it, one process at a time.

        refused: one that was just answered with 401. Raises CredentialsError, UnavailableError.
        """
        grant = self._connections.open(connection_id).grant
        if grant is not None and self._is_good(grant, refused):
            return grant.access_token
        with self._connections.directory(connection_id).alone("sign-in"):
            opened = self._connections.open_anew(connection_id)
            if opened.grant is None:
                raise CredentialsError(opened.state_reason or NOT_YET)
            if not self._is_good(opened.grant, refused):
                return self._refreshed(opened, opened.grant)
            return opened.grant.access_token

    def _is_good(self, grant: Grant, refused: str) -> bool:
        soon = self._clock.now() + timedelta(seconds=RENEWED_BEFORE_S)
        return grant.access_token != refused and micros(soon) < grant.expires_us

    def _refreshed(self, opened: OpenedConnection, grant: Grant) -> str:
        try:
            said = self._calls.refresh(_oauth(opened), opened.name, grant.refresh_token)
        except GrantEndedError:
            reason = (
                f"Reconnect it: {opened.kind.title} does not accept its permission any more. It was taken back, or "
                "was not used for too long. Press Reconnect on its page."
            )
            if self._end(opened.id, reason, was=grant):
                raise CredentialsError(reason) from None
            return self._given_meanwhile(opened.id)
        fresh = Grant.from_answer(said, micros(self._clock.now()), refresh_token=grant.refresh_token)
        if self._keep(opened.id, fresh, was=grant):
            return fresh.access_token
        return self._given_meanwhile(opened.id)

    def _given_meanwhile(self, connection_id: int) -> str:
        """Return what a person gave while a refresh was under way. Raises CredentialsError where they disconnected."""
        opened = self._connections.open_anew(connection_id)
        if opened.grant is None:
            raise CredentialsError(opened.state_reason or NOT_YET)
        return opened.grant.access_token

    # -- keeping

    def _keep(self, connection_id: int, grant: Grant, *, was: Grant | None = None) -> bool:
        """Store a permission; False where `was` is given and not the one that stands there any more."""
        with self._connections.changing(connection_id) as (row, sealed):
            if was is not None and Grant.read(sealed.get(SEALED_AS, "")) != was:
                return False
            # A refresh is no news; a first permission lets a waiting connection go on.
            if SEALED_AS not in sealed and row.state == ConnectionState.PAUSED:
                row.state, row.state_reason, row.hold_until = ConnectionState.OK, "", None
            sealed[SEALED_AS] = grant.write()
        return True

    def _end(self, connection_id: int, reason: str, *, was: Grant | None = None) -> bool:
        """Forget the permission; False where `was` is given and not the one that stands there any more."""
        with self._connections.changing(connection_id) as (row, sealed):
            if was is not None and Grant.read(sealed.get(SEALED_AS, "")) != was:
                return False
            sealed.pop(SEALED_AS, None)
            if row.state != ConnectionState.STOPPED:
                row.state, row.state_reason = ConnectionState.PAUSED, reason
            name = row.name
        signals.tell("connection-paused", connection_id=connection_id, name=name, reason=reason)
        return True


def _oauth(opened: OpenedConnection) -> OAuth:
    if opened.oauth is None:
        raise InputError(f"{opened.name!r} does not sign in by permission. Change its settings first.")
    return opened.oauth
