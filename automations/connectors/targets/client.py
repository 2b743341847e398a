"""The calls to one described account, by its connection's door and inside its budgets."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from automations.connectors.exchanges import masker_for
from automations.connectors.http import ReplyUnreadable
from automations.connectors.outcomes import read_retry_after, what_it_said
from automations.connectors.targets.calls import Line, Request, request_for, test_request
from automations.connectors.targets.settings import TargetSettings, as_read
from automations.connectors.targets.target import Target
from automations.connectors.targets.verdicts import (
    Verdict,
    accepted_statuses,
    judge,
    needs_body,
    own_reply,
    wait_s,
)
from automations.engine.contracts import ConnectionReport, DirectoryLike, DoorLike, JsonObject
from automations.errors import RejectedError, UnavailableError

SLEPT_AT_MOST_S: Final = 2.5
_MANY: Final = 429


class TargetClient:
    """One account's calls during one piece of work."""

    def __init__(
        self, target: Target, settings: TargetSettings, door: DoorLike, directory: DirectoryLike
    ) -> None:
        self.target = target
        self.settings = settings
        self.door = door
        self.directory = directory
        self.read_settings: Mapping[str, str] = as_read(target.part, settings)
        names = target.settings.secret_names()
        self._masker = masker_for(frozenset(str(getattr(settings, name)) for name in names))

    def upload(self, lines: Sequence[Line]) -> tuple[Verdict, list[JsonObject | None]]:
        """Make one call; return what became of each line, and the exchange as each saw it.

        Raises CredentialsError; UnavailableError; OutcomeUnknownError when nothing trustworthy came.
        """
        request = request_for(self.target, lines, self.read_settings, self.settings.base_url)
        self._pay(len(lines))
        reply = self._send(request, effect="read" if lines[0].validate else "write")
        if reply.held:
            verdict, body = Verdict([None] * len(lines), [None] * len(lines)), None
        else:
            body = self._body(reply)
            verdict = judge(self.target, lines, reply.status, body, self.said)
        return verdict, [self._own_part(line, verdict, body, n) for n, line in enumerate(lines)]

    def try_account(self) -> ConnectionReport:
        """Make the description's harmless call. Raises CredentialsError, UnavailableError, RejectedError."""
        request = test_request(self.target, self.read_settings, self.settings.base_url)
        part = self.target.part.test
        if request is None or part is None:
            return ConnectionReport(
                f"{self.target.title} has no call that tries the credentials without storing something. "
                "The first delivery will tell."
            )
        reply = self._send(request, effect="read", more=frozenset({*part.ok, 400, 404}))
        body = self._body(reply)
        is_ok = reply.status in part.ok if part.ok else 200 <= reply.status < 300
        verdict = judge(self.target, (), reply.status, body, self.said) if not is_ok else None
        if verdict is not None:
            raise RejectedError(
                f"{self.target.title} answered {reply.status} to the test call. Check the settings and the address.",
                code=str(reply.status),
            )
        return ConnectionReport(f"{self.target.title} accepts the credentials.", {"Address": request.url})

    def said(self, body: Any) -> str:
        """Return the service's own reason, masked and cut, for a message."""
        excerpt = self._masker.excerpt
        if isinstance(body, str):
            return excerpt(body, 300).rstrip(". ")
        return what_it_said(orjson.dumps(body, default=str).decode(), excerpt).rstrip(". ")

    def last_exchange(self) -> JsonObject | None:
        """Return the call that was made last, masked; None when none came to the door."""
        return self.door.exchanges[-1].as_json() if self.door.exchanges else None

    def _send(self, request: Request, *, effect: Any, more: frozenset[int] = frozenset()) -> Any:
        reply = self.door.send(
            request.method,
            request.url,
            effect=effect,
            headers=request.headers,
            params=request.params or None,
            json=request.json,
            content=request.content,
            content_type=request.content_type,
            auth=request.basic,
            bearer=request.bearer,
            presume=self.target.part.answer.success or {},
            accept=accepted_statuses(self.target) | more,
        )
        if reply.status == _MANY:
            asked = read_retry_after(reply.headers.get("Retry-After"), datetime.now(UTC))
            own = wait_s(self.target, reply.headers, time.time())
            raise UnavailableError(
                f"{self.target.title} answered 429: too many calls. Nothing was done; it is tried again.",
                retry_after_s=max(filter(None, (asked, own)), default=None),
                whole_connection=True,
            )
        return reply

    def _body(self, reply: Any) -> Any:
        try:
            return reply.json()
        except ReplyUnreadable:
            if needs_body(self.target) and 200 <= reply.status < 300:
                raise
            return None

    def _pay(self, records: int) -> None:
        """Take the call out of the description's budgets, after a short sleep where that is enough."""
        for pool in self.target.pools:
            cost, slept_s = (1 if pool.name == "requests" else records), 0.0
            while (due_s := self.directory.spend(pool, cost)) > 0:
                if slept_s + due_s > SLEPT_AT_MOST_S:
                    raise UnavailableError(
                        f"{self.target.title} takes {pool.limit} {pool.name} in {pool.window_s:g} s, and they are "
                        f"used up. This waits {due_s:.1f} s for its turn.",
                        retry_after_s=due_s,
                        whole_connection=not self.directory.can_wait,
                    )
                time.sleep(due_s)
                slept_s += due_s

    def _own_part(self, line: Line, verdict: Verdict, body: Any, number: int) -> JsonObject | None:
        """Return the exchange as one record saw it: its own line of the request and of the reply."""
        shared = self.last_exchange()
        if shared is None:
            return None
        alone = request_for(self.target, [line], self.read_settings, self.settings.base_url)
        shown = alone.json if alone.content is None else alone.content
        own = {**shared, "body": self._masker.value(shown), "batch_size": len(verdict.errors)}
        if shared["sent"] and body is not None:
            own["reply"] = self._masker.value(own_reply(self.target, body, verdict.entries[number]))
        return own
