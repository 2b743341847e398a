"""Create a person in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.person_fields import PersonUpsert, match_of
from automations.engine.contracts import Action, ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertPerson(Action):
    """Create a person, or update the one that is there.

    The person is found by the match field, by default the connection's, and the match value; without a value,
    by the e-mail, phone or name that you map. It is stored on a new person, so that the next event finds it.
    Only what differs is sent; what you do not map stays as it is. E-mails and phones are added to those there.

    Not repeatable: after a doubtful outcome the account is read back instead.

    Source: Pipedrive API v2, "Persons" (search, get, POST, PATCH), read 2026-11-22.
    """

    key = "pipedrive.upsert_person"
    title = "Create or update a person"
    sentence = "Create or update a person in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The person's id",
        "record": "The person as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "The field that found it; empty when it is new",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {
            "match_value": "ingrid@fjord-furniture.example",
            "name": "Ingrid Solberg",
            "phones": [{"value": "+47 55 01 23 45", "label": "work", "primary": True}],
            "organization_match_value": "Fjord Furniture",
            "organization_missing": "create",
        },
        {"match_field": "name", "match_value": "Lars Dahl", "emails": "lars@dahl.example", "visible_to": 3},
    )

    class Fields(ActionFields):
        match_field: str | None = field(
            "Find by", "`id`, `email`, `phone`, `name`, or a custom field's label or key.", default=None
        )
        match_value: str | None = field(
            "Value to find", "Stored on a new person.", default=None, suggest="{{ person.email }}"
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = field(
            "What it may do",
            "Leave empty for the connection's choice.",
            default=None,
            choices=("upsert", "update_only", "create_only"),
        )
        if_many: Literal["stop", "oldest", "newest", "merge"] = field(
            "When several match",
            "Merge joins them into the oldest.",
            default="stop",
            choices=("stop", "oldest", "newest", "merge"),
            advanced=True,
        )
        name: str | None = field(
            "Name", "Needed for a new person.", default=None, suggest="{{ person.name }}"
        )
        first_name: str | None = field("First name", default=None)
        last_name: str | None = field("Last name", default=None)
        emails: str | list[Any] | None = field(
            "E-mails", "A text, a list of texts, or objects with value, label, primary.", default=None
        )
        phones: str | list[Any] | None = field(
            "Phones", "A text, a list of texts, or objects with value, label, primary.", default=None
        )
        replace_emails: bool = field(
            "Replace the e-mails", "Else they are added.", default=False, advanced=True
        )
        replace_phones: bool = field(
            "Replace the phones", "Else they are added.", default=False, advanced=True
        )
        organization_match_field: str | None = field(
            "Find the organization by", "`id`, `name`, or a custom field.", default=None
        )
        organization_match_value: str | None = field("Organization", "What to find it by.", default=None)
        organization_missing: Literal["skip", "stop", "create"] = field(
            "When the organization is missing", default="skip", choices=("skip", "stop", "create")
        )
        owner: int | str | None = field("Owner", "By id, e-mail or name.", default=None, choices="users")
        labels: list[int | str] | None = field("Labels", "Added to those there, by name or id.", default=None)
        visible_to: Literal[1, 3, 5, 7] | None = field(
            "Visible to",
            "1 owner, 3 company or owner's group, 5 group and sub-groups, 7 company, as your plan has it.",
            default=None,
            choices=("1", "3", "5", "7"),
            advanced=True,
        )
        add_time: datetime | None = field(
            "Created at", "With a time zone; only for a new person.", default=None, advanced=True
        )
        custom_fields: dict[str, Any] | None = field(
            "Custom fields", "By label or key; options by label or id. null clears.", default=None
        )

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        mapped = fields.mapped()
        return PersonUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        return PersonUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False).settle()
