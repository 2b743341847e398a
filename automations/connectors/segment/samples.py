"""Believable messages: one shop's customer, her company, and what she did."""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

from automations.connectors.segment.messages import TYPES, occurrence_of
from automations.engine.contracts import InboundRequest, JsonObject, Occurrence

_CONTEXT: Final[JsonObject] = {
    "library": {"name": "analytics-python", "version": "2.4.0"},
    "ip": "203.0.113.24",
    "locale": "de-DE",
    "timezone": "Europe/Berlin",
}
_PAGE: Final[JsonObject] = {
    "url": "https://fabrik-shop.example/pricing",
    "path": "/pricing",
    "referrer": "https://search.example/",
    "title": "Pricing",
    "search": "",
}


def sample(type_: str) -> Occurrence:
    """Return the built-in example of a message type."""
    return occurrence_of(_message(type_))


def example_request() -> InboundRequest:
    """Return a track call as an SDK would make it, never the same twice."""
    message = _message("track", messageId=f"test-{uuid.uuid4()}", timestamp=None)
    return InboundRequest(json.dumps({"batch": [message]}).encode(), "application/json", {}, path="/v1/batch")


def _message(type_: str, **changes: Any) -> JsonObject:
    common = {
        "type": type_,
        "messageId": f"0f3c0f6e-61f4-4d0e-9a9e-2f0b9e1c7a{TYPES.index(type_):02d}",
        "userId": "cust-88",
        "anonymousId": "a-71f0c2",
        "timestamp": "2026-11-20T08:15:01.030Z",
        "context": _CONTEXT,
    }
    return {**common, **_OWN[type_], **changes}


_OWN: Final[dict[str, JsonObject]] = {
    "identify": {
        "traits": {
            "email": "ines@fabrik.example",
            "firstName": "Ines",
            "lastName": "Moreau",
            "name": "Ines Moreau",
            "phone": "+49 30 901820",
            "title": "Head of Operations",
            "plan": "gold",
            "company": {"name": "Fabrik GmbH"},
            "createdAt": "2026-02-11T10:00:00Z",
        },
    },
    "track": {
        "event": "Demo Requested",
        "properties": {
            "product": "Pump X2",
            "value": 4200,
            "currency": "EUR",
            "seats": 12,
            "message": "Please show us the new controls.",
        },
        "context": {**_CONTEXT, "traits": {"email": "ines@fabrik.example", "name": "Ines Moreau"}},
    },
    "group": {
        "groupId": "org-7",
        "traits": {
            "name": "Fabrik GmbH",
            "industry": "Machinery",
            "employees": 45,
            "website": "https://fabrik.example",
            "plan": "gold",
            "address": {"street": "Werkstraße 3", "city": "Berlin", "country": "Germany"},
        },
    },
    "alias": {"previousId": "a-71f0c2"},
    "page": {
        "name": "Pricing",
        "category": "Docs",
        "properties": _PAGE,
        "context": {**_CONTEXT, "page": _PAGE, "library": {"name": "analytics.js", "version": "next-1.84.3"}},
    },
    "screen": {
        "name": "Checkout",
        "category": "Shop",
        "properties": {"variant": "b", "items": 3},
        "context": {
            **_CONTEXT,
            "app": {"name": "Fabrik", "version": "5.2.0"},
            "device": {"type": "ios", "model": "iPhone15,2"},
        },
    },
}
