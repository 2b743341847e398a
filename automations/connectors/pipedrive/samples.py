"""Believable records for every trigger, so that a recipe can be built and previewed before anything happened.

They carry what templates may read, related records included, in the shape that real ones have.
"""

from __future__ import annotations

import copy
from typing import Any

from automations.connectors.pipedrive import records
from automations.engine.contracts import JsonObject, Occurrence

_COMPANY_SIZE = "5d1f0a9c3e7b42868f60b1d4c2a97e3580db6f14"
_DELIVERY = "c07e9a51b8d34f2690ae6bd15f3c84720e1d9ab6"

USER: JsonObject = {"id": 1204, "name": "Maja Holm", "email": "maja.holm@nordlys.example", "phone": None}
PIPELINE: JsonObject = {"id": 2, "name": "Sales", "order_nr": 1}
STAGES: list[JsonObject] = [
    {"id": 11, "name": "Lead in", "order_nr": 1, "pipeline_id": 2, "deal_probability": 10},
    {"id": 12, "name": "Negotiation", "order_nr": 2, "pipeline_id": 2, "deal_probability": 60},
]
ORGANIZATION: JsonObject = {
    "id": 310,
    "name": "Fjord Furniture",
    "owner_id": 1204,
    "address": {"value": "Havnegata 8, Bergen, Norway", "locality": "Bergen", "country": "Norway"},
    "label_ids": [],
    "visible_to": 3,
    "is_deleted": False,
    "website": "https://fjord-furniture.example",
    "add_time": "2026-03-02T09:15:00Z",
    "update_time": "2026-10-28T12:40:00Z",
    "custom_fields": {},
}
PERSON: JsonObject = {
    "id": 745,
    "name": "Ingrid Solberg",
    "first_name": "Ingrid",
    "last_name": "Solberg",
    "owner_id": 1204,
    "org_id": 310,
    "emails": [
        {"value": "ingrid@fjord-furniture.example", "label": "work", "primary": True},
        {"value": "ingrid.solberg@mail.example", "label": "home", "primary": False},
    ],
    "phones": [{"value": "+47 55 01 23 45", "label": "work", "primary": True}],
    "email": "ingrid@fjord-furniture.example",
    "phone": "+47 55 01 23 45",
    "label_ids": [],
    "visible_to": 3,
    "is_deleted": False,
    "add_time": "2026-03-02T09:20:00Z",
    "update_time": "2026-11-03T08:05:00Z",
    "custom_fields": {_COMPANY_SIZE: 31},
}
DEAL: JsonObject = {
    "id": 5120,
    "title": "Office chairs for the new floor",
    "value": 18400,
    "currency": "EUR",
    "status": "open",
    "pipeline_id": 2,
    "stage_id": 12,
    "probability": None,
    "owner_id": 1204,
    "creator_user_id": 1204,
    "person_id": 745,
    "org_id": 310,
    "label_ids": [8],
    "visible_to": 3,
    "add_time": "2026-11-12T10:30:00Z",
    "update_time": "2026-11-16T14:02:00Z",
    "stage_change_time": "2026-11-16T14:02:00Z",
    "expected_close_date": "2026-12-18",
    "close_time": None,
    "won_time": None,
    "lost_time": None,
    "lost_reason": None,
    "origin": "ManuallyCreated",
    "origin_id": None,
    "is_archived": False,
    "custom_fields": {_DELIVERY: 41},
}
ACTIVITY: JsonObject = {
    "id": 9031,
    "subject": "Show the fabric samples",
    "type": "meeting",
    "owner_id": 1204,
    "done": False,
    "busy": True,
    "is_deleted": False,
    "due_date": "2026-11-20",
    "due_time": "13:00:00",
    "duration": "01:00:00",
    "location": None,
    "public_description": None,
    "note": "Bring the grey one.",
    "deal_id": 5120,
    "lead_id": None,
    "person_id": 745,
    "org_id": 310,
    "add_time": "2026-11-13T07:45:00Z",
    "update_time": "2026-11-13T07:45:00Z",
}
LEAD: JsonObject = {
    "id": "6b1f3c80-7a44-11f0-9d0e-5f2d4a8c17be",
    "title": "Canteen tables",
    "owner_id": 1204,
    "creator_id": 1204,
    "person_id": 745,
    "organization_id": 310,
    "label_ids": [],
    "value": {"amount": 3200, "currency": "EUR"},
    "expected_close_date": "2027-01-29",
    "is_archived": False,
    "was_seen": True,
    "source_name": "Manually created",
    "add_time": "2026-11-14T16:10:00Z",
    "update_time": "2026-11-14T16:10:00Z",
    "custom_fields": {},
}
NOTE: JsonObject = {
    "id": 4410,
    "content": "Wants delivery before the <b>holidays</b>.",
    "user_id": 1204,
    "deal_id": 5120,
    "person_id": 745,
    "org_id": 310,
    "lead_id": None,
    "active_flag": True,
    "pinned_to_deal_flag": False,
    "pinned_to_person_flag": False,
    "pinned_to_organization_flag": False,
    "add_time": "2026-11-16T14:10:00Z",
    "update_time": "2026-11-16T14:10:00Z",
}
PRODUCT: JsonObject = {
    "id": 77,
    "name": "Swivel chair Vidar",
    "code": "VID-02",
    "unit": "piece",
    "tax": 25,
    "is_linkable": True,
    "is_deleted": False,
    "owner_id": 1204,
    "visible_to": 3,
    "prices": [{"product_id": 77, "price": 460, "currency": "EUR", "cost": 210}],
    "add_time": "2026-02-01T08:00:00Z",
    "update_time": "2026-09-30T11:25:00Z",
    "custom_fields": {},
}

