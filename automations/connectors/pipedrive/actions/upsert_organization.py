"""Create an organization in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import forms
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.organization_fields import OrganizationUpsert, match_of
from automations.engine.contracts import ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertOrganization(MatchingAction):
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
    entity = "organization"
    linked = ("person",)
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
        match_field: str | None = forms.find_by("organization")
        match_value: str | None = field("Value to find", "Stored on a new organization.", default=None)
        mode: Literal["upsert", "update_only", "create_only"] | None = forms.mode()
        if_many: Literal["stop", "oldest", "newest", "merge"] = forms.if_many()
        name: str | None = field(
            "Name", "Needed for a new organization.", default=None, suggest="{{ organization.name }}"
        )
        address: str | dict[str, Any] | None = field(
            "Address", "One text, or an object with value.", default=None
        )
        owner: int | str | None = forms.owner()
        labels: list[int | str] | None = forms.labels()
        visible_to: Literal[1, 3, 5, 7] | None = forms.visible_to()
        add_time: datetime | None = field(
            "Created at", "With a time zone; only for a new organization.", default=None, advanced=True
        )
        custom_fields: dict[str, Any] | None = forms.custom_fields()
        person_match_field: str | None = forms.link_by("person")
        person_match_value: str | None = field("Person", "Who is to belong to it.", default=None)
        person_missing: Literal["skip", "stop", "create"] = forms.link_missing("person")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        mapped = fields.mapped()
        return OrganizationUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        asked = OrganizationUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False)
        return asked.settle()
