"""What the triggers of all message types have in common."""

from __future__ import annotations

from typing import Any

from automations.connectors.segment.connection import SegmentConnection
from automations.connectors.segment.messages import NAMES
from automations.connectors.segment.narrowing import all_hold, has_consent
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence, Trigger, TriggerFields, field


class MessageFields(TriggerFields):
    """How every message type can be narrowed."""

    where: dict[str, Any] | None = field(
        "Only where",
        "Path to the wanted value, or to a list of values, such as {traits.plan: gold}.",
        default=None,
        advanced=True,
    )
    consent: list[str] | str | None = field(
        "Only with consent to",
        "A category of context.consent.categoryPreferences, such as Advertising, or a list of which all are needed. "
        "A message that does not say true is passed over.",
        default=None,
        advanced=True,
    )


class MessageTrigger(Trigger):
    """A message of one type came in."""

    connection = SegmentConnection
    names = NAMES
    Fields = MessageFields

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        return has_consent(fields.consent, occurrence.record) or all_hold(fields.where, occurrence.record)
