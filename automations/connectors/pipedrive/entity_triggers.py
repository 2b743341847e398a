"""What the triggers of one entity share: created, updated, deleted, and real samples from the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from automations.connectors.pipedrive import listed, listing, narrowing, records
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.engine.contracts import (
    DirectoryLike,
    JsonObject,
    ListedPage,
    NotYet,
    Occurrence,
    Trigger,
    TriggerFields,
    Window,
    field,
)

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

# Real samples are looked for in this many of the newest records before giving up.
LOOKED_THROUGH = 300


class ChangedField(TriggerFields):
    """Narrows an update to one field."""

    changed_field: str | None = field(
        "Only when this field changed",
        "A field's name, or a custom field's label. Leave empty for any change.",
        default=None,
    )


class DealFields(TriggerFields):
    """Narrows deals to one pipeline."""

    pipeline: int | str | None = field(
        "Pipeline", "By name or id. Leave empty for all.", default=None, choices="pipelines"
    )


class ChangedDeal(DealFields, ChangedField):
    """Narrows deals to one pipeline and one changed field."""


class EntityTrigger(Trigger):
    """A trigger on records of one entity."""

    connection = PipedriveConnection
    newest_by: ClassVar[str] = "update_time"

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        pipeline = getattr(fields, "pipeline", None)
        answer = narrowing.in_list(
            "pipeline", pipeline, occurrence.record.get("pipeline_id"), "pipelines", directory
        )
        if answer is not None:
            return answer
        return narrowing.changed_field(getattr(fields, "changed_field", None), occurrence, directory)

    def prepare(self, fields: Any, client: PipedriveClient) -> None:
        for name in self.lists_for(fields):
            client.lists.fetch(name)

    def lists_for(self, fields: Any) -> list[str]:
        """Return the lists of the account that `narrow` reads for these fields."""
        wanted = []
        if getattr(fields, "pipeline", None):
            wanted.append("pipelines")
        if getattr(fields, "changed_field", None) and self.entity in FIELD_LISTS:
            wanted.append(FIELD_LISTS[self.entity])
        return wanted

    def pull(self, fields: Any, client: PipedriveClient, limit: int) -> Sequence[Occurrence]:
        self.prepare(fields, client)
        found: list[Occurrence] = []
        for record in client.newest(self.entity, self.newest_by, most=LOOKED_THROUGH):
            occurrence = self.as_sample(fields, record, client)
            if occurrence is None or self.narrow(fields, occurrence, client.directory) is not None:
                continue
            found.append(occurrence)
            if len(found) >= limit:
                break
        return found

    # what is there already

    def cannot_list(self, fields: Any) -> str | None:
        if self.topics[0].endswith((".delete", ".merge")):
            return "Pipedrive does not list what was deleted or merged. Choose a trigger on what is there."
        return None

    def existing(
        self, fields: Any, client: PipedriveClient, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        action = self.topics[0].rpartition(".")[2]
        filters = self.filters(fields, client.directory)
        return listing.existing(client, self.entity, action, filters, self.newest_by, cursor, window, limit)

    def filters(self, fields: Any, directory: DirectoryLike) -> dict[str, Any]:
        """Return what narrows the list of records already at Pipedrive; `narrow` does the rest here."""
        pipeline = narrowing.only_id(getattr(fields, "pipeline", None), "pipelines", directory)
        return {} if pipeline is None else {"pipeline_id": pipeline}

    def as_sample(self, fields: Any, record: JsonObject, client: PipedriveClient) -> Occurrence | None:
        """Return a record of the account as if this had just happened to it; None when it cannot have."""
        previous = self.plausible_previous(fields, record, client)
        if previous is None and not self.topics[0].endswith((".create", ".delete")):
            return None
        return Occurrence(
            topic=self.topics[0],
            entity=self.entity,
            record=record,
            previous=previous,
            record_key=f"{self.entity}:{record.get('id')}",
            label=records.label_of(self.entity, record),
            occurred_at=str(record.get(self.newest_by) or record.get("add_time") or ""),
            facts={"change_source": "app", "attempt": 1, "is_bulk_edit": False},
        )

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        """Return old values that such an event could have had; the account does not tell the real ones."""
        return None


class RecordCreated(EntityTrigger):
    """A record came into being."""

    newest_by = "add_time"


class RecordDeleted(EntityTrigger):
    """A record was deleted; the record is its last state."""


class RecordMerged(EntityTrigger):
    """Two records became one; the record is the one that stays."""

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        return {}


class RecordUpdated(EntityTrigger):
    """Something in a record changed; two records becoming one counts, too."""

    Fields: ClassVar[type[TriggerFields]] = ChangedField

    def occurred(self, occurrence: Occurrence) -> str | None:
        if occurrence.topic.endswith(".merge") or occurrence.changed or listed.was_is_unknown(occurrence):
            return None
        return "none of its fields has another value than before"

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        wanted = getattr(fields, "changed_field", None)
        if not wanted:
            return {"add_time": None} if record.get("add_time") else {}
        entries = client.directory.get(FIELD_LISTS.get(self.entity, "")) or ()
        keys = [str(entry["id"]) for entry in entries if narrowing.same_name(entry.get("name"), wanted)]
        key = next(iter(keys), wanted.removeprefix("custom_fields."))
        if records.is_custom_key(key):
            held = record.get("custom_fields") or {}
            return {"custom_fields": {key: None}} if held.get(key) is not None else None
        return {key: None} if record.get(key) is not None else None


class FieldOfDealChanged(EntityTrigger):
    """A deal's `watched` field got another value."""

    topics = ("deal.change",)
    entity = "deal"
    watched: ClassVar[str]
    Fields: ClassVar[type[TriggerFields]] = DealFields

    def occurred(self, occurrence: Occurrence) -> str | None:
        if listed.is_as_it_stands(occurrence):
            return None
        if listed.was_is_unknown(occurrence):
            return f"what it was before is not known, so neither is whether its {self.watched} changed"
        if self.watched not in occurrence.changed:
            return f"its {self.watched} did not change"
        return None


class StatusChanged(FieldOfDealChanged):
    """A deal's status became `became`."""

    watched = "status"
    became: ClassVar[str]

    def occurred(self, occurrence: Occurrence) -> str | None:
        reason = super().occurred(occurrence)
        if reason is None and occurrence.record.get("status") != self.became:
            return f"status is {occurrence.record.get('status')}, wanted {self.became}"
        return reason

    def cannot_list(self, fields: Any) -> str | None:
        if self.became == "open":
            return (
                "An open deal does not tell whether it was closed before. Choose the trigger *Deal created*."
            )
        return super().cannot_list(fields)

    def filters(self, fields: Any, directory: DirectoryLike) -> dict[str, Any]:
        return {**super().filters(fields, directory), "status": self.became}

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        if record.get("status") != self.became:
            return None
        return {"status": "lost" if self.became == "open" else "open"}
