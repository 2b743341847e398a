"""How profiles and events travel together: one mixed list a call, profiles before events, each in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.records import UploadRecord
from automations.connectors.clevertap.special_keys import KEY_OF_CODE
from automations.connectors.clevertap.timeliness import too_late_for_campaigns
from automations.connectors.clevertap.verdicts import entries_for, verdicts
from automations.engine.contracts import Action, Batch, BatchItem, ItemResult, JsonObject, Outcome
from automations.errors import (
    CredentialsError,
    DeliveryError,
    FieldsError,
    RejectedError,
    UnavailableError,
)
from automations.made_often import made_often

# CleverTap documents no size limit for a call; this is well inside what is known to pass.
MAX_BYTES: Final = 1_000_000


class UploadAction(Action):
    """What the actions that send a record by the upload call share."""

    def record(self, fields: Any) -> UploadRecord:
        """Return what is sent. Raises FieldsError for what CleverTap would refuse."""
        raise NotImplementedError

    def done(self, fields: Any) -> tuple[str, JsonObject]:
        """Return a summary, and the outputs that later steps read."""
        raise NotImplementedError

    def check(self, fields: Any) -> None:
        self.record(fields)

    def subject(self, fields: Any) -> str:
        return str(fields.identity or fields.object_id or "").strip()


@made_often
@dataclass(frozen=True)
class _Parcel:
    """One item with its record, and its place among all items.

    text: the record as JSON. again: it was refused once and lost a key.
    """

    place: int
    item: BatchItem
    upload: UploadRecord
    text: bytes
    again: bool = False


class UploadBatch(Batch):
    """Up to 1,000 records and 1 MB a call; each record keeps its own outcome.

    A call that CleverTap cannot read is halved until the record at fault is found, so that the rest arrives. A
    record that is refused for one of its keys is sent once more without it, where its step says so.

    Source: CleverTap, "Upload Events" (2026-06-30), "API Request Limit" (2026-03-17): 1,000 records a call, 15
    calls at once for an account, which other tools share, so 10 are ours; read 2026-11-22.
    """

    key = "clevertap.upload"
    max_records = 1000
    concurrent_calls = 10

    def send(self, items: Sequence[BatchItem], client: ClevertapClient) -> Sequence[ItemResult]:
        results: list[ItemResult | None] = [None] * len(items)
        parcels: list[_Parcel] = []
        for place, item in enumerate(items):
            try:
                upload = _record_of(item)
            except FieldsError as error:
                results[place] = ItemResult(RejectedError(error.message, code="fields"))
            else:
                parcels.append(_Parcel(place, item, upload, orjson.dumps(upload.record)))
        # An event that needs its profile finds it there, whichever of the two was ready first.
        parcels.sort(key=lambda parcel: parcel.upload.record["type"] == "event")
        waiting = list(_calls(parcels))[::-1]
        while waiting:
            call = waiting.pop()
            try:
                answered = self._upload(call, client)
            except (DeliveryError, CredentialsError) as error:
                if _holds_for_all(error, waiting) and not any(results):
                    raise
                answered = _failed(call, error, client)
                if not isinstance(error, RejectedError):
                    # The next call would most likely meet the same.
                    answered += [held for later in waiting for held in _held_back(later, error)]
                    waiting = []
            if answered is None:
                half = len(call) // 2
                waiting += [call[half:], call[:half]]
            else:
                again = [lighter for parcel, result in answered if (lighter := _without_key(parcel, result))]
                left = {parcel.place for parcel in again}
                for parcel, result in answered:
                    if parcel.place not in left:
                        results[parcel.place] = result
                waiting += list(_calls(again))
        return [result for result in results if result is not None]

    def _upload(
        self, call: list[_Parcel], client: ClevertapClient
    ) -> list[tuple[_Parcel, ItemResult]] | None:
        """Return what became of each record, or None when the call must be halved."""
        records = [parcel.upload.record for parcel in call]
        reply = client.upload(records, dry_run=call[0].item.call.validate_only)
        if reply.malformed and len(call) > 1:
            return None
        errors = verdicts(records, reply.body, client)
        if reply.malformed:
            errors = [errors[0] or RejectedError("CleverTap could not read this record.", code="400")]
        shared = client.last_exchange()
        # One that was taken shows no twin's refusal, so all that were show the same.
        all_well = client.masked({**reply.body, "unprocessed": []}) if reply.body else None
        return [
            (parcel, ItemResult(_outcome(parcel), _own_part(parcel, all_well, shared, len(call), client)))
            if error is None
            else (parcel, ItemResult(error, _refused_part(parcel, reply.body, shared, len(call), client)))
            for parcel, error in zip(call, errors, strict=True)
        ]


UPLOAD: Final = UploadBatch()


def _record_of(item: BatchItem) -> UploadRecord:
    assert isinstance(item.action, UploadAction)
    return item.action.record(item.fields)


def _calls(parcels: Sequence[_Parcel]) -> Iterator[list[_Parcel]]:
    """Yield what goes into one call, in order; a check without storing shares no call with a real upload."""
    call: list[_Parcel] = []
    size = 0
    for parcel in parcels:
        mixes = bool(call) and call[0].item.call.validate_only != parcel.item.call.validate_only
        if call and (mixes or size + len(parcel.text) > MAX_BYTES or len(call) == UploadBatch.max_records):
            yield call
            call, size = [], 0
        call.append(parcel)
        size += len(parcel.text) + 1
    if call:
        yield call


def _without_key(parcel: _Parcel, answer: ItemResult) -> _Parcel | None:
    """Return what is sent again without the key that CleverTap refused; None where its answer stands."""
    refusal, upload = answer.result, parcel.upload
    if parcel.again or not upload.drops_invalid or not isinstance(refusal, RejectedError):
        return None
    key = KEY_OF_CODE.get(refusal.code)
    if key is None or key not in upload.record.get("profileData", {}):
        return None
    lighter = upload.without(key, f"CleverTap does not take it (code {refusal.code})")
    return replace(parcel, upload=lighter, text=orjson.dumps(lighter.record), again=True)


def _outcome(parcel: _Parcel) -> Outcome:
    action, upload = parcel.item.action, parcel.upload
    assert isinstance(action, UploadAction)
    summary, outputs = action.done(parcel.item.fields)
    if parcel.item.call.validate_only:
        summary = f"{summary}: checked by CleverTap, not stored"
    late = too_late_for_campaigns(upload.record, parcel.item.call.now)
    remarks = [*upload.mended, *([late] if late else [])]
    if remarks:
        summary = f"{summary} ({'; '.join(remarks)})"
    return Outcome({**outputs, "mended": upload.mended}, summary)


def _holds_for_all(error: DeliveryError | CredentialsError, waiting: Sequence[list[_Parcel]]) -> bool:
    """Say whether the error is also true of what was not sent yet."""
    return not waiting or isinstance(error, CredentialsError | UnavailableError)


def _failed(
    call: Sequence[_Parcel], error: DeliveryError | CredentialsError, client: ClevertapClient
) -> list[tuple[_Parcel, ItemResult]]:
    if isinstance(error, CredentialsError):
        # Nothing of this call was taken; its next try meets the refusal first and pauses the connection.
        error = UnavailableError(error.message, whole_connection=True)
    shared = client.last_exchange()
    return [
        (parcel, ItemResult(error, _own_part(parcel, None, shared, len(call), client))) for parcel in call
    ]


def _held_back(
    call: Sequence[_Parcel], error: DeliveryError | CredentialsError
) -> list[tuple[_Parcel, ItemResult]]:
    held = UnavailableError(
        "The call before this one failed, so this record was not sent yet. It is tried again.",
        retry_after_s=getattr(error, "retry_after_s", None),
        whole_connection=getattr(error, "whole_connection", False),
    )
    return [(parcel, ItemResult(held)) for parcel in call]


def _refused_part(
    parcel: _Parcel, body: JsonObject, shared: JsonObject | None, together: int, client: ClevertapClient
) -> JsonObject | None:
    """Return the exchange as a refused record saw it."""
    reply = client.masked({**body, "unprocessed": entries_for(parcel.upload.record, body)}) if body else None
    return _own_part(parcel, reply, shared, together, client)


def _own_part(
    parcel: _Parcel,
    reply: JsonObject | None,
    shared: JsonObject | None,
    together: int,
    client: ClevertapClient,
) -> JsonObject | None:
    """Return the exchange as this record saw it: its own line of the request and of the reply.

    reply: masked already; None where there is nothing of its own to show.
    """
    if shared is None:
        return None
    own = {
        **shared,
        "body": {"d": [client.masked_record(parcel.upload.record, parcel.text)]},
        "batch_size": together,
    }
    if shared["sent"] and reply is not None:
        own["reply"] = reply
    return own
