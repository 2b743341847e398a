"""E-mails and phones of a person: what the author maps, laid into what is there.

Source: Pipedrive API v2 "Persons" (`emails`, `phones`: value, label, primary; at most one primary), read
2026-11-22. An update sends the whole list, so it is read, merged and written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from automations.connectors.pipedrive.values import as_text
from automations.engine.contracts import JsonObject

_DEFAULT_LABEL = "work"


def email_key(value: Any) -> str:
    """Return what makes two e-mail addresses the same."""
    return str(value).strip().lower()


def phone_key(value: Any) -> str:
    """Return what makes two phone numbers the same: the digits, and a plus in front; else the text."""
    text = str(value).strip()
    digits = re.sub(r"\D", "", text)
    if not digits:
        return text.casefold()
    return ("+" if text.startswith("+") else "") + digits


def wanted_details(value: Any) -> list[JsonObject]:
    """Return the mapped value as a list of details: a text, a list of texts, or objects with `value`.

    Empty texts are left out. Raises ValueError with what was wanted.
    """
    if value is None:
        return []
    details = [_detail(entry) for entry in (value if isinstance(value, list) else [value])]
    kept = [detail for detail in details if detail["value"]]
    if sum(1 for detail in kept if detail.get("primary")) > 1:
        raise ValueError("at most one primary entry")
    return kept


def _detail(entry: Any) -> JsonObject:
    if not isinstance(entry, Mapping):
        return {"value": as_text(entry).strip()}
    detail: JsonObject = {
        "value": as_text(entry.get("value") if entry.get("value") is not None else "").strip()
    }
    if entry.get("label"):
        detail["label"] = as_text(entry["label"])
    if isinstance(entry.get("primary"), bool):
        detail["primary"] = entry["primary"]
    return detail


def merged(
    now: Any, wanted: list[JsonObject], key: Callable[[Any], str], *, replace: bool
) -> list[JsonObject]:
    """Return the list as it should be afterwards; equal to `now` when nothing changes.

    now: the record's own list. What is there stays, with its label; a wanted entry that is there already only
    changes what it says of label and primary. replace: what is not wanted goes.
    """
    there = {key(entry["value"]): dict(entry) for entry in now or () if entry.get("value")}
    result: dict[str, JsonObject] = {} if replace else {name: _filled(entry) for name, entry in there.items()}
    for detail in wanted:
        name = key(detail["value"])
        known = result.get(name) or there.get(name) or {}
        # The spelling that is there stays: another one is the same address.
        result[name] = _filled({**detail, **known, **_said(detail)})
    chosen = next((key(detail["value"]) for detail in wanted if detail.get("primary")), None)
    return _with_one_primary(result, chosen)


def _said(detail: JsonObject) -> JsonObject:
    return {name: value for name, value in detail.items() if name != "value"}


def _filled(entry: JsonObject) -> JsonObject:
    return {
        "value": entry["value"],
        "label": entry.get("label") or _DEFAULT_LABEL,
        "primary": bool(entry.get("primary")),
    }


def _with_one_primary(entries: dict[str, JsonObject], chosen: str | None) -> list[JsonObject]:
    if chosen is None:
        chosen = next(
            (name for name, entry in entries.items() if entry["primary"]), next(iter(entries), None)
        )
    for name, entry in entries.items():
        entry["primary"] = name == chosen
    return list(entries.values())


def as_they_are(now: Any) -> list[JsonObject]:
    """Return a record's list in the same shape as `merged`, for comparing."""
    return [_filled(entry) for entry in now or () if entry.get("value")]
