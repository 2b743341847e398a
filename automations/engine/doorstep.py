"""The calls themselves: one delivery, one batch, one look-up. Effects live here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from automations.clock import Clock
from automations.engine.connections import Connections
from automations.engine.context import iso
from automations.engine.contracts import (
    ActionFields,
    Batch,
    BatchItem,
    BatchLimits,
    Call,
    ConnectionKind,
    DoorLike,
    DoorMode,
    Fence,
    ItemResult,
    JsonObject,
    Occurrence,
    Outcome,
)
from automations.engine.footprints import NOBODY, Author
from automations.engine.masking import Masker
from automations.engine.stepping import Send
from automations.errors import (
    AutomationError,
    DeliveryError,
    OutcomeUnknownError,
    RejectedError,
    StorageUnavailableError,
    UnavailableError,
)
from automations.made_often import made_often


@made_often
@dataclass(frozen=True)
class Result:
    """What one delivery's call came to. settling: the error arose while looking up what became of it."""

    outcome: Outcome | AutomationError
    exchanges: list[JsonObject]
    started_at: datetime
    duration_ms: int
    batch_size: int = 1
    settling: bool = False


@made_often
@dataclass(frozen=True)
class _WayOut:
    """How one call leaves: its door and client, or the problem that keeps it in."""

    door: DoorLike | None = None
    client: Any = None
    problem: AutomationError | None = None
    secrets: tuple[str, ...] = ()


class Doorstep:
    """Carries out sends; each call opens a door of its own."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def deliver(
        self,
        send: Send,
        key: str,
        *,
        mode: DoorMode = DoorMode.LIVE,
        validate: bool = False,
        can_wait: bool = False,
        author: Author = NOBODY,
        fence: Fence | None = None,
    ) -> Result:
        """Perform one delivery. Never raises: what went wrong is the result.

        can_wait: it is a backfill's. author: the run that it is made for; nobody's is a test-run's. fence: asked before
        each request leaves.
        """
        call = _call(send, key, iso(self._clock.now()), validate, author.depth)
        # Until something is known, what was in doubt stays so, whatever goes wrong on the way.
        settling = send.in_doubt
        way = self._way_out(send.step.connection_id, mode, can_wait, author, fence)

        def perform() -> Outcome:
            nonlocal settling
            for fields, asked in _doubts(send, call):
                settled = send.step.action.settle(fields, way.client, asked)
                if settled is not None:
                    return settled
            settling = False
            settled_call = replace(call, in_doubt=False) if call.in_doubt else call
            return send.step.action.perform(send.fields, way.client, settled_call)

        result = self._timed(perform, way)
        return replace(result, settling=True) if settling else result

    def deliver_batch(self, sends: Sequence[tuple[Send, str]], fence: Fence | None = None) -> list[Result]:
        """Perform deliveries of one connection and one batch in one call; one result each, in order.

        fence: as for one delivery.
        """
        first = sends[0][0]
        batch = first.step.action.batch
        assert batch is not None
        now = iso(self._clock.now())
        items = [BatchItem(s.step.action, s.fields, _call(s, key, now)) for s, key in sends]
        way = self._way_out(first.step.connection_id, DoorMode.LIVE, fence=fence)
        results: list[ItemResult] = []

        def perform() -> Outcome:
            results.extend(batch.send(items, way.client))
            return Outcome()

        whole = self._timed(perform, way)
        if isinstance(whole.outcome, AutomationError):
            shared = [_without_records(exchange, len(sends)) for exchange in whole.exchanges[-1:]]
            return [replace(whole, exchanges=shared, batch_size=len(sends)) for _ in sends]
        if len(results) != len(sends):
            missing = OutcomeUnknownError(f"{batch.key} answered for {len(results)} of {len(sends)} records.")
            return [replace(whole, outcome=missing, batch_size=len(sends)) for _ in sends]
        return [
            Result(
                _without_secrets(_checked_item(item), way.secrets),
                _exchange_of(item) or whole.exchanges,
                whole.started_at,
                whole.duration_ms,
                len(sends),
            )
            for item in results
        ]

    def most_together(self, send: Send) -> int:
        """Return how many deliveries of this batch its account takes at once; 1 without a batch."""
        return self.limits(send).max_records

    def limits(self, send: Send) -> BatchLimits:
        """Return what the account of a delivery takes; where its settings cannot be read, what its batch says."""
        batch = send.step.action.batch
        if batch is None:
            return BatchLimits(1, 1)
        if type(batch).limits is Batch.limits:
            return batch.limits(None)
        try:
            settings = self._connections.open(send.step.connection_id).settings
        except AutomationError:
            settings = None
        return batch.limits(settings)

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
        way = self._way_out(connection_id, mode)
        related: list[JsonObject] = []

        def perform() -> Outcome:
            prepare(way.client)
            related.extend(dict(found) for found in kind.load_related(occurrences, needs, way.client))
            return Outcome()

        result = self._timed(perform, way)
        error = result.outcome if isinstance(result.outcome, AutomationError) else None
        return related, error, result.exchanges

    def _way_out(
        self,
        connection_id: int,
        mode: DoorMode,
        can_wait: bool = False,
        author: Author | None = None,
        fence: Fence | None = None,
    ) -> _WayOut:
        if not connection_id:
            return _WayOut()
        secrets: tuple[str, ...] = ()
        try:
            opened = self._connections.open(connection_id)
            secrets = opened.secrets
            door = self._connections.door(opened, mode, fence)
            client = self._connections.client(connection_id, door, mode, can_wait=can_wait, author=author)
        except AutomationError as error:
            return _WayOut(problem=error, secrets=secrets)
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own delivery and nothing else
            return _WayOut(problem=_bug(error, sent=False))
        return _WayOut(door, client, None, secrets)

    def _timed(self, perform: Callable[[], Outcome], way: _WayOut) -> Result:
        started_at, start_s = self._clock.now(), time.perf_counter()
        outcome: Outcome | AutomationError
        door = way.door
        try:
            if way.problem is not None:
                raise way.problem
            outcome = _checked(perform())
        except StorageUnavailableError as error:
            outcome = _our_own_trouble(error, sent=_wrote(door))
        except AutomationError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own delivery and nothing else
            outcome = _bug(error, sent=_wrote(door))
        exchanges = [exchange.as_json() for exchange in door.exchanges] if door else []
        duration_ms = round((time.perf_counter() - start_s) * 1000)
        return Result(_without_secrets(outcome, way.secrets), exchanges, started_at, duration_ms)


def _call(send: Send, key: str, now: str, validate: bool = False, depth: int = 0) -> Call:
    return Call(
        idempotency_key=key,
        attempt=send.attempts + 1,
        in_doubt=send.in_doubt,
        now=now,
        first_at=iso(send.first_tried_at) or now,
        validate_only=validate,
        depth=depth,
    )


def _doubts(send: Send, call: Call) -> Iterator[tuple[ActionFields, Call]]:
    """Yield what must be settled before anything is sent: tries of earlier runs first, then this run's own."""
    if not send.in_doubt:
        return
    action = send.step.action
    for doubt in send.doubts:
        same = doubt.fields == send.fields
        if not (action.repeatable_for(doubt.fields) and (same or action.repeatable)):
            yield (
                doubt.fields,
                replace(call, idempotency_key=doubt.key, in_doubt=True, first_at=iso(doubt.first_tried_at)),
            )
    is_own = not send.doubts or send.attempts > 0
    if is_own and not action.repeatable_for(send.fields):
        yield send.fields, call


