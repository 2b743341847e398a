"""The thousand mixed events that every SDK is given, and what must be stored of each.

Each carries its number where its type has room for it, so that none can be lost or doubled unseen.
"""

from __future__ import annotations

from typing import Any

COUNT = 1_000
TYPES = ("identify", "track", "track", "group", "page", "screen", "alias", "track")


def event(number: int) -> dict[str, Any]:
    """Return the `number`-th event in the words of the spec."""
    kind = TYPES[number % len(TYPES)]
    user = f"user-{number % 40}"
    fields = {
        "number": number,
        "price": number / 4,
        "nothing": None,
        "tags": ["a", "ü"],
        "inner": {"deep": True},
    }
    return {
        "identify": {"type": kind, "userId": user, "traits": fields},
        "track": {"type": kind, "userId": user, "event": f"Thing {number % 7}", "properties": fields},
        "group": {"type": kind, "userId": user, "groupId": f"org-{number % 5}", "traits": fields},
        "page": {"type": kind, "userId": user, "name": "Pricing", "category": "Docs", "properties": fields},
        "screen": {
            "type": kind,
            "userId": user,
            "name": "Checkout",
            "category": "Shop",
            "properties": fields,
        },
        "alias": {"type": kind, "userId": user, "previousId": f"visitor-{number}"},
    }[kind]


def number_of(record: dict[str, Any]) -> int:
    """Return which event a stored record is."""
    if record["type"] == "alias":
        return int(record["previousId"].removeprefix("visitor-"))
    fields = record["traits"] if record["type"] in ("identify", "group") else record["properties"]
    return int(fields["number"])
