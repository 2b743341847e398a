"""A user who was known by one id is known by another now."""

from __future__ import annotations

from automations.connectors.segment.message_trigger import MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.samples import sample as sample_of


class Aliased(MessageTrigger):
    """A user who was known by one id is known by another now.

    `previousId` is the id before, `userId` the one from now on.
    """

    key = "segment.alias"
    title = "User aliased"
    sentence = "a user gets a new id"
    topics = (topic_of("alias"),)
    entity = "alias"
    sample = sample_of("alias")