def _checked(outcome: Any) -> Outcome:
    if not isinstance(outcome, Outcome):
        raise TypeError(f"an Outcome was due, not {type(outcome).__name__}")
    return outcome


def _checked_item(item: Any) -> Outcome | AutomationError:
    result = getattr(item, "result", None)
    return result if isinstance(result, Outcome | AutomationError) else _bug(TypeError(), sent=True)


def _exchange_of(item: Any) -> list[JsonObject]:
    exchange = getattr(item, "exchange", None)
    return [exchange] if exchange else []


def _without_secrets(
    outcome: Outcome | AutomationError, secrets: tuple[str, ...]
) -> Outcome | AutomationError:
    """Return what came of a call without the connection's own secrets, which a target may echo."""
    if isinstance(outcome, AutomationError):
        said = outcome.message
        if any(secret in said for secret in secrets if secret):
            outcome.args = (Masker(secrets).text(said),)
        return outcome
    told = f"{outcome.summary}{outcome.outputs}"
    if not any(secret in told for secret in secrets if secret):
        return outcome
    masker = Masker(secrets)
    return replace(outcome, summary=masker.text(outcome.summary), outputs=masker.value(outcome.outputs))


def _our_own_trouble(error: StorageUnavailableError, *, sent: bool) -> DeliveryError:
    """Our database failed inside a call: what left stays in doubt, what did not is tried again."""
    trouble = OutcomeUnknownError(error.message) if sent else UnavailableError(error.message)
    trouble.__cause__ = error
    return trouble


def _wrote(door: DoorLike | None) -> bool:
    return any(_sent_a_write(exchange.as_json()) for exchange in (door.exchanges if door else ()))


def _without_records(exchange: JsonObject, count: int) -> JsonObject:
    """Return the exchange of a whole batch as one record may keep it: without the other records."""
    if count == 1:
        return exchange
    return {**exchange, "body": None, "note": f"this record travelled with {count - 1} others"}


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
