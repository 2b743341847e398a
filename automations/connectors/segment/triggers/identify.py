"""A user was identified: who they are, and what is known of them."""

from __future__ import annotations

from automations.connectors.segment.message_trigger import MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.samples import sample as sample_of


class Identified(MessageTrigger):
    """A user was identified: who they are, and what is known of them.

    `traits` is what the message says of the user, `userId` and `anonymousId` are theirs; `record.timestamp` is when.
    """

    key = "segment.identify"
    title = "User identified"
    sentence = "somebody is identified"
    topics = (topic_of("identify"),)
    entity = "identify"
    sample = sample_of("identify")
