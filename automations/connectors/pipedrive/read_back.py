"""What became of a create whose reply was lost, where no match value could tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from automations.engine.contracts import Call, JsonObject

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_LOOKED_BACK = 100
_CLOCKS_DIFFER = timedelta(minutes=2)
_WITHOUT_FIRST = timedelta(hours=1)


def just_made(
    client: PipedriveClient, entity: str, call: Call, is_as_sent: Callable[[JsonObject], bool]
) -> JsonObject | None:
    """Return the newest record that was made since the first attempt and is as it was sent.

    A record with the same values that somebody else made in those moments counts, too.
    """
    since = made_since(call)
    for record in client.newest(entity, "add_time", most=_LOOKED_BACK):
        made_at = moment(record.get("add_time"))
        if made_at is not None and since is not None and made_at < since:
            return None
        if is_as_sent(record):
            return record
    return None


def made_since(call: Call) -> datetime | None:
    """Return the earliest time that what this delivery made can bear; clocks may differ by two minutes."""
    first, now = moment(call.first_at), moment(call.now)
    if first is not None and (now is None or first < now):
        return first - _CLOCKS_DIFFER
    return None if now is None else now - _WITHOUT_FIRST


def moment(value: Any) -> datetime | None:
    """Return an API's time, either form, as an aware one; None when it is none."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
