"""Records put into calls, and calls written as requests. Pure: the door sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from automations.connectors.targets.records import Shaped
from automations.connectors.targets.shapes import put_at
from automations.connectors.targets.target import Operation, Target
from automations.engine.contracts import JsonObject
from automations.engine.templating import MISSING

_CONTENT_TYPES = {"ndjson": "application/x-ndjson", "form": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Line:
    """One record on its way. owner: the place of its delivery among all. validate: it is to be checked only."""

    owner: int
    shaped: Shaped
    record: JsonObject
    size: int
    validate: bool = False

    @property
    def operation(self) -> Operation:
        return self.shaped.operation


@dataclass(frozen=True)
class Request:
    """One call, ready for the door. json: None where `content` holds the body."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: Any = None
    content: str | None = None
    content_type: str | None = None
    basic: tuple[str, str] | None = None
    bearer: str | None = None


def lines_of(owner: int, shaped: Shaped, *, validate: bool = False) -> list[Line]:
    return [
        Line(owner, shaped, record, len(orjson.dumps(record, default=str)), validate)
        for record in shaped.records
    ]


def in_calls(target: Target, lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield what goes into one call each: profiles before events, so that an event finds its person there."""
    ordered = sorted(lines, key=lambda line: line.operation.name != "profile")
    call: list[Line] = []
    for line in ordered:
        if call and not _fits(target, call, line):
            yield call
            call = []
        call.append(line)
    if call:
        yield call


def _fits(target: Target, call: Sequence[Line], line: Line) -> bool:
    first, batch = call[0], line.operation.batch
    if first.operation is not line.operation and not target.part.together:
        return False
    if first.validate != line.validate or first.shaped.equal != line.shaped.equal:
        return False
    if len(call) >= batch.records or sum(one.size + 1 for one in call) + line.size > batch.bytes:
        return False
    people = {one.shaped.person for one in call} | {line.shaped.person}
    return batch.identities is None or len(people) <= batch.identities


def request_for(target: Target, call: Sequence[Line], settings: Mapping[str, str], base_url: str) -> Request:
    """Return the request of one call. settings: as templates read them. base_url: empty for the target's own."""
    operation = call[0].operation
    context = {"settings": settings}
    auth = _filled(target.auth.fill(context))
    place = {name: _quoted(value) for name, value in {**call[0].shaped.place, **context}.items()}
    extra = _filled(target.dry_run.fill(context)) if target.dry_run and call[0].validate else {}
    headers = {
        **_filled(target.headers.fill(context)),
        **_filled(operation.headers.fill(context)),
        **auth.get("headers", {}),
        **extra.get("headers", {}),
    }
    params = {
        **_filled(operation.query.fill(context)),
        **auth.get("query", {}),
        **extra.get("query", {}),
    }
    body = _body(call, context, auth.get("body", {}))
    content = _content(operation, body)
    basic = auth.get("basic")
    return Request(
        method=operation.part.method,
        url=root_of(target, settings, base_url) + str(operation.path.fill(place)),
        headers={name: str(value) for name, value in headers.items()},
        params={name: str(value) for name, value in params.items()},
        json=body if content is None else None,
        content=content,
        content_type=_CONTENT_TYPES.get(operation.part.content),
        basic=(basic.get("user", ""), basic.get("password", "")) if basic is not None else None,
        bearer=auth.get("bearer") or None,
    )


def test_request(target: Target, settings: Mapping[str, str], base_url: str) -> Request | None:
    """Return the harmless call that tries the account; None where the service has none."""
    if target.test is None:
        return None
    context = {"settings": settings}
    auth, part = _filled(target.auth.fill(context)), _filled(target.test.fill(context))
    basic = auth.get("basic")
    body = part.get("body")
    return Request(
        method=part["method"],
        url=root_of(target, settings, base_url) + part["path"],
        headers={**_filled(target.headers.fill(context)), **auth.get("headers", {})},
        params={**part.get("query", {}), **auth.get("query", {})},
        json={**body, **auth.get("body", {})} if isinstance(body, dict) else body,
        basic=(basic.get("user", ""), basic.get("password", "")) if basic is not None else None,
        bearer=auth.get("bearer") or None,
    )


def root_of(target: Target, settings: Mapping[str, str], base_url: str) -> str:
    """Return the address under which every path is, without a slash at its end."""
    return (base_url or str(target.address.fill({"settings": settings}))).rstrip("/")


def _body(call: Sequence[Line], context: Mapping[str, Any], auth: Mapping[str, Any]) -> Any:
    first = call[0].operation
    if first.into is None:
        return {**call[0].record, **_filled(first.body.fill(context)), **auth}
    if not first.into:
        return [line.record for line in call]
    body: JsonObject = {}
    lists: dict[tuple[str, ...], list[JsonObject]] = {}
    for line in call:
        into = line.operation.into or ()
        if into not in lists:
            body |= _filled(line.operation.body.fill(context))
        lists.setdefault(into, []).append(line.record)
    for into, records in lists.items():
        put_at(body, into, records)
    return {**body, **auth}


def _content(operation: Operation, body: Any) -> str | None:
    """Return the body as text where it is no JSON document."""
    if operation.part.content == "ndjson":
        records = body if isinstance(body, list) else [body]
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    if operation.part.content == "form":
        fields = body if isinstance(body, dict) else {}
        return urlencode(
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
        )
    return None


def _filled(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) and value is not MISSING else {}


def _quoted(value: Any) -> Any:
    """Return texts as one step of a path can hold them."""
    if isinstance(value, dict):
        return {key: _quoted(entry) for key, entry in value.items()}
    return quote(value, safe="") if isinstance(value, str) else value
