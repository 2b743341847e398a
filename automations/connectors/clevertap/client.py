"""The calls to one CleverTap account. Account ID and passcode travel in headers and nowhere else.

Sources: CleverTap, "Common API Components" and "API Errors" (2025-12-14), "API Request Limit" (2026-03-17),
"Delete User Profile API" (2026-07-03), read 2026-11-22. `dryRun=1` is on no current page; its own clients and
samples send it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automations.connectors.clevertap.settings import ClevertapSettings
from automations.connectors.exchanges import masker_for
from automations.connectors.http import ReplyUnreadable
from automations.engine.contracts import DoorLike, JsonObject
from automations.errors import CredentialsError, OutcomeUnknownError, RejectedError, UnavailableError

_MALFORMED = frozenset({400, 413})
_REFUSED = _MALFORMED | {401}
_ANSWERS = frozenset({"success", "partial", "fail"})
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class UploadReply:
    """What an upload came to. malformed: CleverTap could not read the call as a whole and took nothing."""

    body: JsonObject
    malformed: bool = False


class ClevertapClient:
    """One account's calls during one piece of work."""

    def __init__(self, settings: ClevertapSettings, door: DoorLike) -> None:
        self.settings = settings
        self.door = door
        self._masker = masker_for(frozenset({settings.account_id, settings.passcode}))
        self._headers = {
            "X-CleverTap-Account-Id": settings.account_id,
            "X-CleverTap-Passcode": settings.passcode,
            "Accept": "application/json",
        }

    def upload(self, records: Sequence[JsonObject], *, dry_run: bool = False) -> UploadReply:
        """Send profile and event records in one call, at most 1,000, and return what CleverTap says of them.

        dry_run: they are checked and not stored. Raises CredentialsError; UnavailableError, for the whole
        connection on 429, which comes without Retry-After; OutcomeUnknownError when nothing trustworthy came.
        """
        reply = self.door.send(
            "POST",
            self.settings.root + "/1/upload",
            effect="read" if dry_run else "write",
            headers=self._headers,
            params={"dryRun": "1"} if dry_run else None,
            json={"d": list(records)},
            presume={"status": "success", "processed": len(records), "unprocessed": []},
            accept=_REFUSED,
        )
        try:
            body = self._body(reply)
        except ReplyUnreadable:
            if reply.status not in _MALFORMED:
                raise
            body = {"status": "fail", "code": reply.status}
        return UploadReply(body, malformed=reply.status in _MALFORMED or body.get("code") in _MALFORMED)

    def delete(self, key: str, value: str) -> None:
        """Delete one profile. key: `identity`, or `guid` for CleverTap's own id. One that is gone is no error."""
        reply = self.door.send(
            "POST",
            self.settings.root + "/1/delete/profiles.json",
            effect="write",
            headers=self._headers,
            json={key: [value]},
            presume={"status": "success"},
            accept=_REFUSED,
        )
        body = self._body(reply)
        if reply.status in _REFUSED or body["status"] == "fail":
            raise RejectedError(
                f"CleverTap did not delete the profile: {self.said(body)}. Correct its id, then send again.",
                code=str(body.get("code") or reply.status),
            )

    def try_account(self) -> None:
        """Ask for a profile that nobody has: only the right credentials and region get "not found".

        Raises CredentialsError, UnavailableError, RejectedError when it is not CleverTap that answers.
        """
        reply = self.door.send(
            "GET",
            self.settings.root + "/1/profile.json",
            effect="read",
            headers=self._headers,
            params={"identity": "automations-connection-test"},
            presume={"status": "success"},
            accept={400, 401, 404},
        )
        try:
            self._body(reply)
        except (OutcomeUnknownError, UnavailableError) as error:
            raise RejectedError(
                f"What answers {self.settings.place} is not CleverTap. Check the connection's address."
            ) from error

    def said(self, body: JsonObject) -> str:
        """Return CleverTap's own reason, masked and cut, for a message."""
        text = body.get("error")
        return (
            self._masker.text(text)[:300].rstrip(". ")
            if isinstance(text, str) and text
            else "no reason given"
        )

    def masked(self, value: Any) -> Any:
        """Return a JSON value as it may be stored."""
        return self._masker.value(value)

    def masked_record(self, record: JsonObject, text: bytes) -> JsonObject:
        """Return a record as it may be stored. text: it as JSON, written by `orjson`."""
        masked: JsonObject = self._masker.json_value(record, text)
        return masked

    def last_exchange(self) -> JsonObject | None:
        """Return the call that was made last, masked; None when none came to the door."""
        return self.door.exchanges[-1].as_json() if self.door.exchanges else None

    def _body(self, reply: Any) -> JsonObject:
        try:
            body = reply.json()
        except ReplyUnreadable:
            if reply.status == _UNAUTHORIZED:
                raise self._not_let_in() from None
            raise
        code = body.get("code") if isinstance(body, dict) else None
        # Some failures of the whole call arrive with their code in the body only.
        if _UNAUTHORIZED in (reply.status, code):
            raise self._not_let_in()
        if not isinstance(body, dict) or body.get("status") not in _ANSWERS:
            raise OutcomeUnknownError(
                "What came back is not an answer of CleverTap, so it is not known what it took. "
                "Look at the profile in CleverTap before sending again."
            )
        return body

    def _not_let_in(self) -> CredentialsError:
        return CredentialsError(
            f"CleverTap refused the account ID and passcode {self.settings.place}. It says the same when the account "
            "lives in another region: compare the region with the dashboard's address, then the passcode."
        )
