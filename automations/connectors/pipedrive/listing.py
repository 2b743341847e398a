"""Lists of what is there, page by page, in an order in which nothing is passed over.

v2 lists are walked by id: their cursor stands behind a record, so what changes meanwhile moves nothing. v1 lists
(leads, notes) have only positions, and what is deleted meanwhile moves all that follows: each page begins a few
records before its place, and leaves out those that the page before it ended with.

Source: Pipedrive API v2 `GET /deals|persons|organizations|activities|products`, API v1 `GET /leads`, `GET /notes`
(OpenAPI of 2026-08-18), read 2026-11-22. Products have no `updated_until`, deleted records are listed for deals only
(`status=deleted`, 30 days), archived deals and leads are in lists of their own and left out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import listed, records
from automations.connectors.pipedrive.client import collection
from automations.engine.contracts import Arrival, JsonObject, ListedPage, Window

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

ENTITIES = ("deal", "person", "organization", "activity", "lead", "note", "product")
PAGE_MOST = 500
_STEP_BACK = 10
_SAME = timedelta(seconds=1)


def existing(
    client: PipedriveClient,
    entity: str,
    action: str,
    filters: Mapping[str, Any],
    by: str,
    cursor: JsonObject | None,
    window: Window,
    limit: int,
) -> ListedPage:
    """Return a page of records as if `action` had just happened to each. by: the time that the window is about."""
    found, following = _page(client, entity, filters, cursor, window.since, limit)
    arrivals = [
        listed.arrival(entity, action, record, listed.BACKFILL)
        for record in found
        if _within(record, by, window)
    ]
    return ListedPage(arrivals, following, len(found))


def changes(
    client: PipedriveClient, entity: str, cursor: JsonObject | None, window: Window, limit: int
) -> ListedPage:
    """Return a page of what happened in a window, as far as the records tell: made, last changed, deleted (deals)."""
    deleted = (cursor or {}).get("deleted", False)
    filters = {"status": "deleted"} if deleted else {}
    found, following = _page(client, entity, filters, (cursor or {}).get("at"), window.since, limit)
    arrivals: list[Arrival] = []
    for record in found:
        if not _within(record, "update_time", window):
            continue
        for action in ["delete"] if deleted else _happened(record, window):
            arrivals.append(listed.arrival(entity, action, record, listed.SWEEP))
    if following is not None:
        return ListedPage(arrivals, {"deleted": deleted, "at": following}, len(found))
    goes_on = entity == "deal" and not deleted
    return ListedPage(arrivals, {"deleted": True, "at": None} if goes_on else None, len(found))


def _happened(record: JsonObject, window: Window) -> list[str]:
    made, changed = listed.moment(record.get("add_time")), listed.moment(record.get("update_time"))
    is_new = made is not None and (window.since is None or made >= window.since)
    if not is_new:
        return ["change"]
    assert made is not None
    return ["create", "change"] if changed is not None and changed - made > _SAME else ["create"]


def _within(record: JsonObject, by: str, window: Window) -> bool:
    when = listed.moment(record.get(by)) or listed.moment(record.get("add_time"))
    if when is None:
        return True
    return not (
        (window.since is not None and when < window.since)
        or (window.until is not None and when >= window.until)
    )


def _page(
    client: PipedriveClient,
    entity: str,
    filters: Mapping[str, Any],
    cursor: JsonObject | None,
    since: datetime | None,
    limit: int,
) -> tuple[list[JsonObject], JsonObject | None]:
    path = collection(entity)
    params: JsonObject = {**filters, "limit": min(limit, PAGE_MOST)}
    if since is not None:
        params["updated_since"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    if path.startswith("/api/v1"):
        return _positions(client, entity, path, params, cursor or {})
    params |= {"sort_by": "id", "sort_direction": "asc"}
    if cursor is not None:
        params["cursor"] = cursor["cursor"]
    answer = client.get(path, params, what=f"list the {entity}s", presumed=[])
    following = answer.additional.get("next_cursor")
    found = [records.from_rest(entity, record) for record in answer.records]
    return found, {"cursor": following} if following and found else None


def _positions(
    client: PipedriveClient, entity: str, path: str, params: JsonObject, cursor: JsonObject
) -> tuple[list[JsonObject], JsonObject | None]:
    start, limit = cursor.get("start", 0), params["limit"]
    back = min(_STEP_BACK, limit // 2) if start else 0
    params |= {"sort": "add_time ASC", "start": start - back, "limit": min(limit + back, PAGE_MOST)}
    answer = client.get(path, params, what=f"list the {entity}s", presumed=[])
    found = [records.from_rest(entity, record) for record in answer.records]
    more = (answer.additional.get("pagination") or {}).get("more_items_in_collection")
    known = set(cursor.get("last", ()))
    fresh = [record for record in found if record.get("id") not in known]
    if not (more and found):
        return fresh, None
    last = [record.get("id") for record in found[-_STEP_BACK:]]
    return fresh, {"start": start - back + len(found), "last": last}
