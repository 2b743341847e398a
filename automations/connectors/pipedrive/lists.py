"""The lists of an account that forms, conditions and conversions need, remembered in the directory.

Every entry has `id` and `name`. Field lists (`deal_fields`, …) have also `type`, `is_custom` and `options`
(`[{id, label}]`, empty for other types), and what they were before (see `field_history`); a field's id is its key.

Source: Pipedrive API v2 `…Fields`, `pipelines`, `stages`; API v1 `users`, `activityTypes`, `leadLabels`, read
2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import field_history
from automations.engine.contracts import DirectoryLike, JsonObject

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_PAGE = 500
_MOST_PAGES = 40

FIELD_LISTS: Mapping[str, str] = {
    # Leads have no fields of their own: they share those of deals.
    "deal": "deal_fields",
    "lead": "deal_fields",
    "person": "person_fields",
    "organization": "organization_fields",
    "activity": "activity_fields",
    "product": "product_fields",
}
_LABEL_KEYS = ("label_ids", "label")


def _plain(entry: JsonObject) -> JsonObject:
    return {name: value for name, value in entry.items() if name not in ("add_time", "update_time")}


def _user(entry: JsonObject) -> JsonObject:
    return {
        name: entry.get(name) for name in ("id", "name", "email", "phone", "active_flag", "timezone_name")
    }


def _activity_type(entry: JsonObject) -> JsonObject:
    return {"id": entry.get("key_string"), "name": entry.get("name"), "active": entry.get("active_flag")}


def _field(entry: JsonObject) -> JsonObject:
    options = [
        {"id": option.get("id"), "label": option.get("label")}
        for option in entry.get("options") or ()
        if isinstance(option, dict)
    ]
    return {
        "id": entry.get("field_code"),
        "name": entry.get("field_name"),
        "type": entry.get("field_type"),
        "is_custom": bool(entry.get("is_custom_field")),
        "options": options,
    }


_SOURCES: Mapping[str, tuple[str, Callable[[JsonObject], JsonObject]]] = {
    "pipelines": ("/api/v2/pipelines", _plain),
    "stages": ("/api/v2/stages", _plain),
    "users": ("/api/v1/users", _user),
    "activity_types": ("/api/v1/activityTypes", _activity_type),
    "lead_labels": ("/api/v1/leadLabels", _plain),
    "deal_fields": ("/api/v2/dealFields", _field),
    "person_fields": ("/api/v2/personFields", _field),
    "organization_fields": ("/api/v2/organizationFields", _field),
    "activity_fields": ("/api/v2/activityFields", _field),
    "product_fields": ("/api/v2/productFields", _field),
}
NAMES = frozenset(_SOURCES)


class Lists:
    """Fetches lists once and remembers them; `fetch` asks again."""

    def __init__(self, client: PipedriveClient, directory: DirectoryLike) -> None:
        self._client = client
        self._directory = directory

    def get(self, name: str) -> list[JsonObject] | None:
        """Return the list, fetched where it is not remembered; None where nothing may leave to fetch it."""
        known: list[JsonObject] | None = self._directory.get(name)
        return known if known is not None else self.fetch(name)

    def fetch(self, name: str) -> list[JsonObject] | None:
        """Ask the account for the list and remember it; None where nothing may leave, and for an unknown name.

        Raises CredentialsError, DeliveryError, as every call.
        """
        if name not in _SOURCES:
            return None
        path, shaped = _SOURCES[name]
        entries: list[JsonObject] = []
        cursor: Any = None
        for _ in range(_MOST_PAGES):
            params: dict[str, Any] = {"limit": _PAGE} if path.startswith("/api/v2") else {}
            if cursor is not None:
                params["cursor"] = cursor
            answer = self._client.get(path, params, what=f"read the list of {name}", presumed=[])
            if answer.held:
                return None
            entries += [shaped(entry) for entry in answer.records]
            cursor = answer.additional.get("next_cursor")
            if cursor is None:
                break
        if name in FIELD_LISTS.values():
            entries = field_history.remembered(name, entries, self._directory)
        self._directory.put(name, entries)
        return entries

    def fields(self, entity: str, *, again: bool = False) -> list[JsonObject] | None:
        """Return the field definitions of an entity, built-in and custom."""
        name = FIELD_LISTS[entity]
        return self.fetch(name) if again else self.get(name)

    def labels(self, entity: str) -> list[JsonObject] | None:
        """Return the labels that records of an entity can have, as `{id, label}`."""
        if entity == "lead":
            found = self.get("lead_labels")
            return None if found is None else [{"id": one["id"], "label": one["name"]} for one in found]
        entries = self.fields(entity)
        if entries is None:
            return None
        options = (entry["options"] for entry in entries if entry["id"] in _LABEL_KEYS)
        return next((found for found in options if found), [])
