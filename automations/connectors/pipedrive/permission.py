"""Permission by OAuth: where Pipedrive asks its user, and that the answer is for the company that was meant.

Source: Pipedrive "OAuth authorization", read 2026-11-22. Scopes are kept with the app in the Developer Hub and not
asked for. Webhooks need the scope `admin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.engine.contracts import OAuth
from automations.errors import InputError

_ROOT = "https://oauth.pipedrive.com"


def oauth(settings: PipedriveSettings) -> OAuth | None:
    """Return where to ask; a sandbox or proxy that the settings name asks at its own address."""
    if settings.auth != "oauth":
        return None
    root = settings.base_url or _ROOT
    return OAuth(
        authorize_url=f"{root}/oauth/authorize",
        token_url=f"{root}/oauth/token",
        revoke_url=f"{root}/oauth/revoke",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
    )


def check(settings: PipedriveSettings, said: Mapping[str, Any]) -> None:
    """Raise InputError when the permission is for another company than the settings name."""
    allowed = str(said.get("api_domain") or "").rstrip("/").lower()
    if settings.base_url or allowed in ("", settings.root):
        return
    raise InputError(
        f"The permission is for {allowed}, and this connection is for {settings.root}. Sign in to that company in "
        "Pipedrive and connect again, or change the company domain here."
    )
