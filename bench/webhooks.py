"""Stage changes as Pipedrive's webhooks v2 tell them, as bytes ready to be sent: about 1.2 KB of body each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

_DEAL, _NUMBER, _STAGE, _BEFORE = "900100200", "900300400", "900500600", "900700800"

_BODY = {
    "data": {
        "id": int(_DEAL), "title": f"Coffee machines, floor {_DEAL}", "value": int(_NUMBER), "currency": "EUR",
        "status": "open", "pipeline_id": 4, "stage_id": int(_STAGE), "probability": None, "owner_id": 41207,
        "creator_user_id": 41207, "person_id": int(_DEAL), "org_id": 118, "label_ids": [3, 9], "visible_to": "3",
        "add_time": "2026-10-11T07:40:12Z", "update_time": "2026-11-22T09:31:55Z",
        "stage_change_time": "2026-11-22T09:31:55Z", "expected_close_date": "2026-12-18", "close_time": None,
        "won_time": None, "first_won_time": None, "lost_time": None, "lost_reason": None,
        "origin": "ManuallyCreated", "origin_id": None, "channel": None, "channel_id": None,
        "is_archived": False, "archive_time": None,
        "custom_fields": {
            "5c0de1a4b7f2934e8d61c0f7a35b29e4d8f06a12": {"type": "enum", "id": 77},
            "e83f9a07c12d4b65a0f1d9376b48c25e1fa7d390": None,
        },
    },
    "previous": {"stage_id": int(_BEFORE)},
    "meta": {
        "action": "change", "entity": "deal", "entity_id": _DEAL,
        "id": f"6e1f0b7c-{_DEAL}-4d20-{_NUMBER}", "correlation_id": "b3a91f60-52c8-4b0e-9d77-1c5ea0f2d846",
        "company_id": "552871", "user_id": "41207", "webhook_id": "20931", "webhook_owner_id": "41200",
        "permitted_user_ids": ["41200", "41207"], "timestamp": "2026-11-22T09:31:55.204Z", "type": "general",
        "version": "2.0", "change_source": "app", "attempt": 1, "is_bulk_edit": False,
        "host": "bench.pipedrive.com",
    },
}  # fmt: skip
_TEMPLATE = json.dumps(_BODY, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Address:
    """Where webhooks go on 127.0.0.1, and the words that open it."""

    port: int
    path: str
    user: str
    password: str


def body(deal: int, number: int) -> bytes:
    """Return the webhook of one stage change; `value` carries `number`, by which an arrival is known again."""
    text = _TEMPLATE.replace(_DEAL.encode(), b"%d" % deal).replace(_NUMBER.encode(), b"%d" % number)
    stage = number % 5 + 1
    return text.replace(_STAGE.encode(), b"%d" % (stage + 1)).replace(_BEFORE.encode(), b"%d" % stage)


def requests(address: Address, first: int, count: int, deals: int) -> Iterator[bytes]:
    """Yield whole HTTP requests for the numbers from `first`, turn by turn over `deals` deals."""
    basic = base64.b64encode(f"{address.user}:{address.password}".encode()).decode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: 127.0.0.1:{address.port}\r\nUser-Agent: Pipedrive Webhooks\r\n"
        f"Authorization: Basic {basic}\r\nContent-Type: application/json\r\nContent-Length: "
    ).encode()
    for number in range(first, first + count):
        content = body(number % deals + 1, number)
        yield head + b"%d\r\n\r\n" % len(content) + content
