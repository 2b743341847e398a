"""Calls to one HTTP service, with the connection's credentials and to its address only."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from automations.connectors.generic_http.settings import HttpSettings
from automations.connectors.http import Reply
from automations.engine.contracts import DoorLike
from automations.engine.masking import MASK
from automations.errors import FieldsError

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
        base = self.settings.base_url
        text = url.strip()
        if "://" not in text.split("?", 1)[0]:
            if not base:
                raise _bad_url(text, "a whole address; this connection has none of its own to begin with")
            return f"{base}/{text.lstrip('/')}" if text.lstrip("/") else base
        if base and _place(text) != _place(base):
            raise _bad_url(
                text, f"an address at {'://'.join(_place(base)[:2])}, where the connection belongs"
            )
        return text

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


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    authority = parts.netloc.lower()
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return parts.scheme, authority.removesuffix(default) if default else authority


def _bad_url(url: str, wanted: str) -> FieldsError:
    return FieldsError(
        f"{url[:200]!r} is not {wanted}. Change the step's address, or the connection's.",
        field="url",
        value=url[:200],
        wanted=wanted,
    )
