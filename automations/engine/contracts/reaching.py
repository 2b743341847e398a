"""How a connector reaches its product: the door, the account's memory and its budgets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from automations.engine.contracts.fields import JsonObject
from automations.engine.contracts.imprints import Became, Imprint


class DoorMode(StrEnum):
    """What may leave during a test-run; real runs are live."""

    OFFLINE = "offline"
    LOOKUPS = "lookups"
    LIVE = "live"


class ExchangeRecord(Protocol):
    def as_json(self) -> JsonObject: ...


class DoorReply(Protocol):
    """What came back. held: nothing left, and the reply is what the caller presumed."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def text(self) -> str: ...

    @property
    def held(self) -> bool: ...

    def json(self) -> Any: ...


Fence = Callable[[], None]
"""Raises UnavailableError where a request must not leave any more. Called when its first byte would."""


class DoorLike(Protocol):
    """One connection's way out during one call. Every request passes here and is recorded, secrets masked."""

    @property
    def exchanges(self) -> Sequence[ExchangeRecord]: ...

    def send(
        self,
        method: str,
        url: str,
        *,
        effect: Literal["read", "write"],
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
    ) -> Any: ...


@dataclass(frozen=True)
class Pool:
    """One budget that an account's calls are paid from.

    name: permanent. title: what pages call it. rolling: any stretch of `window_s` counts; else windows follow each
    other from midnight UTC. limit: what the whole account may spend in a window; None: the other side tells it,
    and until it does, nothing is held back.
    """

    name: str
    title: str
    window_s: float
    rolling: bool = True
    limit: int | None = None


def _nobody_asks(record_key: str) -> None:
    """Forget what was made."""


@dataclass(frozen=True)
class BudgetLeft:
    """What is left of a pool in its present window."""

    pool: Pool
    left: int
    most: int


class DirectoryLike(Protocol):
    """What the engine remembers of one account between calls, and how work on one thing is kept apart.

    Lists by name (`stages`, `users`, …); identities: which remote record a value of ours stands for, so that a
    record just made is found before the remote search knows it.

    can_wait: this is for work that leaves a part of every budget to others; its waits hold nobody else up.
    """

    can_wait: bool = False

    def get(self, name: str) -> Any | None:
        """Return the remembered list, or None when it was never fetched."""

    def put(self, name: str, entries: Any) -> None: ...

    def known(self, entity: str, field: str, value: str) -> str | None:
        """Return the remote id remembered for a normalised value, or None. It may be out of date: verify it."""

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None: ...

    def forget(self, entity: str, field: str, value: str) -> None: ...

    def alone(self, key: str) -> AbstractContextManager[None]:
        """Hold `key` for this account while the block runs: one at a time over all workers and machines.

        Raises UnavailableError when another holds it for more than some seconds; nothing was done then.
        """

    def spend(self, pool: Pool, cost: int) -> float:
        """Take `cost` out of a budget, all or nothing; return the seconds to wait first, 0 when it is taken."""

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        """Take down what the other side says of a budget: its limit, and what is left of it."""

    def writing(self, imprints: Sequence[Imprint]) -> AbstractContextManager[Became]:
        """Take down what the block is about to write, before it leaves, so that its echo is known as our own.

        The block tells the key of what it made as soon as it knows it. When it fails with anything but
        OutcomeUnknownError, nothing was written and nothing is remembered. Where nobody asks, nothing is taken down.
        """
        return nullcontext(_nobody_asks)
