"""The connection for every sender that speaks the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automations.connectors.segment import receiver, samples, sdk_snippets
from automations.connectors.segment.messages import names_of
from automations.connectors.segment.settings import SegmentSettings, split_origins
from automations.engine.contracts import (
    Arrival,
    ConnectionKind,
    ConnectionReport,
    DirectoryLike,
    DoorLike,
    InboundRequest,
    Occurrence,
    Snippet,
)


class SegmentConnection(ConnectionKind):
    """A source for the SDKs of Segment and RudderStack, and for anything else that posts their messages.

    Give the SDK this installation's address and the write key that is made here. A message that comes twice, known
    by its `messageId`, is taken once. A bad message of a batch is kept to be looked at, and the others go on.
    """

    kind = "segment"
    title = "Segment-spec source"
    Settings = SegmentSettings
    receives = True
    write_key_paths = receiver.PATHS

    def client(self, settings: SegmentSettings, door: DoorLike, directory: DirectoryLike) -> None:
        """Return nothing: this kind only listens."""

    def test(self, client: None) -> ConnectionReport:
        return ConnectionReport("Ready. Send it an event and look at what arrived.")

    def receive(self, request: InboundRequest) -> Sequence[Arrival]:
        return receiver.receive(request)

    def read(self, topic: str, payload: bytes) -> Occurrence:
        return receiver.read(topic, payload)

    def names(self, occurrence: Occurrence) -> Mapping[str, Any]:
        return names_of(occurrence.record)

    def origins(self, settings: SegmentSettings) -> frozenset[str]:
        return frozenset(split_origins(settings.allowed_origins))

    def snippets(self, address: str, write_key: str) -> Sequence[Snippet]:
        return sdk_snippets.snippets(address, write_key)

    def example_request(self) -> InboundRequest:
        return samples.example_request()
