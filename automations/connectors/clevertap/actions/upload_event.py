"""Record an event of a profile in CleverTap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from automations.connectors.clevertap.connection import ClevertapConnection
from automations.connectors.clevertap.policies import Nested, Policies, nested_field
from automations.connectors.clevertap.records import UploadRecord, event_record
from automations.connectors.clevertap.uploads import UPLOAD, UploadAction
from automations.engine.contracts import ActionFields, Call, JsonObject, Outcome, field


class UploadEvent(UploadAction):
    """Record that a person did something, or that something happened to them.

    An unknown identity makes a new profile. `Charged` is CleverTap's purchase event, with `Amount`, `Charged ID`
    and `Items`. Live campaigns react to events that are at most two hours old and two minutes ahead; the delivery
    says so of others.

    Forbidden characters in names become `_`, values over 512 bytes are cut, nested values become JSON text or what
    the step says; what was changed is shown with the delivery and is `steps.<name>.mended`.

    Source: CleverTap REST API, "Upload Events" (POST /1/upload), read 2026-11-22.
    Repeatable: no; CleverTap stores an event that is sent twice twice. After a doubtful outcome (a
    time-out, a crash while it was on its way) an event is sent again all the same: a missing one cannot be seen,
    a doubled one can. `Charged` is money and waits for a person.
    """

    key = "clevertap.upload_event"
    title = "Record an event"
    sentence = "record an event"
    connection = ClevertapConnection
    repeatable = False
    validates = True
    batch = UPLOAD
    outputs: ClassVar[Mapping[str, str]] = {
        "identity": "The identity that was sent",
        "object_id": "The CleverTap ID that was sent",
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
            "event_name": "Charged",
            "timestamp": 1795343430,
            "properties": {
                "Charged ID": "INV-2077",
                "Amount": 300,
                "Items": [{"Name": "Growth", "Quantity": 1}],
            },
        },
    )

    class Fields(ActionFields):
        identity: str | None = field(
            "Identity", "Your own id of the person.", default=None, suggest="{{ record.id }}", one_of="id"
        )
        object_id: str | None = field(
            "CleverTap ID", "CleverTap's id of one device.", default=None, advanced=True, one_of="id"
        )
        event_name: str = field("Event", "Such as `Deal Won`; some names belong to CleverTap itself.")
        timestamp: datetime | int | None = field(
            "Time",
            "A time with its zone, or seconds since 1970; else the time of receipt.",
            default=None,
            suggest="{{ event.occurred_at }}",
        )
        properties: dict[str, Any] = field("Properties", "Name and value of each.", default={})
        nested: Nested = nested_field()

    def settle(self, fields: Fields, client: Any, call: Call) -> Outcome | None:
        if fields.event_name == "Charged":
            return super().settle(fields, client, call)
        return None

    def record(self, fields: Fields) -> UploadRecord:
        return event_record(
            fields.identity,
            fields.object_id,
            fields.event_name,
            fields.timestamp,
            fields.properties,
            Policies(fields.nested),
        )

    def done(self, fields: Fields) -> tuple[str, JsonObject]:
        person = fields.identity or fields.object_id
        outputs = {
            "identity": fields.identity,
            "object_id": fields.object_id,
            "event_name": fields.event_name,
        }
        return f"Event {fields.event_name} of {person}", outputs
