"""What triggers on records of any entity share. Templates read the record as `record`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from automations.connectors.pipedrive import listing, related
from automations.connectors.pipedrive.entity_triggers import LOOKED_THROUGH, EntityTrigger
from automations.connectors.pipedrive.listed import was_is_unknown
from automations.connectors.pipedrive.records import label_of
from automations.engine.contracts import JsonObject, ListedPage, Occurrence, Window

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

ENTITIES = ("deal", "person", "organization", "activity", "lead", "note", "product")
NOTHING_CHANGED = "none of its fields has another value than before"


class WideTrigger(EntityTrigger):
    """A trigger on records of any entity; its fields have `entity`, which may be empty."""

    entity = related.ANY
    pulled_as: ClassVar[str]

    def looks_at(self, fields: Any) -> tuple[str, ...]:
        if not fields.entity:
            return self.topics
        return tuple(
            dict.fromkeys(f"{fields.entity}.{topic.rpartition('.')[2] or '*'}" for topic in self.topics)
        )

    def occurred(self, occurrence: Occurrence) -> str | None:
        if occurrence.topic.endswith(".change") and not occurrence.changed and not was_is_unknown(occurrence):
            return NOTHING_CHANGED
        return None

    def cannot_list(self, fields: Any) -> str | None:
        if not fields.entity:
            return "Choose the kind of record in the trigger first: one list is gone over at a time."
        if getattr(fields, "action", None) in ("deleted", "merged"):
            return "Pipedrive does not list what was deleted or merged."
        return None

    def existing(
        self, fields: Any, client: PipedriveClient, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        wanted = getattr(fields, "action", None)
        action = {"updated": "change", "created": "create"}.get(wanted or "", self.pulled_as)
        by = "update_time" if action == "change" else "add_time"
        return listing.existing(client, fields.entity, action, {}, by, cursor, window, limit)

    def pull(self, fields: Any, client: PipedriveClient, limit: int) -> Sequence[Occurrence]:
        """Records of the wanted entity, of deals where any will do."""
        self.prepare(fields, client)
        entity = fields.entity or "deal"
        newest = client.newest(entity, self.newest_by, most=LOOKED_THROUGH)
        made = (self._as_happened(entity, fields, record, client) for record in newest)
        fitting = (
            one for one in made if one is not None and self.narrow(fields, one, client.directory) is None
        )
        return [one for one, _ in zip(fitting, range(limit), strict=False)]

    def _as_happened(
        self, entity: str, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> Occurrence | None:
        previous = self.plausible_previous(fields, record, client)
        if previous is None and self.pulled_as == "change":
            return None
        base = self.sample
        return replace(
            base,
            topic=f"{entity}.{self.pulled_as}",
            entity=entity,
            record=record,
            previous=previous,
            record_key=f"{entity}:{record.get('id')}",
            label=label_of(entity, record),
            occurred_at=str(record.get(self.newest_by) or record.get("add_time") or ""),
            related={},
        )
