"""Create a lead in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import forms, links, money
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.lead_fields import LeadUpsert, match_of
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.upserting import filled
from automations.engine.contracts import ActionFields, Call, Outcome, field
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertLead(MatchingAction):
    """Create a lead, or update the one that is there.

    The lead is found by its id, or by the match field and the match value. Without either every event makes a new
    lead, which needs a person or an organization. An amount and a currency go together: what you do not map is
    taken from the lead that is there. Leads have the custom fields of deals. Only what differs is sent.

    Not repeatable: after a doubtful outcome the account is read back instead. Where nothing names the lead, one
    with the same values made since the first attempt then counts as the one.

    Source: Pipedrive API v1, "Leads" (GET, POST, PATCH), and v2, "Leads" (search), read 2026-11-22.
    """

    key = "pipedrive.upsert_lead"
    title = "Create or update a lead"
    sentence = "Create or update a lead in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    entity = "lead"
    linked = ("person", "organization")
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The lead's id",
        "record": "The lead as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "The field that found it; empty when it is new",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {
            "title": "Asked for office chairs",
            "amount": 0,
            "currency": "EUR",
            "labels": ["Hot"],
            "person_match_value": "ingrid@fjord-furniture.example",
            "person_missing": "create",
        },
        {
            "match_field": "title",
            "match_value": "Asked for desks",
            "title": "Asked for desks",
            "visible_to": 3,
            "organization_match_value": "Fjord Furniture",
            "organization_missing": "create",
        },
    )

    class Fields(ActionFields):
        lead_id: str | None = field("Lead id", "Change this lead.", default=None)
        match_field: str | None = forms.find_by("lead")
        match_value: str | None = field(
            "Value to find", "Without one and without an id, every event makes a new lead.", default=None
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = forms.mode()
        title: str = field("Title")
        amount: float | None = field("Amount", "A number; 0 is one. null takes the value away.", default=None)
        currency: str | None = field(
            "Currency", "Three letters such as EUR; goes with an amount.", default=None
        )
        expected_close_date: str | None = field(
            "Expected close date", "A date such as 2026-12-15. null clears.", default=None
        )
        owner: int | str | None = forms.owner()
        labels: list[int | str] | None = forms.labels()
        visible_to: Literal[1, 3, 5, 7] | None = forms.visible_to()
        custom_fields: dict[str, Any] | None = forms.custom_fields()
        person_match_field: str | None = forms.link_by("person")
        person_match_value: str | None = forms.link_value("person")
        person_missing: Literal["skip", "stop", "create"] = forms.link_missing("person")
        organization_match_field: str | None = forms.link_by("organization")
        organization_match_value: str | None = forms.link_value("organization")
        organization_missing: Literal["skip", "stop", "create"] = forms.link_missing("organization")

    def check(self, fields: Fields) -> None:
        mapped = fields.mapped()
        filled(mapped, "title", "lead")
        money.close_day(mapped)
        if mapped.get("currency"):
            money.currency_code(mapped["currency"])
        named = mapped.get("lead_id") is not None or mapped.get("match_value") is not None
        if not named and not any(links.is_mapped(entity, mapped) for entity in self.linked):
            raise FieldsError(
                "A new lead needs a person or an organization, and neither is mapped or both are empty. Map one.",
                field="person_match_value",
                wanted="a person or an organization",
            )

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        self.check(fields)
        mapped = fields.mapped()
        return LeadUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        return LeadUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False).settle()
