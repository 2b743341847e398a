"""One field of a record got another value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import narrowing, records
from automations.connectors.pipedrive.listed import was_is_unknown
from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.connectors.pipedrive.samples import sample
from automations.connectors.pipedrive.wide_triggers import ENTITIES, NOTHING_CHANGED, WideTrigger
from automations.engine.contracts import (
    DirectoryLike,
    JsonObject,
    NotYet,
    Occurrence,
    TriggerFields,
)
from automations.engine.contracts import field as declared

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class FieldChanged(WideTrigger):
    """A field of a record got another value, whichever record and field you choose.

    The record is `record`, the old value stands in `previous`. A value to change to may be an option's label, or the
    name of a stage, pipeline or user.
    """

    key = "pipedrive.field_changed"
    title = "Field changed"
    sentence = "A field gets another value in Pipedrive"
    topics = ("*.change", "*.merge")
    sample = sample("deal", "change", previous={"value": 16900})
    pulled_as = "change"

    class Fields(TriggerFields):
        entity: str | None = declared(
            "Kind of record", "Leave empty for every kind.", default=None, choices=ENTITIES
        )
        field: str | None = declared(
            "Field",
            "A field's name, or a custom field's label or key. Leave empty for any field.",
            default=None,
        )
        to: str | int | float | bool | None = declared(
            "Changed to", "A value, an option's label, or a name. Leave empty for any value.", default=None
        )

    def occurred(self, occurrence: Occurrence) -> str | None:
        return None if occurrence.changed or was_is_unknown(occurrence) else NOTHING_CHANGED

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        if fields.entity and occurrence.entity != fields.entity:
            return f"it is a {occurrence.entity}, wanted {fields.entity}"
        answer = narrowing.changed_field(fields.field, occurrence, directory)
        if answer is not None or not fields.field:
            return answer
        return narrowing.became(fields.to, fields.field, occurrence, directory)

    def lists_for(self, fields: Any) -> list[str]:
        if not fields.field:
            return []
        entities = [fields.entity] if fields.entity else ENTITIES
        lists = [FIELD_LISTS[entity] for entity in entities if entity in FIELD_LISTS]
        return list(dict.fromkeys([*lists, *narrowing.lists_named_by(fields.field)]))

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        wanted = fields.field
        if not wanted:
            return {"add_time": None} if record.get("add_time") else {}
        entries = client.directory.get(FIELD_LISTS.get(fields.entity or "deal", "")) or ()
        keys = [str(entry["id"]) for entry in entries if narrowing.same_name(entry.get("name"), wanted)]
        key = next(iter(keys), wanted.removeprefix("custom_fields."))
        if records.is_custom_key(key):
            held = record.get("custom_fields") or {}
            return {"custom_fields": {key: None}} if held.get(key) is not None else None
        return {key: None} if record.get(key) is not None else None
