"""The calls themselves: one delivery, one batch, one look-up. Effects live here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from automations.clock import Clock
from automations.engine.connections import Connections
from automations.engine.context import iso
from automations.engine.contracts import (
    BatchItem,
    Call,
    ConnectionKind,
    DoorLike,
    DoorMode,
    ItemResult,
    JsonObject,
    Occurrence,
    Outcome,
)
from automations.engine.stepping import Send
from automations.errors import AutomationError, DeliveryError, OutcomeUnknownError, RejectedError


@dataclass(frozen=True)
class Result:
    """What one delivery's call came to. settling: the error arose while looking up what became of it."""

    outcome: Outcome | AutomationError
    exchanges: list[JsonObject]
    started_at: datetime
    duration_ms: int
    batch_size: int = 1
    settling: bool = False


class Doorstep:
    """Carries out sends; each call opens a door of its own."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def deliver(
        self, send: Send, key: str, *, mode: DoorMode = DoorMode.LIVE, validate: bool = False
    ) -> Result:
        """Perform one delivery. Never raises: what went wrong is the result."""
        call = self._call(send, key, validate)
        settling = send.in_doubt and not send.step.action.repeatable_for(send.fields)
        door, client, problem = self._client(send.step.connection_id, mode)

        def perform() -> Outcome:
            nonlocal settling
            if settling:
                settled = send.step.action.settle(send.fields, client, call)
                if settled is not None:
                    return settled
                settling = False
            return send.step.action.perform(send.fields, client, replace(call, in_doubt=False))

        result = self._timed(perform, door, problem)
        return replace(result, settling=settling)

    def deliver_batch(self, sends: Sequence[tuple[Send, str]]) -> list[Result]:
        """Perform deliveries of one connection and one batch in one call; one result each, in order."""
        first = sends[0][0]
        batch = first.step.action.batch
        assert batch is not None
        items = [BatchItem(s.step.action, s.fields, self._call(s, key, False)) for s, key in sends]
        door, client, problem = self._client(first.step.connection_id, DoorMode.LIVE)
        results: list[ItemResult] = []

        def perform() -> Outcome:
            results.extend(batch.send(items, client))
            return Outcome()

        whole = self._timed(perform, door, problem)
        if isinstance(whole.outcome, AutomationError):
            return [replace(whole, exchanges=whole.exchanges[-1:], batch_size=len(sends)) for _ in sends]
        if len(results) != len(sends):
            missing = OutcomeUnknownError(f"{batch.key} answered for {len(results)} of {len(sends)} records.")
            return [replace(whole, outcome=missing, batch_size=len(sends)) for _ in sends]
        return [
            replace(
                whole,
                outcome=item.result,
                exchanges=[item.exchange] if item.exchange else whole.exchanges,
                batch_size=len(sends),
            )
            for item in results
        ]

    def look_up(
        self,
        kind: ConnectionKind,
        connection_id: int,
        occurrences: Sequence[Occurrence],
        needs: frozenset[str],
        prepare: Callable[[Any], None],
        mode: DoorMode = DoorMode.LIVE,
    ) -> tuple[list[JsonObject], AutomationError | None, list[JsonObject]]:
        """Fetch what the occurrences need. Returns (related, error, exchanges); never raises."""
        door, client, problem = self._client(connection_id, mode)
        related: list[JsonObject] = []

        def perform() -> Outcome:
            prepare(client)
            related.extend(dict(found) for found in kind.load_related(occurrences, needs, client))
            return Outcome()

        result = self._timed(perform, door, problem)
        error = result.outcome if isinstance(result.outcome, AutomationError) else None
        return related, error, result.exchanges

    def _call(self, send: Send, key: str, validate: bool) -> Call:
        now = iso(self._clock.now())
        return Call(
            idempotency_key=key,
            attempt=send.attempts + 1,
            in_doubt=send.in_doubt,
            now=now,
            first_at=iso(send.first_tried_at) or now,
            validate_only=validate,
        )

    def _client(
        self, connection_id: int, mode: DoorMode
    ) -> tuple[DoorLike | None, Any, AutomationError | None]:
        if not connection_id:
            return None, None, None
        try:
            door = self._connections.door(self._connections.open(connection_id), mode)
            return door, self._connections.client(connection_id, door, mode), None
        except AutomationError as error:
            return None, None, error

    def _timed(
        self, perform: Callable[[], Outcome], door: DoorLike | None, problem: AutomationError | None
    ) -> Result:
        started_at, start_s = self._clock.now(), time.perf_counter()
        outcome: Outcome | AutomationError
        try:
            if problem is not None:
                raise problem
            outcome = perform()
        except AutomationError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own delivery and nothing else
            outcome = _bug(
                error, sent=any(_sent_a_write(e.as_json()) for e in (door.exchanges if door else ()))
            )
        exchanges = [exchange.as_json() for exchange in door.exchanges] if door else []
        return Result(outcome, exchanges, started_at, round((time.perf_counter() - start_s) * 1000))


def _sent_a_write(exchange: JsonObject) -> bool:
    return bool(exchange.get("sent")) and exchange.get("method") not in ("GET", "HEAD")


def _bug(error: Exception, *, sent: bool) -> DeliveryError:
    """A connector failed in a way it did not foresee; the type is told, never its text, which may hold secrets."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = (
        f" (line {where.tb_lineno} of {where.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]})"
        if where
        else ""
    )
    text = f"The connector failed unexpectedly with {type(error).__name__}{place}. Report this to its maintainer."
    return OutcomeUnknownError(text) if sent else RejectedError(text, code="bug")
