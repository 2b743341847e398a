"""Create a person in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import forms
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.person_fields import PersonUpsert, match_of
from automations.engine.contracts import ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertPerson(MatchingAction):
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
    entity = "person"
    linked = ("organization",)
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
        match_field: str | None = forms.find_by("person")
        match_value: str | None = field(
            "Value to find", "Stored on a new person.", default=None, suggest="{{ person.email }}"
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = forms.mode()
        if_many: Literal["stop", "oldest", "newest", "merge"] = forms.if_many()
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
        organization_match_field: str | None = forms.link_by("organization")
        organization_match_value: str | None = forms.link_value("organization")
        organization_missing: Literal["skip", "stop", "create"] = forms.link_missing("organization")
        owner: int | str | None = forms.owner()
        labels: list[int | str] | None = forms.labels()
        visible_to: Literal[1, 3, 5, 7] | None = forms.visible_to()
        add_time: datetime | None = field(
            "Created at", "With a time zone; only for a new person.", default=None, advanced=True
        )
        custom_fields: dict[str, Any] | None = forms.custom_fields()

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        mapped = fields.mapped()
        return PersonUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        return PersonUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False).settle()