_RECORDS: dict[str, JsonObject] = {
    "deal": DEAL,
    "person": PERSON,
    "organization": ORGANIZATION,
    "activity": ACTIVITY,
    "lead": LEAD,
    "note": NOTE,
    "product": PRODUCT,
}
_PERSON_WITHIN: JsonObject = {
    **PERSON,
    "organization": ORGANIZATION,
    "owner": USER,
    "custom": {"Company size": "11 to 50"},
}
_ORGANIZATION_WITHIN: JsonObject = {**ORGANIZATION, "owner": USER, "custom": {}}
_DEAL_WITHIN: JsonObject = {**DEAL, "stage": STAGES[1], "pipeline": PIPELINE}
_RELATED: dict[str, JsonObject] = {
    "deal": {
        "person": _PERSON_WITHIN,
        "organization": _ORGANIZATION_WITHIN,
        "owner": USER,
        "creator": USER,
        "stage": STAGES[1],
        "pipeline": PIPELINE,
        "custom": {"Delivery": "With assembly"},
    },
    "person": {
        "organization": _ORGANIZATION_WITHIN,
        "owner": USER,
        "custom": {"Company size": "11 to 50"},
    },
    "organization": {"owner": USER, "custom": {}},
    "activity": {
        "person": _PERSON_WITHIN,
        "organization": _ORGANIZATION_WITHIN,
        "deal": _DEAL_WITHIN,
        "owner": USER,
    },
    "lead": {"person": _PERSON_WITHIN, "organization": _ORGANIZATION_WITHIN, "owner": USER, "custom": {}},
    "note": {
        "person": _PERSON_WITHIN,
        "organization": _ORGANIZATION_WITHIN,
        "deal": _DEAL_WITHIN,
        "user": USER,
    },
    "product": {"owner": USER, "custom": {}},
}


def sample(
    entity: str,
    action: str,
    *,
    previous: JsonObject | None = None,
    now: JsonObject | None = None,
    related: JsonObject | None = None,
) -> Occurrence:
    """Return an example of `<entity>.<action>`. now: record values that differ from the usual example."""
    record: JsonObject = copy.deepcopy({**_RECORDS[entity], **(now or {})})
    around: dict[str, Any] = copy.deepcopy({**_RELATED[entity], **(related or {})})
    return Occurrence(
        topic=f"{entity}.{action}",
        entity=entity,
        record=record,
        previous=previous,
        record_key=f"{entity}:{record['id']}",
        label=records.label_of(entity, record),
        occurred_at=str(record["update_time"]),
        related=around,
        facts={"change_source": "app", "user_id": USER["id"], "attempt": 1, "is_bulk_edit": False},
    )
