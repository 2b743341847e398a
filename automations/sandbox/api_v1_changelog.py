"""`/v1/{deals,persons,organizations}/{id}/changelog`: what each write changed, newest first, every value as text."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .api_v2 import data
from .errors import not_found, refused_v1
from .query import counted_page
from .state import Change, Id

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_ENTITIES = {"deals": "deal", "persons": "person", "organizations": "organization"}
_KEPT_PER_RECORD = 500
_QUIET = frozenset({"update_time", "stage_change_time", "custom_fields"})
_PAGE = 100


class Changelog:
    """Remembers the newest changes of each record."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, Id], deque[dict[str, Any]]] = defaultdict(
            lambda: deque(maxlen=_KEPT_PER_RECORD)
        )

    def take(self, change: Change) -> None:
        """Note a change; runs under the account's lock."""
        if change.entity not in _ENTITIES.values() or change.record is None or change.previous is None:
            return
        before = {**change.previous, **change.previous.get("custom_fields", {})}
        after = {**change.record, **change.record.get("custom_fields", {})}
        for key in dict.fromkeys((*before, *after)):
            if key not in _QUIET and before.get(key) != after.get(key):
                self._entries[change.entity, change.entity_id].appendleft(
                    {
                        "field_key": key,
                        "old_value": _text(before.get(key)),
                        "new_value": _text(after.get(key)),
                        "actor_user_id": change.actor.user_id,
                        "time": change.at.strftime("%Y-%m-%d %H:%M:%S"),
                        "change_source": change.actor.source,
                        "change_source_user_agent": None,
                        "is_bulk_update_flag": False,
                    }
                )

    def of(self, entity: str, record_id: Id) -> list[dict[str, Any]]:
        """Return what changed in a record, newest first."""
        return list(self._entries.get((entity, record_id), ()))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def add_to(views: Blueprint, pd: PipedriveSandbox) -> None:
    @views.get("/<any(deals, persons, organizations):plural>/<record_id>/changelog")
    def list_changes(plural: str, record_id: str) -> Response:
        entity = _ENTITIES[plural]
        number = int(record_id) if record_id.isascii() and record_id.isdigit() else None
        limit = request.args.get("limit", str(_PAGE))
        if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
            raise refused_v1("limit must be a positive number")
        with pd.account.lock:
            if number is None or pd.account.get(entity, number) is None:
                raise not_found(entity.capitalize())
            rows, following = counted_page(
                pd.changelog.of(entity, number), int(limit), request.args.get("cursor")
            )
        return data(rows, additional_data={"next_cursor": following})
