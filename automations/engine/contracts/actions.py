"""A kind of thing we can do, alone or many in one call, and what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar

from automations.engine.contracts.fields import ActionFields, JsonObject
from automations.engine.contracts.kinds import ConnectionKind
from automations.engine.contracts.reaching import DirectoryLike
from automations.errors import AutomationError, DeliveryError, OutcomeUnknownError
from automations.made_often import made_often


@made_often
@dataclass(frozen=True)
class Call:
    """What an action may know of the delivery it works for.

    idempotency_key: the same for every attempt. attempt: 1 for the first. in_doubt: an earlier attempt may
    have done the work. now, first_at: ISO 8601, UTC; when the first attempt began, `now` itself for the first.
    depth: how many runs lie between what happened outside and this one; 0 for most.
    """

    idempotency_key: str
    attempt: int = 1
    in_doubt: bool = False
    now: str = ""
    first_at: str = ""
    validate_only: bool = False
    depth: int = 0


@made_often
@dataclass(frozen=True)
class Outcome:
    """What an action did. outputs: read by later steps as `steps.<name>.<key>`; `id` and `record` by custom.

    nothing_to_do: the remote already was as wanted, nothing was written. stop: later steps are not run.
    """

    outputs: JsonObject = dataclass_field(default_factory=dict)
    summary: str = ""
    nothing_to_do: bool = False
    stop: bool = False


@made_often
@dataclass(frozen=True)
class BatchItem:
    """One delivery's part in a batch."""

    action: Action
    fields: Any
    call: Call


@made_often
@dataclass(frozen=True)
class ItemResult:
    """What became of one item. exchange: this record's own part of the request and reply, JSON, masked."""

    result: Outcome | DeliveryError
    exchange: JsonObject | None = None


@made_often
@dataclass(frozen=True)
class BatchLimits:
    """What one account takes: deliveries in one departure, and departures at the same time."""

    max_records: int
    concurrent_calls: int


class Batch:
    """How deliveries of one connection travel together. Actions that share one instance share calls."""

    key: ClassVar[str]
    max_records: ClassVar[int] = 1000
    concurrent_calls: ClassVar[int] = 4

    def limits(self, settings: Any) -> BatchLimits:
        """Return what the account of these settings takes; None: they cannot be read just now."""
        return BatchLimits(self.max_records, self.concurrent_calls)

    def send(self, items: Sequence[BatchItem], client: Any) -> Sequence[ItemResult]:
        """Make the call and return one result an item, in order.

        Raises an error of the tree when the whole call failed; it then holds for every item.
        """
        raise NotImplementedError


class Action:
    """A kind of thing we can do. `key` is permanent: saved recipes refer to it.

    repeatable: sending it twice leaves the same as once; the engine repeats it after a doubtful outcome.
    Unsure means False. validates: with `Call.validate_only` the target checks and stores nothing. batch: set
    where many deliveries travel in one call. outputs: name -> what it is.
    The class docstring is the user's page; its `Source:` line names the remote documentation and the day
    it was read. examples: field values, as templates, that the conformance suite performs.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    connection: ClassVar[type[ConnectionKind] | None]
    repeatable: ClassVar[bool] = False
    validates: ClassVar[bool] = False
    batch: ClassVar[Batch | None] = None
    Fields: ClassVar[type[ActionFields]]
    outputs: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[Sequence[JsonObject]] = ()

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        """Do it. A batchable action does its batch of one.

        Raises DeliveryError, CredentialsError, and FieldsError where a look-up shows that a value cannot be.
        """
        if self.batch is None:
            raise NotImplementedError
        (item,) = self.batch.send([BatchItem(self, fields, call)], client)
        if isinstance(item.result, DeliveryError):
            raise item.result
        return item.result

    def settle(self, fields: Any, client: Any, call: Call) -> Outcome | None:
        """Tell what became of an attempt whose reply was lost: its outcome, or None when it was not done.

        The default cannot tell, and the delivery waits for a person. Raises OutcomeUnknownError then.
        """
        raise OutcomeUnknownError(
            "The request was sent, but its worker stopped before an answer came, and this action cannot look up "
            "what became of it. Look at the other side, then choose *Send again* or *Mark as done*."
        )

    def repeatable_for(self, fields: Any) -> bool:
        """Tell whether these very values may be sent twice; by default as the action says."""
        return self.repeatable

    def subject(self, fields: Any) -> str:
        """Return whom or what the target knows these values to be about; empty where that does not matter.

        A worker never has two calls of one connection in flight that are about the same, whatever recipes they
        come from: the later one waits until the earlier one is home.
        """
        return ""

    def check(self, fields: Any) -> None:
        """Check typed values against rules of the target before anything leaves. Raises FieldsError."""

    def check_mapping(
        self, fields: Mapping[str, Any], settings: Any, directory: DirectoryLike
    ) -> Sequence[tuple[str, str]]:
        """Return what is wrong with a mapping as the author wrote it, as (field, message); nothing may leave.

        fields: templates and constants. settings, directory: of the connection that the step uses; lists that
        were never fetched are None, and then nothing is known to be wrong.
        """
        return ()


def error_as_json(error: AutomationError) -> JsonObject:
    """Return `{kind, step, field, message}`, the shape that test-runs and history show."""
    return {
        "kind": error.kind,
        "step": getattr(error, "step", ""),
        "field": getattr(error, "field", ""),
        "message": error.message,
    }
