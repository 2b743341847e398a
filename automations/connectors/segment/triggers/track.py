"""A user did something."""

from __future__ import annotations

from typing import Any

from automations.connectors.segment.message_trigger import MessageFields, MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.narrowing import is_one_of
from automations.connectors.segment.samples import sample as sample_of
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence, field


class Tracked(MessageTrigger):
    """A user did something.

    `track.event` is its name and `properties` what belongs to it. `traits` is what the message says of the user.
    """

    key = "segment.track"
    title = "Event tracked"
    sentence = "an event is tracked"
    topics = (topic_of("track"),)
    entity = "track"
    sample = sample_of("track")

    class Fields(MessageFields):
        event: list[str] | str | None = field(
            "Event name", "Exactly as it is sent; a list takes any of them. Empty: every event.", default=None
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        return is_one_of("event", occurrence.record.get("event"), fields.event) or super().narrow(
            fields, occurrence, directory
        )
