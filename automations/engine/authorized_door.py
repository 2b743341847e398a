"""A way out that shows an access token, and gets a new one when the other side does not know it any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from automations.engine.contracts import DoorLike, DoorMode, ExchangeRecord
from automations.errors import CredentialsError

UNKNOWN = 401


class TokenSource(Protocol):
    def __call__(self, *, refused: str = "") -> str: ...


class AuthorizedDoor(DoorLike):
    """Every call gets a Bearer token. A call that is answered with 401 did nothing, so it is made once more."""

    def __init__(self, inner: DoorLike, mode: DoorMode, token: TokenSource, held_token: str = "") -> None:
        self._inner = inner
        self._offline = mode is DoorMode.OFFLINE
        self._token = token
        self._held_token = held_token

    @property
    def exchanges(self) -> Sequence[ExchangeRecord]:
        return self._inner.exchanges

    def send(self, method: str, url: str, *, accept: Collection[int] = (), **more: Any) -> Any:
        if self._offline:
            return self._inner.send(method, url, accept=accept, bearer=self._held_token or "none yet", **more)
        token = self._token()
        reply = self._inner.send(method, url, accept={*accept, UNKNOWN}, bearer=token, **more)
        if reply.status != UNKNOWN or reply.held:
            return reply
        reply = self._inner.send(
            method, url, accept={*accept, UNKNOWN}, bearer=self._token(refused=token), **more
        )
        if reply.status == UNKNOWN and UNKNOWN not in accept:
            raise CredentialsError("A fresh access token was refused. Reconnect the connection on its page.")
        return reply
