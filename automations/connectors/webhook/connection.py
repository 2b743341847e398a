"""The connection for senders that we know nothing about."""

from __future__ import annotations

from collections.abc import Sequence

from automations.connectors.webhook import posting
from automations.engine.contracts import (
    Arrival,
    ConnectionKind,
    ConnectionReport,
    ConnectionSettings,
    DirectoryLike,
    DoorLike,
    Imprint,
    InboundRequest,
    Occurrence,
    Verb,
)


class WebhookSettings(ConnectionSettings):
    """Nothing is asked: the address is made here, and it is the secret."""


class WebhookConnection(ConnectionKind):
    """A secret address that takes JSON, a form or plain text and starts recipes with it.

    Post to it from any product that can call an address. A sender that gives every happening a key of its own, in
    the header `Idempotency-Key`, may safely send it again.
    """

    kind = "webhook"
    title = "Webhook"
    Settings = WebhookSettings
    receives = True
    may_circle = True
    counts_hops = True

    def client(self, settings: WebhookSettings, door: DoorLike, directory: DirectoryLike) -> None:
        """Return nothing: this kind only listens."""

    def test(self, client: None) -> ConnectionReport:
        return ConnectionReport("Ready. Post something to its address and look at what arrived.")

    def receive(self, request: InboundRequest) -> Sequence[Arrival]:
        return posting.receive(request)

    def read(self, topic: str, payload: bytes) -> Occurrence:
        return posting.read(topic, payload)

    def imprint(self, occurrence: Occurrence, directory: DirectoryLike) -> Imprint:
        """Nobody says who posted it: it may have come round to us by other ways."""
        return Imprint(posting.ENTITY, Verb.TOUCH)
