"""Write a note in Pipedrive, or change one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from automations.connectors.pipedrive import forms, links
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.note_writing import LINKS, NoteUpsert
from automations.engine.contracts import ActionFields, Call, Outcome, field
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertNote(MatchingAction):
    """Write a note on a deal, person, organization or lead, or change the note whose id you give.

    At least one of them must be named. Each is found by its match field, by default the connection's, and its
    match value. Without a note id every event writes a new note. The content is text or HTML; Pipedrive removes
    what it does not allow.

    Not repeatable: after a doubtful outcome the notes of that record are read back instead. A note with the
    same content written since the first attempt then counts as the one.

    Source: Pipedrive API v1, "Notes" (GET, POST, PUT), read 2026-11-22.
    """

    key = "pipedrive.upsert_note"
    title = "Write a note"
    sentence = "Write a note in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    linked = ("deal", "person", "organization")
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The note's id",
        "record": "The note as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "`id` when an existing note was changed",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {
            "content": "Sent to <b>CleverTap</b>",
            "organization_match_value": "Fjord Furniture",
            "organization_missing": "create",
        },
        {
            "content": "Asked for a quote",
            "pinned": True,
            "person_match_field": "name",
            "person_match_value": "Ingrid Solberg",
            "person_missing": "create",
        },
    )

    class Fields(ActionFields):
        content: str = field("Content", "Text or HTML.", multiline=True)
        note_id: int | None = field(
            "Note id", "Change this note instead of writing one.", default=None, one_of="link", advanced=True
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = field(
            "What it may do",
            "Leave empty for the connection's choice.",
            default=None,
            choices=("upsert", "update_only", "create_only"),
            advanced=True,
        )
        pinned: bool | None = field("Pin it", "To everything that it is linked to.", default=None)
        add_time: datetime | None = field(
            "Written at", "With a time zone; only for a new note.", default=None, advanced=True
        )
        deal_match_field: str | None = forms.link_by("deal")
        deal_match_value: str | None = field("Deal", default=None, suggest="{{ deal.id }}", one_of="link")
        deal_missing: Literal["skip", "stop", "create"] = forms.link_missing("deal")
        person_match_field: str | None = forms.link_by("person")
        person_match_value: str | None = field("Person", default=None, one_of="link")
        person_missing: Literal["skip", "stop", "create"] = forms.link_missing("person")
        organization_match_field: str | None = forms.link_by("organization")
        organization_match_value: str | None = field("Organization", default=None, one_of="link")
        organization_missing: Literal["skip", "stop", "create"] = forms.link_missing("organization")
        lead_id: str | None = field("Lead", "Its id.", default=None, one_of="link")

    def check(self, fields: Fields) -> None:
        mapped = fields.mapped()
        named = any(links.is_mapped(entity, mapped) for entity in LINKS) or mapped.get("lead_id")
        if not named and mapped.get("note_id") is None:
            raise FieldsError(
                "A note needs something to be written on. Map a deal, person, organization or lead.",
                field="deal_match_value",
                wanted="a deal, person, organization or lead",
            )
        if not fields.content.strip():
            raise FieldsError("A note needs content, and it is empty.", field="content", wanted="a text")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        self.check(fields)
        return NoteUpsert(client, fields.mapped(), call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        return NoteUpsert(client, fields.mapped(), call).settle()
