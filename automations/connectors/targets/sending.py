"""How profiles and events of a described account travel: as many a call as its description allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from automations.connectors.targets.calls import Line, in_calls, lines_of
from automations.connectors.targets.client import TargetClient
from automations.connectors.targets.records import Neutral, Shaped, shape
from automations.engine.contracts import (
    Action,
    Batch,
    BatchItem,
    BatchLimits,
    ItemResult,
    JsonObject,
    Outcome,
)
from automations.errors import (
    AutomationError,
    CredentialsError,
    DeliveryError,
    RecipeError,
    RejectedError,
    UnavailableError,
)

Told = tuple[DeliveryError | None, JsonObject | None]
"""What became of one line, and its exchange."""


class TargetAction(Action):
    """What the actions on described accounts share. operation: the description's part that it uses."""

    operation: ClassVar[str]

    def neutral(self, fields: Any) -> Neutral:
        """Return the record before its target is known."""
        raise NotImplementedError

    def done(self, fields: Any) -> tuple[str, JsonObject]:
        """Return a summary, and the outputs that later steps read."""
        raise NotImplementedError


class TargetBatch(Batch):
    """Each delivery keeps its own outcome. A call that cannot be read is halved until the record at fault is found."""

    key = "target.upload"
    max_records = 1000
    concurrent_calls = 4

    def limits(self, settings: Any) -> BatchLimits:
        target = getattr(settings, "described", None)
        if target is None:
            return super().limits(settings)
        most = max(target.profile.batch.records, target.event.batch.records)
        return BatchLimits(most, target.part.throttle.concurrency)

    def send(self, items: Sequence[BatchItem], client: TargetClient) -> Sequence[ItemResult]:
        return _Departure(items, client).results()


UPLOAD = TargetBatch()


class _Departure:
    """One batch on its way: shaped, put into calls, sent, and its lines put together again."""

    def __init__(self, items: Sequence[BatchItem], client: TargetClient) -> None:
        self.items = items
        self.client = client
        self.shaped: dict[int, Shaped] = {}
        self.told: dict[int, list[Told]] = {place: [] for place in range(len(items))}

    def results(self) -> list[ItemResult]:
        lines: list[Line] = []
        for place, item in enumerate(self.items):
            try:
                made = self._shape(item)
            except RecipeError as error:
                self.told[place].append((RejectedError(error.message, code=error.kind), None))
                continue
            self.shaped[place] = made
            if not item.call.validate_only or self.client.target.dry_run is not None:
                lines += lines_of(place, made, validate=item.call.validate_only)
        self._send_all(list(in_calls(self.client.target, lines))[::-1])
        return [self._result(place) for place in range(len(self.items))]

    def _shape(self, item: BatchItem) -> Shaped:
        action = item.action
        assert isinstance(action, TargetAction)
        target = self.client.target
        return shape(
            target,
            target.operation(action.operation),
            action.neutral(item.fields),
            self.client.read_settings,
            delivery=item.call.idempotency_key,
            first_at=item.call.first_at or item.call.now,
        )

    def _send_all(self, waiting: list[list[Line]]) -> None:
        """Make one call after the other; the last of `waiting` is the next."""
        while waiting:
            call = waiting.pop()
            try:
                verdict, exchanges = self.client.upload(call)
            except (DeliveryError, CredentialsError) as error:
                holds = not waiting or isinstance(error, CredentialsError | UnavailableError)
                if holds and not any(self.told.values()):
                    raise
                self._fail(call, error)
                if not isinstance(error, RejectedError):
                    # The next call would most likely meet the same.
                    for later in waiting:
                        self._hold_back(later, error)
                    return
                continue
            if verdict.halve:
                half = len(call) // 2
                waiting += [call[half:], call[:half]]
                continue
            if verdict.again:
                waiting.append([call[place] for place in verdict.again])
            for place, (line, told) in enumerate(
                zip(call, zip(verdict.errors, exchanges, strict=True), strict=True)
            ):
                if place not in verdict.again:
                    self.told[line.owner].append(told)

    def _fail(self, call: Sequence[Line], error: AutomationError) -> None:
        if isinstance(error, CredentialsError):
            # Nothing of this call was taken; its next try meets the refusal first and pauses the connection.
            error = UnavailableError(error.message, whole_connection=True)
        assert isinstance(error, DeliveryError)
        for line in call:
            self.told[line.owner].append((error, None))

    def _hold_back(self, call: Sequence[Line], error: AutomationError) -> None:
        held = UnavailableError(
            "The call before this one failed, so this record was not sent yet. It is tried again.",
            retry_after_s=getattr(error, "retry_after_s", None),
            whole_connection=getattr(error, "whole_connection", False),
        )
        for line in call:
            self.told[line.owner].append((held, None))

    def _result(self, place: int) -> ItemResult:
        told = self.told[place]
        exchange = next((shown for error, shown in told if error is not None and shown), None)
        exchange = exchange or next((shown for _, shown in told if shown), None)
        for error, _ in told:
            if error is not None:
                return ItemResult(error, exchange)
        return ItemResult(self._outcome(place), exchange)

    def _outcome(self, place: int) -> Outcome:
        item, notes = self.items[place], self.shaped[place].notes
        action = item.action
        assert isinstance(action, TargetAction)
        summary, outputs = action.done(item.fields)
        if item.call.validate_only:
            title = self.client.target.title
            summary += (
                f": checked by {title}, not stored"
                if self.client.target.dry_run is not None
                else f": not sent, because {title} cannot check a record without storing it"
            )
        if notes:
            summary = f"{summary} ({'; '.join(notes)})"
        return Outcome({**outputs, "mended": notes}, summary)
