"""Create an activity in Pipedrive, or change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import activity_fields, forms
from automations.connectors.pipedrive.activity_fields import ActivityUpsert, match_of
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.engine.contracts import ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class UpsertActivity(MatchingAction):
    """Create an activity, or change the one whose id you give.

    Without an activity id every event makes a new one. The person becomes the primary participant, and those who
    take part already stay. A due time is in UTC: a date and time with a zone is converted, and its day is the due
    date unless you map a plain date. Without a type Pipedrive makes it a call, without a subject it names it so.

    Not repeatable: after a doubtful outcome the newest activities are read back instead. One with the same values
    made since the first attempt then counts as the one.

    Source: Pipedrive API v2, "Activities" (get, list, POST, PATCH), and v1, "ActivityTypes", read 2026-11-22.
    """

    key = "pipedrive.upsert_activity"
    title = "Create or update an activity"
    sentence = "Create or update an activity in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    entity = "activity"
    linked = ("person", "organization", "deal")
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The activity's id",
        "record": "The activity as Pipedrive then has it",
        "created": "Whether it is new",
        "matched_by": "`id` when an activity was changed",
        "changed": "Names of the fields that were sent",
    }
    examples = (
        {
            "subject": "Call Ingrid about the offer",
            "type": "Call",
            "due_date": "2026-12-15",
            "due_time": "9:30",
            "duration": 45,
            "priority": "High",
            "person_match_value": "ingrid@fjord-furniture.example",
            "person_missing": "create",
        },
        {
            "subject": "Visit",
            "type": "meeting",
            "due_time": "2026-12-16T00:30:00+02:00",
            "location": "Havnegata 8, Bergen",
            "done": False,
            "organization_match_value": "Fjord Furniture",
        },
    )

    class Fields(ActionFields):
        activity_id: int | None = field(
            "Activity id", "Change this activity instead of making one.", default=None
        )
        mode: Literal["upsert", "update_only", "create_only"] | None = forms.mode()
        subject: str | None = field("Subject", default=None)
        type: str | None = field("Type", "By name or key.", default=None, choices="activity_types")
        description: str | None = field("Description", "Guests see it, too.", default=None)
        note: str | None = field("Note", "Text or HTML, for colleagues.", default=None, multiline=True)
        due_date: str | None = field("Due date", "A date such as 2026-12-15.", default=None)
        due_time: str | None = field(
            "Due time", "A time of day in UTC such as 09:30, or a date and time with its zone.", default=None
        )
        duration: str | None = field("Duration", "Such as 01:30, or minutes such as 90.", default=None)
        done: bool | None = field("Done", default=None)
        priority: int | str | None = field("Priority", "By label or id. null clears.", default=None)
        owner: int | str | None = forms.owner()
        location: str | dict[str, Any] | None = field(
            "Location", "One text, or an object with value.", default=None
        )
        person_match_field: str | None = forms.link_by("person")
        person_match_value: str | None = forms.link_value("person")
        person_missing: Literal["skip", "stop", "create"] = forms.link_missing("person")
        organization_match_field: str | None = forms.link_by("organization")
        organization_match_value: str | None = forms.link_value("organization")
        organization_missing: Literal["skip", "stop", "create"] = forms.link_missing("organization")
        deal_match_field: str | None = forms.link_by("deal")
        deal_match_value: str | None = forms.link_value("deal")
        deal_missing: Literal["skip", "stop", "create"] = forms.link_missing("deal")
        lead_id: str | None = field("Lead", "Its id. null takes the link away.", default=None)

    def check(self, fields: Fields) -> None:
        activity_fields.check(fields.mapped())

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        self.check(fields)
        mapped = fields.mapped()
        return ActivityUpsert(client, match_of(client, mapped), mapped, call).perform()

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        mapped = fields.mapped()
        return ActivityUpsert(client, match_of(client, mapped), mapped, call, may_create_links=False).settle()
