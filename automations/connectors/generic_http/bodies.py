"""The body of a call as bytes, and the answer as values for later steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from automations.connectors.http import Reply, ReplyUnreadable
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

_LARGEST_TEXT: Final = 65_536
_NOT_SHOWN: Final = frozenset({"set-cookie"})


def written(body: Any, body_as: str | None) -> tuple[bytes, str]:
    """Return the body and its content type. Without `body_as` a text stays text, everything else is JSON.

    Raises FieldsError for a form that is no set of single values or lists of them.
    """
    if body_as == "form":
        return urlencode(_form(body), doseq=True).encode("ascii"), "application/x-www-form-urlencoded"
    if body_as == "json" or (body_as is None and not isinstance(body, str)):
        return _json(body).encode("utf-8"), "application/json"
    text = body if isinstance(body, str) else _json(body)
    return text.encode("utf-8"), "text/plain; charset=utf-8"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _form(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise FieldsError(
            "A form is made of named values, and this is none. Map a set of names and values, or send it as text.",
            field="body",
            value=str(body)[:200],
            wanted="a set of named values",
        )
    return {name: flat(value, f"body.{name}") for name, value in body.items() if value is not None}


def flat(value: Any, field: str) -> str | list[str]:
    """Return a form or query value as text, a list as several. Raises FieldsError for a nested one."""
    if isinstance(value, list) and not any(isinstance(entry, dict | list) for entry in value):
        return [as_text(entry) for entry in value if entry is not None]
    if isinstance(value, dict | list):
        raise FieldsError(
            "A form or query holds single values and lists of them, and this is nested. Use the filter json to "
            "send it as text.",
            field=field,
            value=str(value)[:200],
            wanted="a single value",
        )
    return as_text(value)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def reply_as_values(reply: Reply) -> JsonObject:
    """Return `status`, `headers` by lower-case name, `json` (None where there is none) and `text`.

    text: at most 64 KB, and empty where the whole is in `json`.
    """
    headers: Mapping[str, str] = reply.headers
    value = _json_of(reply)
    return {
        "status": reply.status,
        "headers": {
            name.lower(): content for name, content in headers.items() if name.lower() not in _NOT_SHOWN
        },
        "json": value,
        "text": "" if value is not None else reply.text[:_LARGEST_TEXT],
    }


def _json_of(reply: Reply) -> Any:
    kind = reply.headers.get("Content-Type", "").lower()
    if not reply.held and "json" not in kind and reply.text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return reply.json()
    except ReplyUnreadable:
        return None
