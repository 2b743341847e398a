"""The records that never moved to v2: notes, leads and users.

Source: OpenAPI document v1 of 2026-08-18, read 2026-11-22.
"""

from __future__ import annotations

from . import schema
from .entity import Entity
from .schema import nullable

_PINS = tuple(f"pinned_to_{link}_flag" for link in ("lead", "deal", "organization", "person", "project"))
NOTE = Entity(
    "note",
    "notes",
    keys={
        "content": schema.filled_text,
        "lead_id": schema.uuid_text,
        "deal_id": schema.integer,
        "person_id": schema.integer,
        "org_id": schema.integer,
        "project_id": schema.integer,
        "task_id": schema.integer,
        "user_id": schema.integer,
        "add_time": schema.spaced_time,
        **dict.fromkeys(_PINS, schema.one_of(0, 1)),
    },
    required=("content",),
    has_custom_fields=False,
)
LEAD = Entity(
    "lead",
    "leads",
    keys={
        "title": schema.filled_text,
        "owner_id": schema.integer,
        "label_ids": schema.list_of(schema.uuid_text),
        "person_id": nullable(schema.integer),
        "organization_id": nullable(schema.integer),
        "value": nullable(
            schema.object_of(
                {"amount": schema.number, "currency": schema.text}, required=("amount", "currency")
            )
        ),
        "expected_close_date": nullable(schema.calendar_date),
        "visible_to": schema.one_of("1", "3", "5", "7"),
        "was_seen": schema.boolean,
        "is_archived": schema.boolean,
        "origin_id": nullable(schema.text),
        "channel": nullable(schema.integer),
        "channel_id": nullable(schema.text),
    },
    required=("title",),
    create_only=frozenset({"origin_id"}),
)
USER = Entity(
    "user",
    "users",
    keys={"name": schema.filled_text, "email": schema.filled_text, "active_flag": schema.boolean},
    required=("name", "email"),
    has_custom_fields=False,
)
