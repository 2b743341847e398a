"""A user looked at a screen of an app."""

from __future__ import annotations

from typing import Any

from automations.connectors.segment.message_trigger import MessageFields, MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.narrowing import is_one_of
from automations.connectors.segment.samples import sample as sample_of
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence, field


class ScreenViewed(MessageTrigger):
    """A user looked at a screen of an app.

    `screen.name` and `screen.category` name it; `properties` is what belongs to it, `context.device` the device.
    """

    key = "segment.screen"
    title = "Screen viewed"
    sentence = "a screen is viewed"
    topics = (topic_of("screen"),)
    entity = "screen"
    sample = sample_of("screen")

    class Fields(MessageFields):
        name: list[str] | str | None = field(
            "Screen name",
            "Exactly as it is sent; a list takes any of them. Empty: every screen.",
            default=None,
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        return is_one_of("name", occurrence.record.get("name"), fields.name) or super().narrow(
            fields, occurrence, directory
        )
