"""Calls to one HTTP service, with the connection's credentials and to its address only."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any

from automations.connectors.generic_http.addresses import whole_address
from automations.connectors.generic_http.settings import HttpSettings
from automations.connectors.http import Reply
from automations.engine.contracts import DoorLike
from automations.engine.masking import MASK

READS = frozenset({"GET", "HEAD"})
_SHORTEST_SECRET = 4


class HttpClient:
    """One connection's calls during one piece of work."""

    def __init__(self, settings: HttpSettings, door: DoorLike) -> None:
        self.settings = settings
        self.door = door
        pair = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode("ascii")
        known = (settings.password, settings.token, pair if settings.auth == "basic" else "")
        self._secrets = tuple(secret for secret in known if len(secret) >= _SHORTEST_SECRET)

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        content: bytes | None,
        content_type: str | None,
        accept: Collection[int] = (),
    ) -> Reply:
        """Make one call. url: absolute, or a path under the connection's address. Errors as the door's."""
        settings = self.settings
        own = {"authorization"} if settings.auth in ("basic", "bearer") else {settings.header_name.lower()}
        sent = {name: value for name, value in headers.items() if name.lower() not in own}
        if settings.auth == "bearer":
            sent["Authorization"] = f"Bearer {settings.token}"
        elif settings.auth == "header":
            sent[settings.header_name] = settings.token
        reply: Reply = self.door.send(
            method,
            self.address(url),
            effect="read" if method in READS else "write",
            headers=sent,
            params=query,
            content=content,
            content_type=content_type,
            auth=(settings.username, settings.password) if settings.auth == "basic" else None,
            accept=accept,
        )
        return reply

    def address(self, url: str) -> str:
        """Return the whole address. Raises FieldsError when it leaves the connection's scheme, host and port."""
        return whole_address(url, self.settings.base_url)

    def without_secrets(self, value: Any) -> Any:
        """Return a JSON value in which the connection's own credentials are hidden, should they be echoed.

        Only those: a token that the service gives out is what a later step may need.
        """
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, MASK)
            return value
        if isinstance(value, dict):
            return {self.without_secrets(key): self.without_secrets(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.without_secrets(entry) for entry in value]
        return value
