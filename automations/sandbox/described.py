"""One recorder that plays any described service from its description's own rules, strictly.

It checks the credentials, the addresses, the envelope, the limits of a call and every record, and says no in the
service's own way: a list inside a 200, a 400 that took the rest, a 207, or not at all.
"""

from __future__ import annotations

import base64
import hmac
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
import yaml
from flask import Response, request

from .base import SandboxApp, json_reply, raw_body, utc_now
from .described_answers import Answers, Refused
from .described_rules import RecordRules, Tree, filled
from .errors import Refusal

_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_ENVELOPE_BYTES = 2_000


@dataclass(frozen=True)
class Operation:
    """One kind of call as the description has it. rules: of its records, those of changes last."""

    name: str
    part: Tree
    path: re.Pattern[str]
    rules: list[RecordRules]
    into: tuple[str, ...] | None
    batch: Tree


class DescribedSandbox(SandboxApp):
    """A service as its description says, on 127.0.0.1.

    text: the description. settings: what its account was given; a call must prove it knows them.
    profiles: id -> attributes. events: records in the order they came, each once where it carries a key.
    dropped: records that were refused, whether or not the service says so. calls: records of each call that was read.
    refuse_if: refuses whatever it says of a record, with the service's own `refuse_code`.
    """

    name = "sandbox_described"

    def __init__(
        self, text: str, settings: Mapping[str, str], *, now: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(now)
        self.description: Tree = yaml.safe_load(text)
        self.settings = dict(settings)
        self.answers = Answers(self.description)
        self.profiles: dict[str, Tree] = {}
        self.events: list[Tree] = []
        self.dropped: list[Any] = []
        self.calls: list[int] = []
        self.validated = 0
        self._known: set[str] = set()
        self.refuse_if: Callable[[Any], bool] = lambda _: False
        self.refuse_code: Any = None
        self._arrived: deque[float] = deque()
        self._lock = threading.RLock()
        self._operations = [self._operation(name) for name in ("profile", "event")]
        everything = {"methods": ["GET", "POST", "PUT", "PATCH"]}
        self.app.add_url_rule("/<path:path>", "any", self._view, **everything)  # type: ignore[arg-type]

    def is_api_path(self, path: str) -> bool:
        return True

    def canned_body(self, status: int) -> dict[str, Any]:
        return {"status": "fail", "error": f"refused with {status}", "code": status}

    def _operation(self, name: str) -> Operation:
        part = self.description[name]
        changes = (self.description.get("operators") or {}).values() if name == "profile" else ()
        trees = [part["record"], *(change["record"] for change in changes if "record" in change)]
        into = part.get("into")
        keys = None if into is None else tuple(into.split(".")) if isinstance(into, str) else tuple(into)
        path = "[^/]+".join(re.escape(piece) for piece in _TEMPLATE.split(self._with_settings(part["path"])))
        rules = [RecordRules(self.description, part, self._with_settings(tree)) for tree in trees]
        batch = part.get("batch") or self.description.get("batch") or {}
        return Operation(name, part, re.compile(path + r"\Z"), rules, keys, batch)

    def _with_settings(self, tree: Any) -> Any:
        return filled(tree, self.settings)

    # -- one call

    def _view(self, path: str) -> Response:
        self._check_credentials()
        self._check_pace()
        found = [
            one
            for one in self._operations
            if one.path.match(request.path) and one.part.get("method", "POST") == request.method
        ]
        test = self.description.get("test") or {}
        if self._is_test(test) and (not found or raw_body() in (b"", b"[]")):
            return json_reply(self.answers.success()[0], (test.get("ok") or [200])[0])
        if not found:
            raise self._refusal(404)
        self._check_request(found[0])
        records = self._records(found)
        return self._take(records)

    def _is_test(self, test: Tree) -> bool:
        return (
            bool(test)
            and self._with_settings(test["path"]) == request.path
            and test.get("method", "GET") == request.method
        )

    def _check_credentials(self) -> None:
        auth = self._with_settings(self.description.get("auth") or {})
        wanted: list[tuple[str, str]] = []
        if auth.get("basic"):
            pair = f"{auth['basic'].get('user', '')}:{auth['basic'].get('password', '')}"
            wanted.append(
                ("Basic " + base64.b64encode(pair.encode()).decode(), self._header("Authorization"))
            )
        if auth.get("bearer"):
            wanted.append((f"Bearer {auth['bearer']}", self._header("Authorization")))
        wanted += [(value, self._header(name)) for name, value in (auth.get("headers") or {}).items()]
        wanted += [(value, request.args.get(name, "")) for name, value in (auth.get("query") or {}).items()]
        body = self._parsed() if auth.get("body") and raw_body() else {}
        held = body if isinstance(body, dict) else {}
        wanted += [(value, str(held.get(name, ""))) for name, value in (auth.get("body") or {}).items()]
        if not all(hmac.compare_digest(right.encode(), given.encode()) for right, given in wanted):
            raise self._refusal(401)

    def _header(self, name: str) -> str:
        return request.headers.get(name, "")

    def _check_pace(self) -> None:
        throttle = self.description.get("throttle") or {}
        if request.environ.get("sandbox.in_flight", 1) > throttle.get("concurrency", 4):
            raise self._refusal(429)
        window = throttle.get("requests")
        if not window:
            return
        now_s = self.now().timestamp()
        with self._lock:
            while self._arrived and self._arrived[0] <= now_s - window["window_s"]:
                self._arrived.popleft()
            if len(self._arrived) >= window["limit"]:
                raise self._refusal(429)
            self._arrived.append(now_s)

    def _check_request(self, operation: Operation) -> None:
        for name, value in self._with_settings(operation.part.get("query") or {}).items():
            if request.args.get(name) != value:
                raise self._refusal(400)
        headers = {**(self.description.get("headers") or {}), **(operation.part.get("headers") or {})}
        for name, value in self._with_settings(headers).items():
            if self._header(name) != value:
                raise self._refusal(400)
        wanted = {"ndjson": "application/x-ndjson", "form": "application/x-www-form-urlencoded"}
        own = self._header("Content-Type").split(";")[0]
        given = wanted.get(operation.part.get("content", "json"), "application/json")
        if own != headers.get("Content-Type", given):
            raise self._refusal(400)
        if len(raw_body()) > operation.batch.get("bytes", 1_000_000) + _ENVELOPE_BYTES:
            raise self._refusal(413)

    def _parsed(self) -> Any:
        try:
            if request.mimetype == "application/x-ndjson":
                return [orjson.loads(line) for line in raw_body().splitlines() if line]
            if request.mimetype == "application/x-www-form-urlencoded":
                return {key: _value(text) for key, text in parse_qsl(raw_body().decode())}
            return orjson.loads(raw_body())
        except ValueError:
            raise self._refusal(400) from None

    def _records(self, operations: list[Operation]) -> list[tuple[list[Operation], Any]]:
        """Return each record of the body with the operations that it may belong to."""
        body = self._parsed()
        auth = (self._with_settings(self.description.get("auth") or {}).get("body") or {}).keys()
        found: list[tuple[list[Operation], Any]] = []
        if operations[0].into is None:
            if not isinstance(body, dict):
                raise self._refusal(400)
            constants = {*auth, *(operations[0].part.get("body") or {})}
            return [(operations, {key: value for key, value in body.items() if key not in constants})]
        seen: set[tuple[str, ...]] = set()
        for operation in operations:
            into = operation.into or ()
            if into in seen:
                continue
            seen.add(into)
            listed = body
            for key in into:
                listed = listed.get(key) if isinstance(listed, dict) else None
            if listed is None and len(operations) > 1:
                continue
            if not isinstance(listed, list):
                raise self._refusal(400)
            same = [one for one in operations if one.into == operation.into]
            found += [(same, record) for record in listed]
        self._check_envelope(operations, body, {*auth}, seen)
        if not 1 <= len(found) <= operations[0].batch.get("records", 1):
            raise self._refusal(400)
        return found

    def _check_envelope(
        self, operations: list[Operation], body: Any, auth: set[str], seen: set[tuple[str, ...]]
    ) -> None:
        if not isinstance(body, dict):
            return
        known = auth | {into[0] for into in seen if into}
        for operation in operations:
            known |= (operation.part.get("body") or {}).keys()
            for key, value in self._with_settings(operation.part.get("body") or {}).items():
                if not isinstance(value, dict) and body.get(key) != value:
                    raise self._refusal(400)
        if set(body) - known:
            raise self._refusal(400)

    # -- its records

    def _take(self, records: list[tuple[list[Operation], Any]]) -> Response:
        dry = (self.description.get("dry_run") or {}).get("query") or {}
        only_checked = bool(dry) and all(request.args.get(key) == value for key, value in dry.items())
        in_list: Counter[tuple[str, ...] | None] = Counter()
        refused: list[Refused] = []
        good: list[tuple[list[Operation], Any]] = []
        with self._lock:
            for place, (operations, record) in enumerate(records):
                into, problem = operations[0].into, self._problem(operations, record)
                ordered = not problem and self.refuse_if(record)
                if problem or ordered:
                    reason, code = problem or "refused as ordered", self.refuse_code if ordered else None
                    last = (into or ("",))[-1]
                    refused.append(Refused(place, in_list[into], last, record, code, reason))
                else:
                    good.append((operations, record))
                in_list[into] += 1
            if refused and self.answers.all_or_nothing:
                good = []
            for operations, record in [] if only_checked else good:
                self._store(operations, record)
            self.validated += len(good) if only_checked else 0
            self.dropped += [one.record for one in refused]
            self.calls.append(len(records))
        body, status = self.answers.to(refused)
        return json_reply(body, status)

    def _problem(self, operations: list[Operation], record: Any) -> str:
        most = operations[0].batch.get("record_bytes")
        if most is not None and len(orjson.dumps(record)) > most:
            return "it is too large"
        problems = [rules.problem(record) for one in operations for rules in one.rules]
        return "" if "" in problems else problems[0]

    def _store(self, operations: list[Operation], record: Any) -> None:
        operation, rules = next(
            (one, rules) for one in operations for rules in one.rules if not rules.problem(record)
        )
        if operation.name == "profile":
            self.profiles.setdefault(rules.ids(record)[0], {}).update(rules.data(record))
            return
        key = rules.key(record)
        if key is None or key not in self._known:
            self.events.append(record)
        if key is not None:
            self._known.add(key)

    def _refusal(self, status: int) -> Refusal:
        return Refusal(status, self.canned_body(status))


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text
