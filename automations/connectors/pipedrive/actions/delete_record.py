"""Delete a record in Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.match import match_for
from automations.engine.contracts import Action, ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_ENTITIES = ("person", "organization", "deal", "lead", "product", "activity", "note")


class DeleteRecord(Action):
    """Delete the record with this id. One that is not there is nothing to do.

    Pipedrive keeps deleted deals, persons, organizations, activities and products for 30 days, in which a person
    can bring them back; leads and notes are gone at once.

    Repeatable: yes; what is gone stays gone.

    Source: Pipedrive API v2 (`DELETE`, marked as deleted for 30 days) and v1 "Leads", "Notes", read 2026-11-22.
    """

    key = "pipedrive.delete_record"
    title = "Delete a record"
    sentence = "Delete a record in Pipedrive"
    connection = PipedriveConnection
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The id that was given",
        "deleted": "Whether there was a record to delete",
    }
    examples = (
        {"entity": "deal", "id": 5001},
        {"entity": "person", "id": 999999},
    )

    class Fields(ActionFields):
        entity: Literal["person", "organization", "deal", "lead", "product", "activity", "note"] = field(
            "Kind of record", choices=_ENTITIES
        )
        id: int | str = field("Id", suggest="{{ record.id }}")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        number = match_for(client, fields.entity, "id", fields.id).value
        deleted = client.delete(fields.entity, number)
        outputs = {"id": fields.id, "deleted": deleted}
        words = (
            f"Deleted {fields.entity} {number}"
            if deleted
            else f"There is no {fields.entity} {number} to delete"
        )
        return Outcome(outputs, f"{words}.", nothing_to_do=not deleted)
