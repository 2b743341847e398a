"""Create a deal in Pipedrive, or update the one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import deal_fields, forms
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.deal_fields import DealUpsert, match_of
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.engine.contracts import ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertDeal(MatchingAction):
    """Create a deal, or update the one that is there.

    The deal is found by the match field, by default the connection's, and the match value, which is stored on a
    new deal. Without a match value every event makes a new deal. A stage belongs to a pipeline: one of another
    pipeline is refused, and a pipeline alone means its first stage. A value of 0 is a value. The reason for losing
    goes with the status `lost`; the status `deleted` deletes the deal. Only what differs is sent.

    Not repeatable: after a doubtful outcome the account is read back instead. Without a match value, a deal with
    the same values made since the first attempt then counts as the one.

    Source: Pipedrive API v2, "Deals" (search, get, POST, PATCH, DELETE), read 2026-11-22.
    """

    key = "pipedrive.upsert_deal"
    title = "Create or update a deal"
    sentence = "Create or update a deal in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    entity = "deal"
    linked = ("person", "organization")
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The deal's id",
        "record": "The deal as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "The field that found it; empty when it is new",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {
            "title": "Office chairs",
            "value": 5000,
            "currency": "EUR",
            "stage": "Contact made",
            "organization_match_value": "Fjord Furniture",
            "organization_missing": "create",
        },
        {
            "match_field": "title",
            "match_value": "Standing desks",
            "status": "lost",
            "lost_reason": "Too late",
            "expected_close_date": "2027-03-31",
            "labels": ["Hot"],
        },
    )

    class Fields(ActionFields):
        match_field: str | None = forms.find_by("deal")
        match_value: str | None = field(
            "Value to find", "Without one, every event makes a new deal.", default=None
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = forms.mode()
        if_many: Literal["stop", "oldest", "newest", "merge"] = forms.if_many()
        title: str | None = field("Title", "Needed for a new deal.", default=None, suggest="{{ deal.title }}")
        value: float | None = field("Value", "A number; null makes it 0.", default=None)
        currency: str | None = field(
            "Currency", "Three letters such as EUR. Left out, a new deal gets the account's.", default=None
        )
        stage: int | str | None = field("Stage", "By name or id.", default=None, choices="stages")
        pipeline: int | str | None = field("Pipeline", "By name or id.", default=None, choices="pipelines")
        status: Literal["open", "won", "lost", "deleted"] | None = field(
            "Status", default=None, choices=("open", "won", "lost", "deleted")
        )
        probability: float | None = field("Probability", "In percent. null clears.", default=None)
        expected_close_date: str | None = field(
            "Expected close date", "A date such as 2026-12-15.", default=None
        )
        lost_reason: str | None = field("Reason for losing", "Only for a lost deal.", default=None)
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
        deal_fields.check(fields.mapped())

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        mapped = fields.mapped()
        return DealUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        return DealUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False).settle()
