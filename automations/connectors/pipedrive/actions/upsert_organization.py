"""Create an organization in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.organization_fields import OrganizationUpsert, match_of
from automations.engine.contracts import Action, ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertOrganization(Action):
    """Create an organization, or update the one that is there.

    The organization is found by the match field, by default the connection's, and the match value; by name, the
    name that you map serves, too. The value is stored on a new organization, so that the next event finds it.
    Only what differs is sent. A person that you name is then made to belong to it.

    Not repeatable: after a doubtful outcome the account is read back instead.

    Source: Pipedrive API v2, "Organizations" and "Persons" (search, get, POST, PATCH), read 2026-11-22.
    """

    key = "pipedrive.upsert_organization"
    title = "Create or update an organization"
    sentence = "Create or update an organization in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The organization's id",
        "record": "The organization as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "The field that found it; empty when it is new",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {"name": "Fjord Furniture", "address": "Havnegata 8, Bergen, Norway", "labels": ["Customer"]},
        {
            "match_value": "Nordlys Interiors",
            "visible_to": 3,
            "person_match_field": "name",
            "person_match_value": "Ingrid Solberg",
            "person_missing": "create",
        },
    )

    class Fields(ActionFields):
        match_field: str | None = field(
            "Find by", "`id`, `name`, or a custom field's label or key.", default=None
        )
        match_value: str | None = field("Value to find", "Stored on a new organization.", default=None)
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
            "Name", "Needed for a new organization.", default=None, suggest="{{ organization.name }}"
        )
        address: str | dict[str, Any] | None = field(
            "Address", "One text, or an object with value.", default=None
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
            "Created at", "With a time zone; only for a new organization.", default=None, advanced=True
        )
        custom_fields: dict[str, Any] | None = field(
            "Custom fields", "By label or key; options by label or id. null clears.", default=None
        )
        person_match_field: str | None = field(
            "Find the person by", "`id`, `email`, `phone`, `name`, or a custom field.", default=None
        )
        person_match_value: str | None = field("Person", "Who is to belong to it.", default=None)
        person_missing: Literal["skip", "stop", "create"] = field(
            "When the person is missing", default="skip", choices=("skip", "stop", "create")
        )

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        mapped = fields.mapped()
        return OrganizationUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        asked = OrganizationUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False)
        return asked.settle()
