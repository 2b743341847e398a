"""Delete a profile in CleverTap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.connection import ClevertapConnection
from automations.engine.contracts import Action, ActionFields, Call, Outcome, field
from automations.errors import FieldsError


class DeleteProfile(Action):
    """Delete one profile with its events. CleverTap cannot bring it back.

    Source: CleverTap REST API, "Delete User Profile" (POST /1/delete/profiles.json, 2026-07-03), read 2026-11-22.
    Deleting a profile that is gone already is no error, so it can be sent twice.
    """

    key = "clevertap.delete_profile"
    title = "Delete a profile"
    sentence = "delete a profile"
    connection = ClevertapConnection
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {
        "identity": "The identity that was sent",
        "object_id": "The CleverTap ID that was sent",
    }
    examples = ({"identity": "{{ record.id }}"}, {"object_id": "-1234abcd5678"})

    class Fields(ActionFields):
        identity: str | None = field(
            "Identity", "Your own id of the person.", default=None, suggest="{{ record.id }}", one_of="id"
        )
        object_id: str | None = field(
            "CleverTap ID", "CleverTap's id of one device.", default=None, advanced=True, one_of="id"
        )

    def check(self, fields: Fields) -> None:
        if bool(fields.identity) == bool(fields.object_id):
            raise FieldsError(
                "Deleting takes exactly one id. Map Identity or CleverTap ID.",
                field="identity",
                wanted="one id",
            )

    def subject(self, fields: Fields) -> str:
        return (fields.identity or fields.object_id or "").strip()

    def perform(self, fields: Fields, client: ClevertapClient, call: Call) -> Outcome:
        outputs = {"identity": fields.identity, "object_id": fields.object_id}
        person = fields.identity or fields.object_id or ""
        if call.validate_only:
            return Outcome(
                outputs, f"Would delete profile {person}; CleverTap cannot check this without doing it"
            )
        client.delete("identity" if fields.identity else "guid", person)
        return Outcome(outputs, f"Deleted profile {person}")
