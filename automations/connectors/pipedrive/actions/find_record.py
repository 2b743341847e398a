"""Find a record in Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from automations.connectors.pipedrive import forms, records
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.finding import find_one, match_of
from automations.connectors.pipedrive.mapping_checks import EntityAction
from automations.engine.contracts import ActionFields, Call, JsonObject, Outcome, field
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_ENTITIES = ("person", "organization", "deal", "lead", "product", "activity", "note")


class FindRecord(EntityAction):
    """Find one record, for later steps to read as `steps.<name>.record`.

    Activities and notes are found by id only. When nothing matches, `stop` parks the run, `skip` ends it quietly,
    and `continue` goes on with `found: false`. A look-up that fails is never taken for "not found".

    Repeatable: yes; it only reads.

    Source: Pipedrive API v2 (search, get) and v1 "Leads", "Notes" (get), read 2026-11-22.
    """

    key = "pipedrive.find_record"
    title = "Find a record"
    sentence = "Find a record in Pipedrive"
    connection = PipedriveConnection
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {
        "found": "Whether there is one",
        "id": "Its id; null when there is none",
        "record": "The record as Pipedrive has it; empty when there is none",
    }
    examples = (
        {"entity": "organization", "match_value": "Bergen Timber"},
        {
            "entity": "deal",
            "match_field": "title",
            "match_value": "A deal that nobody made",
            "if_many": "newest",
            "if_missing": "continue",
        },
    )

    class Fields(ActionFields):
        entity: Literal["person", "organization", "deal", "lead", "product", "activity", "note"] = field(
            "Kind of record", choices=_ENTITIES
        )
        match_field: str | None = field(
            "Find it by", "As an upsert of that kind; leave empty for the connection's.", default=None
        )
        match_value: str = field("Value to find")
        if_many: Literal["stop", "oldest", "newest"] = forms.if_many(("stop", "oldest", "newest"))
        if_missing: Literal["stop", "skip", "continue"] = field(
            "When there is none",
            "Stop parks the run, skip ends it, continue goes on.",
            default="stop",
            choices=("stop", "skip", "continue"),
        )

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        match = match_of(client, fields.entity, fields.mapped())
        record = find_one(client, match, fields.if_many)
        if record is not None:
            outputs = {"found": True, "id": record.get("id"), "record": record}
            return Outcome(outputs, f"Found {records.label_of(fields.entity, record)}.")
        words = f"No {fields.entity} has {match.words}"
        if fields.if_missing == "stop":
            raise RejectedError(
                f"{words}. Create it in Pipedrive, or choose in the step what to do when there is none.",
                code="missing",
            )
        nothing: JsonObject = {"found": False, "id": None, "record": {}}
        return Outcome(nothing, f"{words}.", nothing_to_do=True, stop=fields.if_missing == "skip")
