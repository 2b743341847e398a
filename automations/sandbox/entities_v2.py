"""The records of `/api/v2`: what each takes and how its list can be narrowed.

Source: OpenAPI document v2 of 2026-08-18, read 2026-11-22, with the known differences of the live service where
they are stricter.
"""

from __future__ import annotations

from . import schema
from .entity import Entity
from .schema import nullable

VISIBLE_TO = schema.one_of(1, 3, 5, 7)
_ids = schema.list_of(schema.integer)


def _date_or_blank(value: object) -> str | None:
    """Live quirk: null is refused for `expected_close_date`, while an empty text is taken."""
    return None if value == "" else schema.calendar_date(value)


_COUNTS = (
    "next_activity_id",
    "last_activity_id",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "files_count",
    "notes_count",
    "followers_count",
    "email_messages_count",
    "smart_bcc_email",
)
_CONTACT_COUNTS = (
    *_COUNTS,
    "open_deals_count",
    "related_open_deals_count",
    "closed_deals_count",
    "related_closed_deals_count",
    "won_deals_count",
    "related_won_deals_count",
    "lost_deals_count",
    "related_lost_deals_count",
)
_MAIL_TIMES = ("last_incoming_mail_time", "last_outgoing_mail_time")

PERSON = Entity(
    "person",
    "persons",
    keys={
        "name": schema.filled_text,
        "first_name": schema.text,
        "last_name": schema.text,
        "owner_id": schema.integer,
        "org_id": schema.integer,
        "emails": schema.contact_details,
        "phones": schema.contact_details,
        "label_ids": _ids,
        "visible_to": VISIBLE_TO,
        "add_time": schema.rfc3339,
    },
    create_only=frozenset({"add_time"}),
    filters={"owner_id": "owner_id", "org_id": "org_id"},
    include_fields=(
        *_CONTACT_COUNTS,
        *_MAIL_TIMES,
        "participant_open_deals_count",
        "participant_closed_deals_count",
    ),
)
ORGANIZATION = Entity(
    "organization",
    "organizations",
    keys={
        "name": schema.filled_text,
        "owner_id": schema.integer,
        "label_ids": _ids,
        "visible_to": VISIBLE_TO,
        "address": schema.address,
        "website": nullable(schema.text),
        "linkedin": nullable(schema.text),
        "industry": nullable(schema.integer),
        "annual_revenue": nullable(schema.integer),
        "employee_count": nullable(schema.integer),
        "add_time": schema.rfc3339,
    },
    required=("name",),
    create_only=frozenset({"add_time"}),
    filters={"owner_id": "owner_id"},
    include_fields=(*_CONTACT_COUNTS, "people_count"),
)
DEAL = Entity(
    "deal",
    "deals",
    keys={
        "title": schema.filled_text,
        "owner_id": schema.integer,
        "person_id": nullable(schema.integer),
        "org_id": nullable(schema.integer),
        "pipeline_id": schema.integer,
        "stage_id": schema.integer,
        "value": schema.number,
        "currency": schema.text,
        "status": schema.one_of("open", "won", "lost"),
        "probability": nullable(schema.number),
        "lost_reason": nullable(schema.text),
        "close_time": nullable(schema.rfc3339),
        "won_time": schema.rfc3339,
        "lost_time": schema.rfc3339,
        "expected_close_date": _date_or_blank,
        "label_ids": _ids,
        "visible_to": VISIBLE_TO,
        "is_archived": schema.boolean,
        "archive_time": schema.spaced_time,
        "channel": nullable(schema.integer),
        "channel_id": nullable(schema.text),
    },
    required=("title",),
    filters={
        "owner_id": "owner_id",
        "person_id": "person_id",
        "org_id": "org_id",
        "pipeline_id": "pipeline_id",
        "stage_id": "stage_id",
    },
    include_fields=(
        *_COUNTS,
        *_MAIL_TIMES,
        "first_won_time",
        "products_count",
        "participants_count",
        "source_lead_id",
    ),
)
ACTIVITY = Entity(
    "activity",
    "activities",
    keys={
        "subject": schema.text,
        "type": schema.text,
        "owner_id": schema.integer,
        "deal_id": nullable(schema.integer),
        "lead_id": nullable(schema.uuid_text),
        "org_id": nullable(schema.integer),
        "project_id": nullable(schema.integer),
        "due_date": schema.calendar_date,
        "due_time": schema.clock_time,
        "duration": schema.clock_time,
        "done": schema.boolean,
        "busy": schema.boolean,
        "note": nullable(schema.text),
        "public_description": nullable(schema.text),
        "location": nullable(schema.address),
        "participants": schema.list_of(
            schema.object_of(
                {"person_id": schema.integer, "primary": schema.boolean}, required=("person_id",)
            )
        ),
        "attendees": schema.list_of(
            schema.object_of(
                {
                    "email": schema.filled_text,
                    "name": schema.text,
                    "status": schema.text,
                    "is_organizer": schema.boolean,
                    "person_id": nullable(schema.integer),
                    "user_id": nullable(schema.integer),
                },
                required=("email",),
            )
        ),
        "priority": nullable(schema.integer),
        "outcome": nullable(schema.integer),
    },
    filters={
        "owner_id": "owner_id",
        "deal_id": "deal_id",
        "lead_id": "lead_id",
        "person_id": "person_id",
        "org_id": "org_id",
        "done": "done",
    },
    sort_by=("id", "update_time", "add_time", "due_date"),
    include_fields=("attendees",),
    has_custom_fields=False,
)
PIPELINE = Entity(
    "pipeline",
    "pipelines",
    keys={"name": schema.filled_text, "is_deal_probability_enabled": schema.boolean},
    required=("name",),
    has_custom_fields=False,
    token_cost_list=5,
)
STAGE = Entity(
    "stage",
    "stages",
    keys={
        "name": schema.filled_text,
        "pipeline_id": schema.integer,
        "deal_probability": schema.integer,
        "is_deal_rot_enabled": schema.boolean,
        "days_to_rotten": nullable(schema.integer),
    },
    required=("name", "pipeline_id"),
    filters={"pipeline_id": "pipeline_id"},
    sort_by=("id", "update_time", "add_time", "order_nr"),
    has_custom_fields=False,
    token_cost_list=5,
)
