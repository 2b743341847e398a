"""The toy's records: what is there already, and what changed, listed by pages as a product would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from automations.engine.contracts import (
    Arrival,
    ConnectionKind,
    JsonObject,
    ListedPage,
    Occurrence,
    RecordState,
    Window,
)

_TIMES = ("at", "n", "made_at")


def list_records(target: Any, cursor: JsonObject | None, window: Window, limit: int) -> ListedPage:
    """List the target's records by id, as a product that pages would."""
    target.listed.append((cursor, limit))
    if target.list_errors:
        raise target.list_errors.popleft()
    after = (cursor or {}).get("after", 0)
    rest = [target.records[number] for number in sorted(target.records) if number > after]
    page = rest[:limit]
    arrivals = [
        Arrival("thing.happened", f"thing:{one['id']}", f"{one['id']}@{one['at']}", orjson.dumps(one))
        for one in page
        if (window.since is None or datetime.fromisoformat(one["at"]) >= window.since)
        and (window.until is None or datetime.fromisoformat(one["at"]) < window.until)
    ]
    more = len(rest) > limit
    return ListedPage(arrivals, {"after": page[-1]["id"]} if more else None, len(page))


def _made_at(one: Arrival) -> datetime:
    return datetime.fromisoformat(orjson.loads(one.payload)["made_at"])


class ListsThings(ConnectionKind):
    """The half of the toy that tells what is there and what changed."""

    def state_of(self, occurrence: Occurrence) -> RecordState | None:
        at = occurrence.record.get("at")
        if at is None:
            return None
        known_as = "create" if occurrence.topic.endswith(".made") else at
        return RecordState(known_as, datetime.fromisoformat(at))

    def swept(self, topics: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({topic.partition(".")[0] for topic in topics}))

    def changes(
        self, entity: str, client: Any, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        page = list_records(client.target, cursor, window, limit)
        made = [one for one in page.arrivals if window.since and _made_at(one) >= window.since]
        arrivals = [*page.arrivals, *(replace(one, topic="thing.made") for one in made)]
        return ListedPage(arrivals, page.cursor, page.looked_at)

    def with_previous(
        self, arrival: Arrival, last: Occurrence | None, since: datetime, client: Any
    ) -> Arrival | None:
        record = orjson.loads(arrival.payload)
        if last is None or arrival.topic == "thing.made":
            return arrival
        previous = {
            key: old for key, old in last.record.items() if record.get(key) != old and key not in _TIMES
        }
        if not previous:
            return None
        return replace(arrival, payload=orjson.dumps({**record, "previous": previous}))
