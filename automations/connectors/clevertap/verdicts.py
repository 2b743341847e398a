"""What an upload's reply says of each record. A 200 alone says nothing: refused records are listed inside it.

There is no index in the reply. A refused record is echoed, so it is found by comparing; where CleverTap changed
the echo, by its ids, name and time; and last by the number in the message ("Skipped record number : 2").

Source: CleverTap, "API Errors" (2025-12-14), read 2026-11-22. That the number counts from one is not documented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from automations.connectors.clevertap.client import ClevertapClient
from automations.engine.contracts import JsonObject
from automations.errors import DeliveryError, OutcomeUnknownError, RejectedError, UnavailableError

_SERVER_ERROR: Final = 555
_NUMBER: Final = re.compile(r"Skipped record number\s*:\s*(\d{1,6})")
_TELLING: Final = ("type", "identity", "objectId", "evtName", "ts")

_MEANINGS: Final[Mapping[int, str]] = {
    509: "the event has no name",
    510: "the event name is too long",
    511: "the Charged event is malformed",
    512: "the record is not built as CleverTap wants it",
    513: "CleverTap keeps this event name for itself",
    514: "Gender is invalid",
    515: "Email is invalid",
    516: "Phone is invalid",
    517: "Employed is invalid",
    518: "Education is invalid",
    519: "Married is invalid",
    520: "Age is invalid",
    522: "the event has too many properties",
    523: "the identity is missing or invalid",
    524: "the record is neither an event nor a profile",
    525: "the timestamp is not in seconds",
    526: "the CleverTap ID is invalid",
    528: "this event was discarded in CleverTap's dashboard",
}


def verdicts(
    records: Sequence[JsonObject], body: JsonObject, client: ClevertapClient
) -> list[DeliveryError | None]:
    """Return for each record None where it was taken, else what became of it, in order.

    Records whose fate the reply leaves open get an OutcomeUnknownError.
    """
    refused = [entry for entry in _listed(body) if isinstance(entry, dict)]
    if body.get("status") == "fail" and not refused:
        return [_whole_refusal(body, client)] * len(records)
    found: list[DeliveryError | None] = [None] * len(records)
    if not refused and not _some_untold(body, len(records)):
        return found
    open_places = _Places(records)
    unplaced = 0
    for entry in refused:
        place = open_places.take(entry)
        if place is None:
            unplaced += 1
        else:
            found[place] = _error_of(entry, client)
    if unplaced or _some_untold(body, len(records) - len(refused)):
        doubt = OutcomeUnknownError(
            "CleverTap did not take every record of this call, and its reply does not say which. "
            "Look at the profile in CleverTap before sending again."
        )
        found = [error or doubt for error in found]
    return found


def entries_for(record: JsonObject, body: JsonObject) -> list[Any]:
    """Return the part of `unprocessed` that echoes this record."""
    return [entry for entry in _listed(body) if isinstance(entry, dict) and entry.get("record") == record]


def _listed(body: JsonObject) -> list[Any]:
    listed = body.get("unprocessed")
    return listed if isinstance(listed, list) else []


def _some_untold(body: JsonObject, taken: int) -> bool:
    processed = body.get("processed")
    return isinstance(processed, int) and not isinstance(processed, bool) and processed < taken


class _Places:
    """Where refused records stand among those that were sent; each place is given once."""

    def __init__(self, records: Sequence[JsonObject]) -> None:
        self._records = records
        self._free = set(range(len(records)))
        self._by_echo: dict[bytes, list[int]] = {}
        self._by_ids: dict[bytes, list[int]] = {}
        for place, record in reversed(list(enumerate(records))):
            self._by_echo.setdefault(_fingerprint(record), []).append(place)
            self._by_ids.setdefault(_fingerprint(_ids(record)), []).append(place)

    def take(self, entry: JsonObject) -> int | None:
        place = self._find(entry)
        if place is not None:
            self._free.discard(place)
        return place

    def _find(self, entry: JsonObject) -> int | None:
        echo = entry.get("record")
        if isinstance(echo, dict):
            same = [place for place in self._by_echo.get(_fingerprint(echo), ()) if place in self._free]
            if same:
                # Records that are alike to the last key meet the same fate; the first stands first.
                return same[-1]
            alike = [place for place in self._by_ids.get(_fingerprint(_ids(echo)), ()) if place in self._free]
            if len(alike) == 1:
                return alike[0]
        match = _NUMBER.search(str(entry.get("error", "")))
        place = int(match[1]) - 1 if match else -1
        if place not in self._free:
            return None
        kind = echo.get("type") if isinstance(echo, dict) else None
        return place if kind in (None, self._records[place].get("type")) else None


def _fingerprint(value: JsonObject) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)


def _ids(record: JsonObject) -> JsonObject:
    return {key: record.get(key) for key in _TELLING}


def _error_of(entry: JsonObject, client: ClevertapClient) -> DeliveryError:
    code = entry.get("code")
    said = client.said(entry)
    if code == _SERVER_ERROR:
        return UnavailableError(
            f"CleverTap had an error of its own with this record (code 555: {said}); it is sent again."
        )
    meaning = _MEANINGS.get(code, said) if isinstance(code, int) else said
    detail = f": {said}" if said != meaning else ""
    return RejectedError(
        f"CleverTap did not take this record, because {meaning} (code {code}{detail}). "
        "Correct the step's fields, then send again.",
        code=str(code) if code is not None else "",
    )


def _whole_refusal(body: JsonObject, client: ClevertapClient) -> DeliveryError:
    code = body.get("code")
    said = client.said(body)
    if code == _SERVER_ERROR or (isinstance(code, int) and code in (429, 500, 503)):
        return UnavailableError(
            f"CleverTap could not take this call ({said}); it is sent again.", whole_connection=code == 429
        )
    return RejectedError(
        f"CleverTap refused the call: {said}. Correct the step's fields, then send again.",
        code=str(code) if code is not None else "",
    )
