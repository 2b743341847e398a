"""What Pipedrive's answers mean: data, or an error of the tree in words that say who acts.

Statuses from 500 on and broken connections are the door's; everything below is read here, by status, headers
and the body's stable codes.

Source: Pipedrive "HTTP status codes", "Rate limiting", read 2026-11-22. The daily-budget headers are not
documented; several public clients report them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from automations.connectors.http import ReplyUnreadable
from automations.engine.contracts import JsonObject
from automations.errors import (
    CredentialsError,
    DeliveryError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

READ_HERE = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 423, 429})

Refused = Callable[[int, str], DeliveryError | None]
"""Gives a call its own words for a refusal (status, what Pipedrive said), or None for the usual ones."""

_DEFAULT_BURST_S = 2.0
_BLOCKED_S = 300.0
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Answer:
    """A good answer. data: the record, the records, or None for what is not there. held: it was presumed."""

    data: Any = None
    additional: JsonObject = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False

    @property
    def record(self) -> JsonObject:
        return self.data if isinstance(self.data, dict) else {}

    @property
    def records(self) -> list[JsonObject]:
        return (
            [entry for entry in self.data if isinstance(entry, dict)] if isinstance(self.data, list) else []
        )


def understood(
    reply: Any,
    *,
    what: str,
    writes: bool,
    now: datetime,
    absent_ok: bool = False,
    refused: Refused | None = None,
    hide: Callable[[str], str] = str,
) -> Answer:
    """Return what a reply says.

    what: the call in words, such as `create a person`. absent_ok: a 404 is an answer without data. hide: masks
    secrets, since the other side may echo what it was sent.
    Raises CredentialsError (401, 402), UnavailableError (429, blocked), RejectedError (other refusals), and
    for an answer that is not Pipedrive's, OutcomeUnknownError after a write, else UnavailableError.
    """
    good = 200 <= reply.status < 300
    try:
        body = reply.json()
    except ReplyUnreadable:
        if good:
            raise
        body = None
    if not isinstance(body, dict):
        raise _without_json(reply, what, writes)
    if good and body.get("success") is not False and body.get("status") != "error":
        additional = body.get("additional_data")
        return Answer(
            body.get("data"),
            additional if isinstance(additional, dict) else {},
            reply.headers,
            bool(getattr(reply, "held", False)),
        )
    if reply.status == 404 and absent_ok:
        return Answer(None, {}, reply.headers)
    raise _refusal(reply, body, what, now, refused, hide)


def _without_json(reply: Any, what: str, writes: bool) -> DeliveryError | CredentialsError:
    if reply.status in (403, 429):
        # Clients that go on after a 429 get a page of the network in front of Pipedrive instead of an answer.
        return UnavailableError(
            f"Pipedrive's network blocks this server for a while (it answered {reply.status} with a page). "
            "All calls of this connection wait five minutes.",
            retry_after_s=_BLOCKED_S,
            whole_connection=True,
        )
    if reply.status in (401, 402):
        return _not_let_in(reply.status, "no reason given")
    if 400 <= reply.status < 500:
        return RejectedError(
            f"Pipedrive refused to {what}: {reply.status} without a reason. Check the connection's address.",
            code=str(reply.status),
        )
    words = f"Asked to {what}, Pipedrive answered {reply.status} with something that is not its JSON"
    if writes:
        return OutcomeUnknownError(f"{words}; whether it was done is unknown.")
    return UnavailableError(f"{words}. It is asked again.")


def _refusal(
    reply: Any,
    body: JsonObject,
    what: str,
    now: datetime,
    refused: Refused | None,
    hide: Callable[[str], str],
) -> DeliveryError | CredentialsError:
    said, code = hide(_said(body)), hide(str(body.get("code") or ""))
    if reply.status in (401, 402):
        return _not_let_in(reply.status, said)
    if reply.status == 429:
        return _limited(reply.headers, now)
    own = refused(reply.status, said) if refused is not None else None
    if own is not None:
        return own
    if code.startswith("feature_capping"):
        return RejectedError(
            f"Pipedrive refused to {what}: the plan's limit is reached ({said}). Make room or change the plan, "
            "then send again.",
            code=code,
        )
    if reply.status == 403:
        return RejectedError(
            f"The user of this connection may not {what} ({said}). Give that user the right in Pipedrive, give the "
            "app the scope, or connect as another user.",
            code=code or "403",
        )
    return RejectedError(
        f"Pipedrive refused to {what}: {said} ({reply.status}). Correct the fields, then send again.",
        code=code or str(reply.status),
    )


def _not_let_in(status: int, said: str) -> CredentialsError:
    if status == 402:
        return CredentialsError(
            f"The Pipedrive account is not open: {said}. Its owner must renew it, then test the connection."
        )
    return CredentialsError(
        f"Pipedrive refused the API token: {said}. Copy the token again from Pipedrive into the connection, or "
        "reconnect it where it signs in by OAuth."
    )


def _said(body: JsonObject) -> str:
    """Return the reason: `error`, else `message`, else `errors`; the webhook endpoints use the last two."""
    for name in ("error", "message"):
        if isinstance(body.get(name), str) and body[name]:
            return str(body[name])[:500]
    errors = body.get("errors")
    if isinstance(errors, dict):
        parts = (f"{name}: {_joined(problem)}" for name, problem in errors.items())
        return "; ".join(parts)[:500]
    return _joined(errors)[:500] if errors else "no reason given"


def _joined(problem: Any) -> str:
    return ", ".join(str(one) for one in problem) if isinstance(problem, list) else str(problem)


def _limited(headers: Mapping[str, str], now: datetime) -> UnavailableError:
    if _seconds(headers, "x-daily-ratelimit-token-remaining") == 0:
        return UnavailableError(
            "The company's daily budget of Pipedrive calls is used up. Everything of this connection waits until "
            "midnight UTC.",
            retry_after_s=_until_midnight_s(now),
            whole_connection=True,
        )
    waits = (_seconds(headers, "retry-after"), _seconds(headers, "x-ratelimit-reset"))
    asked = next((wait for wait in waits if wait is not None), _DEFAULT_BURST_S)
    return UnavailableError(
        f"Pipedrive takes no more calls for the next {asked:g} s.",
        retry_after_s=min(max(asked, 0.0), _DAY_S),
        whole_connection=True,
    )


def _until_midnight_s(now: datetime) -> float:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(max((midnight - now).total_seconds(), 60.0), _DAY_S)


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return float(headers.get(name, ""))
    except ValueError:
        return None
