"""The connection to any HTTP service."""

from __future__ import annotations

from urllib.parse import urlsplit

from automations.connectors.generic_http.client import HttpClient
from automations.connectors.generic_http.settings import HttpSettings
from automations.engine.contracts import ConnectionKind, ConnectionReport, DirectoryLike, DoorLike

# Everything but a refusal of the credentials shows that the service is there.
_ANSWERS = frozenset(range(300, 500)) - {401, 408, 425, 429}


class HttpConnection(ConnectionKind):
    """Any service that takes HTTP calls: its address, and the credentials for it.

    Without an address every step names its own; then no credentials can be kept here.
    """

    kind = "http"
    title = "HTTP"
    Settings = HttpSettings
    # A service that names no limit takes this easily; what comes home together is written together, too.
    concurrent_calls = 16

    def client(self, settings: HttpSettings, door: DoorLike, directory: DirectoryLike) -> HttpClient:
        return HttpClient(settings, door)

    def hosts(self, settings: HttpSettings) -> frozenset[str] | None:
        return frozenset({urlsplit(settings.base_url).netloc.lower()}) if settings.base_url else None

    def test(self, client: HttpClient) -> ConnectionReport:
        """Ask for the address itself; whatever it answers, it is there, unless it refuses the credentials."""
        address = client.settings.base_url
        if not address:
            return ConnectionReport("Nothing to try: each step names its own address.")
        reply = client.send(
            "GET", address, query={}, headers={}, content=None, content_type=None, accept=_ANSWERS
        )
        return ConnectionReport(f"{urlsplit(address).netloc} answers.", {"Status": str(reply.status)})
