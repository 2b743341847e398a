"""The one door through which calls leave.

Every call to another product goes through a `Door`: it applies the network policy and the time limits,
holds calls back in a test-run, records each exchange with secrets masked, and turns whatever may go wrong
into one of the classes of `errors.py`. It never follows redirects and never tries again by itself.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import requests
import structlog
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from automations.connectors.exchanges import Exchange, Reply, leave_unread, masker_for, receive, shown
from automations.connectors.network_policy import NetworkPolicy, Target, read_url
from automations.connectors.outcomes import (
    Effect,
    ReplyUnreadable,
    failure_of_status,
    failure_without_answer,
)
from automations.connectors.outgoing import Payload, make_headers, make_payload, read_method, write_json
from automations.connectors.sessions import OutgoingRequest, SessionPool
from automations.connectors.sockets import Limits
from automations.engine.contracts import Fence
from automations.engine.masking import Masker
from automations.errors import AutomationError, BlockedAddressError
from automations.made_often import made_often

_log = structlog.get_logger("door")

__all__ = [
    "Door",
    "DoorMode",
    "Exchange",
    "Limits",
    "NetworkPolicy",
    "Reply",
    "ReplyUnreadable",
    "SessionPool",
]


class DoorMode(StrEnum):
    """What may leave. OFFLINE: nothing, not even a name look-up. LOOKUPS: reads. LIVE: everything."""

    OFFLINE = "offline"
    LOOKUPS = "lookups"
    LIVE = "live"


@made_often
@dataclass(frozen=True)
class _Call:
    method: str
    target: Target
    headers: dict[str, str]
    payload: Payload
    effect: Effect
    accept: Collection[int]
    total_s: float
    masker: Masker


class Door:
    """One connection's way out during one delivery, look-up or test-run; not shared between threads.

    connection: its name, for the session and for messages. secrets: plain texts to mask. allowed_hosts: the
    only hosts that may be called, `host` or `host:port`; None allows what the network policy allows. fence: called
    right before a request leaves; raises UnavailableError where it must not, since the work is another's by then.

    exchanges: every call so far, in order. last_reply: the last answer, also of a call that raised.
    """

    def __init__(
        self,
        pool: SessionPool,
        *,
        connection: str,
        mode: DoorMode = DoorMode.LIVE,
        secrets: Collection[str] = (),
        allowed_hosts: Collection[str] | None = None,
        fence: Fence | None = None,
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._mode = mode
        self._secrets = frozenset(secrets)
        self._allowed_hosts = allowed_hosts
        self._fence = fence
        self.exchanges: list[Exchange] = []
        self.last_reply: Reply | None = None

    def send(
        self,
        method: str,
        url: str,
        *,
        effect: Effect,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        content_type: str | None = None,
        auth: tuple[str, str] | None = None,
        presume: Any = None,
        timeout_s: float | None = None,
        accept: Collection[int] = (),
        bearer: str | None = None,
    ) -> Reply:
        """Make one call and return its answer if it is a 2xx or its status is in `accept`.

        effect: "read" for calls that change nothing, whatever their method. auth: HTTP Basic. bearer: an
        access token, masked as every secret. presume: the JSON answer while the call is held back. timeout_s:
        for the whole call; 30 s by default.

        Raises, with nothing sent: RejectedError for a call that cannot be made, BlockedAddressError, and
        UnavailableError when there is no connection or the fence says so. After sending: CredentialsError on 401
        and 403; RejectedError on 3xx, other 4xx, 501 and 505; UnavailableError on 408, 425, 429 and 503, and for
        reads on every other 5xx, time-out or hang-up; OutcomeUnknownError for writes on those.
        """
        payload = make_payload(json, content, content_type)
        shown = {**(headers or {}), "Authorization": f"Bearer {bearer}"} if bearer else headers
        given = {text for text in (bearer, auth[1] if auth else None) if text}
        call = _Call(
            method=read_method(method),
            target=read_url(url, params),
            headers=make_headers(shown, payload.content_type, auth),
            payload=payload,
            effect=effect,
            accept=accept,
            total_s=timeout_s or self._pool.limits.total_s,
            masker=masker_for(self._secrets | given),
        )
        self._check_host(call.target)
        if self._mode is DoorMode.OFFLINE or (self._mode is DoorMode.LOOKUPS and effect == "write"):
            return self._hold_back(call, presume)
        return self._make(call)

    def _check_host(self, target: Target) -> None:
        if self._allowed_hosts is not None and not target.is_one_of(self._allowed_hosts):
            raise BlockedAddressError(
                f"This address is not allowed. {target.authority} is not a host of the connection"
                f" {self._connection!r}; change the connection if calls should go there."
            )

    def _hold_back(self, call: _Call, presume: Any) -> Reply:
        note = "would look up" if call.effect == "read" else "held back: this is a test"
        self._record(call, sent=False, note=note)
        text = write_json(presume).decode("utf-8")
        self.last_reply = Reply(200, CaseInsensitiveDict(), text, True, call.target.authority, call.effect)
        return self.last_reply

    def _make(self, call: _Call) -> Reply:
        started = time.perf_counter()
        adapter = self._pool.adapter(self._connection)
        request = OutgoingRequest(call.method, call.target, call.headers, call.payload.content)
        response: requests.Response | None = None
        reply: Reply | None = None
        cause: BaseException | None = None
        failure: AutomationError | None = None
        try:
            response = adapter.call(request, total_s=call.total_s, fence=self._fence)
            reply, lost = receive(response, effect=call.effect, host=call.target.authority)
            failure = self._judge(call, reply, lost)
        except AutomationError as error:
            failure = error
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            wire = adapter.wire
            failure = failure_without_answer(
                call.effect, call.target.authority, sent=wire.sent, fact=wire.fact
            )
            cause = error
        except Exception as error:
            # Whatever we fail at with an answer, the call was made and must be kept as one.
            if not adapter.wire.sent:
                raise
            if response is not None:
                leave_unread(response.raw)
            _log.warning("answer.unreadable", connection=self._connection, error=type(error).__name__)
            failure = failure_without_answer(call.effect, call.target.authority, sent=True, fact="")
            cause = error
        self.last_reply = reply
        if failure is not None:
            # The other side may echo what it was sent.
            failure.args = (call.masker.text(failure.message),)
        self._record(
            call,
            sent=adapter.wire.sent,
            reply=reply,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
            error=failure.message if failure else "",
        )
        if failure is not None:
            raise failure from _masked_cause(cause, call.masker)
        assert reply is not None
        return reply

    def _judge(self, call: _Call, reply: Reply, lost: bool) -> AutomationError | None:
        """Return what is wrong with an answer. lost: it broke off before its end."""
        if not (200 <= reply.status < 300 or reply.status in call.accept):
            return failure_of_status(
                reply.status,
                reply.headers,
                reply.text,
                excerpt=call.masker.excerpt,
                effect=call.effect,
                host=call.target.authority,
                connection=self._connection,
                now=self._pool.clock.now(),
            )
        if lost:
            return failure_without_answer(call.effect, call.target.authority, sent=True, fact="")
        return None

    def _record(
        self,
        call: _Call,
        *,
        sent: bool,
        note: str = "",
        reply: Reply | None = None,
        duration_ms: float = 0.0,
        error: str = "",
    ) -> None:
        mask = call.masker
        content = call.payload.content
        self.exchanges.append(
            Exchange(
                method=call.method,
                url=mask.text(call.target.url),
                headers=mask.headers(call.headers),
                body=None if content is None else shown(content.decode("utf-8", "replace"), mask),
                sent=sent,
                note=note,
                status=reply.status if reply else None,
                reply_headers=mask.headers(reply.headers) if reply else None,
                reply=shown(reply.text, mask) if reply else None,
                duration_ms=duration_ms,
                error=error,
            )
        )


def _masked_cause(error: BaseException | None, masker: Masker) -> requests.RequestException | None:
    """Return what happened underneath as an error without secrets: the original quotes the whole URL."""
    if error is None:
        return None
    return requests.RequestException(masker.text(f"{type(error).__name__}: {error}"))
