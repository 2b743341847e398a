"""The connection to one CleverTap account."""

from __future__ import annotations

from urllib.parse import urlsplit

from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.settings import ClevertapSettings
from automations.engine.contracts import ConnectionKind, ConnectionReport, DirectoryLike, DoorLike


class ClevertapConnection(ConnectionKind):
    """One CleverTap account. Actions send profiles and events to it; it does not start recipes.

    You need the account ID, a passcode and the region. A wrong region looks like a wrong passcode.
    """

    kind = "clevertap"
    title = "CleverTap"
    Settings = ClevertapSettings
    # The documented limit of every API but the upload, which has its own in its batch.
    concurrent_calls = 3

    def client(
        self, settings: ClevertapSettings, door: DoorLike, directory: DirectoryLike
    ) -> ClevertapClient:
        return ClevertapClient(settings, door)

    def hosts(self, settings: ClevertapSettings) -> frozenset[str]:
        return frozenset({urlsplit(settings.root).netloc.lower()})

    def test(self, client: ClevertapClient) -> ConnectionReport:
        """Look for a profile that nobody has.

        Source: CleverTap, "Get User Profiles API" (`GET /1/profile.json`), read 2026-11-22.
        """
        client.try_account()
        settings = client.settings
        facts = {"Address": settings.root} | ({} if settings.base_url else {"Region": settings.region})
        return ConnectionReport("CleverTap accepts the account ID and passcode.", facts)
