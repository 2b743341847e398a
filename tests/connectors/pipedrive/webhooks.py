"""Webhook bodies as Pipedrive sends them, with values of our own."""

from __future__ import annotations

import json
from typing import Any

from automations.engine.contracts import InboundRequest

KEY = {
    name: f"{index:040x}" for index, name in enumerate(("text", "choice", "many", "money", "span"), start=1)
}


def deal(**values: Any) -> dict[str, Any]:
    return {
        "id": 88,
        "title": "Warehouse lights",
        "value": 7300,
        "currency": "EUR",
        "status": "open",
        "pipeline_id": 2,
        "stage_id": 12,
        "owner_id": 9,
        "person_id": 40,
        "org_id": 6,
        "label_ids": [],
        "visible_to": "3",
        "add_time": "2026-10-01T08:00:00Z",
        "update_time": "2026-11-20T13:05:09Z",
        "custom_fields": {},
        **values,
    }


def v2(
    entity: str, action: str, data: Any, previous: Any = None, number: Any = None, **meta: Any
) -> dict[str, Any]:
    number = number if number is not None else (data or previous or {}).get("id")
    return {
        "data": data,
        "previous": previous,
        "meta": {
            "action": action,
            "entity": entity,
            "entity_id": str(number),
            "id": "5b0c9d0e-1111-4222-8333-444455556666",
            "correlation_id": "0f0f0f0f-0000-4000-8000-000000000000",
            "company_id": "1700",
            "user_id": "9",
            "webhook_id": "321",
            "webhook_owner_id": "9",
            "permitted_user_ids": ["9"],
            "timestamp": "2026-11-20T13:05:09.318Z",
            "type": "general",
            "version": "2.0",
            "change_source": "app",
            "attempt": 1,
            "is_bulk_edit": False,
            "host": "lumen.pipedrive.com",
            **meta,
        },
    }


def v1(entity: str, action: str, current: Any, previous: Any = None, **meta: Any) -> dict[str, Any]:
    shown = current or previous or {}
    number = shown[0]["id"] if isinstance(shown, list) else shown.get("id")
    return {
        "v": 1,
        "event": f"{action}.{entity}",
        "retry": 0,
        "matches_filters": {"current": [], "previous": []},
        "meta": {
            "v": 1,
            "action": action,
            "object": entity,
            "id": number,
            "company_id": 1700,
            "user_id": 9,
            "host": "lumen.pipedrive.com",
            "timestamp": 1795180000,
            "timestamp_micro": 1795180000318000,
            "permitted_user_ids": [9],
            "is_bulk_update": False,
            "change_source": "api",
            "webhook_id": 321,
            **meta,
        },
        "current": current,
        "previous": previous,
    }


def request(body: Any, content_type: str = "application/json") -> InboundRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return InboundRequest(content, content_type, {})
