"""A user belongs to a group: a company, an account, a team."""

from __future__ import annotations

from automations.connectors.segment.message_trigger import MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.samples import sample as sample_of


class Grouped(MessageTrigger):
    """A user belongs to a group: a company, an account, a team.

    `groupId` names the group, `traits` is what is said of the group, `userId` is who belongs to it.
    """

    key = "segment.group"
    title = "User grouped"
    sentence = "a user is put into a group"
    topics = (topic_of("group"),)
    entity = "group"
    sample = sample_of("group")
