"""Create or update a profile in CleverTap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from automations.connectors.clevertap.connection import ClevertapConnection
from automations.connectors.clevertap.policies import (
    IfInvalid,
    IfNull,
    Nested,
    Policies,
    if_invalid_field,
    if_null_field,
    nested_field,
)
from automations.connectors.clevertap.records import UploadRecord, profile_record
from automations.connectors.clevertap.uploads import UPLOAD, UploadAction
from automations.engine.contracts import ActionFields, JsonObject, field

# Sent twice, these count twice.
_ADDS_UP = frozenset({"increment", "append"})


class UploadProfile(UploadAction):
    """Create or update one profile.

    Properties that you do not map stay as they are; null removes one. CleverTap reads `Name`, `Email`, `Phone`,
    `Gender`, `DOB`, `Employed`, `Education`, `Married`, `Age` and `MSG-…` itself, so these are checked before
    anything leaves; one of them invalid parks the record, or is left out, as the step says. Names are
    case-sensitive: `email` would be a property of your own.

    Forbidden characters in a key become `_`, values over 512 bytes are cut, nested values become JSON text or what
    the step says; what was changed is shown with the delivery and is `steps.<name>.mended`.

    Source: CleverTap REST API, "Upload User Profiles" (POST /1/upload), read 2026-11-22.
    Sent twice is the same as once, because CleverTap merges by identity; not so with `increment` and `append`.
    """

    key = "clevertap.upload_profile"
    title = "Create or update a profile"
    sentence = "create or update a profile"
    connection = ClevertapConnection
    repeatable = True
    validates = True
    batch = UPLOAD
    outputs: ClassVar[Mapping[str, str]] = {
        "identity": "The identity that was sent",
        "object_id": "The CleverTap ID that was sent",
        "mended": "What had to be changed, one sentence each",
    }
    examples = (
        {
            "identity": "{{ record.id }}",
            "properties": {
                "Name": "{{ record.name }}",
                "Email": "ines@lumen-mail.example",
                "Deal value": 18400.5,
            },
        },
        {
            "object_id": "-1234abcd5678",
            "timestamp": "2026-11-22T10:42:00Z",
            "properties": {"Phone": "+351912345678", "DOB": "1990-09-21", "Plan: tier": "Trial"},
            "operators": {
                "increment": {"Score": 5},
                "append": {"Interests": ["solar"]},
                "unset": ["Old plan"],
            },
        },
        {
            "identity": "{{ record.id }}",
            "properties": {"Phone": "0301234567", "address": {"city": "Porto"}, "Old plan": None},
            "if_invalid": "drop",
            "nested": "flatten",
            "if_null": "skip",
        },
    )

    class Fields(ActionFields):
        identity: str | None = field(
            "Identity",
            "Your own id of the person; an unknown one makes a new profile.",
            default=None,
            suggest="{{ record.id }}",
            one_of="id",
        )
        object_id: str | None = field(
            "CleverTap ID",
            "CleverTap's id of one device. With an identity too, the device's profile gets that identity.",
            default=None,
            advanced=True,
            one_of="id",
        )
        timestamp: datetime | int | None = field(
            "Time",
            "A time with its zone, or seconds since 1970; else the time of receipt.",
            default=None,
            advanced=True,
        )
        properties: dict[str, Any] = field(
            "Properties",
            "Name and value of each. Null removes a property, unless the step says otherwise.",
            default={},
            suggest='{"Name": "{{ record.name }}"}',
        )
        operators: dict[str, Any] = field(
            "Operators",
            "`increment`, `append`, `remove`: property and value; `unset`: properties to remove.",
            default={},
            advanced=True,
        )
        if_invalid: IfInvalid = if_invalid_field()
        nested: Nested = nested_field()
        if_null: IfNull = if_null_field()

    def repeatable_for(self, fields: Fields) -> bool:
        return not any(fields.operators.get(name) for name in _ADDS_UP)

    def record(self, fields: Fields) -> UploadRecord:
        policies = Policies(fields.nested, fields.if_invalid, fields.if_null)
        return profile_record(
            fields.identity,
            fields.object_id,
            fields.timestamp,
            fields.properties,
            fields.operators,
            policies,
        )

    def done(self, fields: Fields) -> tuple[str, JsonObject]:
        summary = f"Profile {fields.identity or fields.object_id}"
        return summary, {"identity": fields.identity, "object_id": fields.object_id}
