"""Record an event of a profile in a described service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from automations.connectors.targets.connection import TargetConnection
from automations.connectors.targets.records import Neutral, ids_of
from automations.connectors.targets.sending import UPLOAD, TargetAction
from automations.engine.contracts import ActionFields, Call, JsonObject, Outcome, field


class UploadEvent(TargetAction):
    """Record that a person did something, or that something happened to them.

    Names and values are fitted to what the service takes; what was changed or left out on the way is shown with the
    delivery and is `steps.<name>.mended`.

    Source: what a description names under `sources`, as far as read 2026-11-22; tried against no live account.
    Repeatable: no. Where the service knows a key by which it tells a second copy, every try carries the same one, and
    an event whose answer was lost is sent again. Where it knows none, the description says what happens then.
    """

    key = "target.upload_event"
    title = "Record an event"
    sentence = "record an event"
    connection = TargetConnection
    repeatable = False
    batch = UPLOAD
    validates = True
    operation = "event"
    outputs: ClassVar[Mapping[str, str]] = {
        "identity": "The id that was sent",
        "event_name": "The event's name as it was mapped",
        "mended": "What had to be changed, one sentence each",
    }
    examples = (
        {
            "identity": "{{ record.id }}",
            "event_name": "Deal Won",
            "timestamp": "2026-11-22T10:42:00Z",
            "properties": {"Deal ID": 5521, "Value": 18400.5, "Currency": "EUR", "utm.source": "fair"},
        },
        {
            "identity": "{{ record.id }}",
            "email": "ines@lumen-mail.example",
            "event_name": "Demo Booked",
            "timestamp": 1795343430,
            "properties": {"Seats": 12, "Interests": ["solar", "storage"]},
        },
    )

    class Fields(ActionFields):
        identity: str | None = field(
            "Identity", "Your own id of the person.", default=None, suggest="{{ record.id }}", one_of="id"
        )
        anonymous_id: str | None = field(
            "Anonymous id", "Of a visitor or device.", default=None, advanced=True, one_of="id"
        )
        email: str | None = field("E-mail", default=None, one_of="id")
        phone: str | None = field("Phone", "With country code.", default=None, advanced=True, one_of="id")
        event_name: str = field("Event", "Such as `Deal Won`.")
        timestamp: datetime | int | None = field(
            "Time",
            "A time with its zone, or seconds since 1970; else the time of receipt.",
            default=None,
            suggest="{{ event.occurred_at }}",
        )
        properties: dict[str, Any] = field("Properties", "Name and value of each.", default={})

    def settle(self, fields: Fields, client: Any, call: Call) -> Outcome | None:
        if client.target.event.resends:
            return None
        return super().settle(fields, client, call)

    def subject(self, fields: Fields) -> str:
        return fields.identity or fields.anonymous_id or fields.email or fields.phone or ""

    def neutral(self, fields: Fields) -> Neutral:
        return Neutral(ids_of(fields), fields.event_name, fields.timestamp, fields.properties)

    def done(self, fields: Fields) -> tuple[str, JsonObject]:
        person = self.subject(fields)
        return f"Event {fields.event_name} of {person}", {
            "identity": person,
            "event_name": fields.event_name,
        }
