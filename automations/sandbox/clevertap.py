"""The sandbox CleverTap: uploads with the documented strictness, profiles, events, and a page to look at them."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import HTTPException

from . import clevertap_page
from .base import SandboxApp, json_reply, raw_body, utc_now
from .clevertap_profiles import applied
from .clevertap_rules import IDENTITY_KEYS, record_problem
from .errors import Refusal
from .serving import SandboxServer
from .snapshot import StateFile

RECORDS_A_CALL = 1000
CALLS_IN_FLIGHT = 15
DELETED_A_CALL = 100
UPLOAD = "/1/upload"


@dataclass(frozen=True)
class UploadCall:
    """One upload that was read. taken: how many records were stored, or would have been in a dry run."""

    at: datetime
    records: int
    taken: int
    dry_run: bool


class ClevertapSandbox(SandboxApp):
    """A strict CleverTap account that speaks real HTTP on 127.0.0.1.

    profiles: identity (or object id) -> the profile's properties.
    events: `{"identity", "evtName", "evtData", "ts"}` in the order they arrived. keep_events: None keeps all.
    calls: one entry an upload that was read; refused calls (401, 400, 429) are only in `requests`.
    max_in_flight: uploads at once; one more gets 429, without Retry-After.
    discarded_events: event names that the dashboard threw away (code 528).
    """

    name = "sandbox_clevertap"

    def __init__(
        self,
        account_id: str = "SANDBOX-ACCOUNT",
        passcode: str = "sandbox-passcode",
        *,
        now: Callable[[], datetime] = utc_now,
        state_file: Path | None = None,
    ) -> None:
        super().__init__(now)
        self.account_id = account_id
        self.passcode = passcode
        self.pipedrive_page_url: str | None = None
        self.profiles: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.keep_events: int | None = None
        self.calls: list[UploadCall] = []
        self.max_in_flight = CALLS_IN_FLIGHT
        self.discarded_events: frozenset[str] = frozenset()
        self.lock = threading.RLock()
        self._partial_times: int | None = 0
        self._state_file = StateFile(state_file, self._snapshot)
        self._restore(self._state_file.load())
        self._add_routes()

    def partial_next(self, times: int | None = 1) -> None:
        """Refuse the second record of the next uploads with code 555 (a server error). times=None: always."""
        with self.lock:
            self._partial_times = times

    def behave(self) -> None:
        super().behave()
        self.partial_next(0)

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> SandboxServer:
        return SandboxServer(self.app, host, port, on_close=self.close)

    def close(self) -> None:
        """Let go of held requests and save the state."""
        self.let_go()
        self._state_file.save_now()

    def is_api_path(self, path: str) -> bool:
        return path.startswith("/1/")

    def canned_body(self, status: int) -> dict[str, Any]:
        text = {401: "Invalid Credentials", 400: "Malformed request", 429: "Too many concurrent requests"}
        return {"status": "fail", "error": text.get(status, "Internal Server Error"), "code": status}

    def upload(self, records: list[Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Check and store records; returns CleverTap's reply."""
        with self.lock:
            breaks_second = self._take_partial()
            unprocessed: list[dict[str, Any]] = []
            for number, record in enumerate(records, start=1):
                problem = record_problem(record, self.discarded_events)
                if problem is None and breaks_second and number == 2:
                    problem = 555, "Internal server error"
                if problem is not None:
                    unprocessed.append(_refused(number, record, problem))
                elif not dry_run:
                    self._store(record)
            taken = len(records) - len(unprocessed)
            self.calls.append(UploadCall(self.now(), len(records), taken, dry_run))
            if self.keep_events is not None and len(self.events) > self.keep_events:
                del self.events[: len(self.events) - self.keep_events]
        if taken and not dry_run:
            self._state_file.touch()
        status = "success" if not unprocessed else ("partial" if taken else "fail")
        return {"status": status, "processed": taken, "unprocessed": unprocessed}

    def _take_partial(self) -> bool:
        if self._partial_times is None:
            return True
        is_ordered = self._partial_times > 0
        self._partial_times -= is_ordered
        return is_ordered

    def _store(self, record: dict[str, Any]) -> None:
        identity = next(record[key] for key in IDENTITY_KEYS if record.get(key))
        profile = self.profiles.setdefault(identity, {})
        if record["type"] == "profile":
            self.profiles[identity] = applied(profile, record["profileData"])
            return
        ts = record.get("ts") or int(self.now().timestamp())
        event = {
            "identity": identity,
            "evtName": record["evtName"],
            "evtData": record.get("evtData", {}),
            "ts": ts,
        }
        self.events.append(event)

    def _add_routes(self) -> None:
        app = self.app
        app.before_request(self._admit)
        app.register_error_handler(HTTPException, self._http_error)
        app.add_url_rule(UPLOAD, "upload", self._upload_view, methods=["POST"])
        app.add_url_rule("/1/profile.json", "profile", self._profile_view)
        app.add_url_rule("/1/delete/profiles.json", "delete", self._delete_view, methods=["POST"])
        app.register_blueprint(clevertap_page.blueprint(self))

    def _admit(self) -> Response | None:
        if not self.is_api_path(request.path):
            return None
        account = request.headers.get("X-CleverTap-Account-Id", "")
        passcode = request.headers.get("X-CleverTap-Passcode", "")
        right_account = hmac.compare_digest(account.encode(), self.account_id.encode())
        right_passcode = hmac.compare_digest(passcode.encode(), self.passcode.encode())
        if not (right_account and right_passcode):
            raise self._refusal(401)
        if request.path == UPLOAD and request.environ.get("sandbox.in_flight", 1) > self.max_in_flight:
            raise self._refusal(429)
        return None

    def _refusal(self, status: int) -> Refusal:
        return Refusal(status, self.canned_body(status))

    def _body(self) -> dict[str, Any]:
        if request.mimetype != "application/json":
            raise self._refusal(400)
        try:
            body = orjson.loads(raw_body())
        except orjson.JSONDecodeError:
            raise self._refusal(400) from None
        if not isinstance(body, dict):
            raise self._refusal(400)
        return body

    def _upload_view(self) -> Response:
        body = self._body()
        records = body.get("d")
        if len(body) != 1 or not isinstance(records, list) or not 1 <= len(records) <= RECORDS_A_CALL:
            raise self._refusal(400)
        return json_reply(self.upload(records, dry_run=request.args.get("dryRun") == "1"))

    def _profile_view(self) -> Response:
        asked = [key for key in ("identity", "email", "objectId") if request.args.get(key)]
        if len(asked) != 1:
            raise self._refusal(400)
        with self.lock:
            identity = self._identity_of(asked[0], request.args[asked[0]])
            if identity is None:
                raise Refusal(404, {"status": "fail", "error": "Profile not found", "code": 404})
            return json_reply({"status": "success", "record": self._as_downloaded(identity)})

    def _identity_of(self, key: str, value: str) -> str | None:
        if key != "email":
            return value if value in self.profiles else None
        return next((name for name, held in self.profiles.items() if held.get("Email") == value), None)

    def _as_downloaded(self, identity: str) -> dict[str, Any]:
        profile = self.profiles[identity]
        events: dict[str, dict[str, int]] = {}
        for event in self.events:
            if event["identity"] == identity:
                seen = events.setdefault(event["evtName"], {"count": 0, "first_seen": event["ts"]})
                seen["count"] += 1
                seen["last_seen"] = event["ts"]
        shown = {"identity": identity, "name": profile.get("Name"), "email": profile.get("Email")}
        return {**shown, "profileData": profile, "events": events, "platformInfo": []}

    def _delete_view(self) -> Response:
        body = self._body()
        given = body.get("identity", body.get("guid"))
        wanted = [name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str)]
        asked = len(given) if isinstance(given, list) else 1
        if not 1 <= asked <= DELETED_A_CALL or len(wanted) != asked:
            raise self._refusal(400)
        with self.lock:
            for identity in wanted:
                self.profiles.pop(identity, None)
            self.events = [event for event in self.events if event["identity"] not in wanted]
        self._state_file.touch()
        return json_reply({"status": "success"})

    def _http_error(self, error: HTTPException) -> Response:
        status = error.code or 500
        if not self.is_api_path(request.path):
            return Response(f"{status} {error.name}", status, content_type="text/plain; charset=utf-8")
        return json_reply({"status": "fail", "error": error.name, "code": status}, status)

    def _snapshot(self) -> dict[str, Any]:
        with self.lock:
            return {"profiles": {**self.profiles}, "events": list(self.events)}

    def _restore(self, saved: dict[str, Any] | None) -> None:
        if saved is not None:
            self.profiles, self.events = saved["profiles"], saved["events"]


def _refused(number: int, record: Any, problem: tuple[int, str]) -> dict[str, Any]:
    code, text = problem
    error = f"{text}. ErrorCode: {code} - {text}. Skipped record number : {number}"
    return {"status": "fail", "code": code, "error": error, "record": record}
