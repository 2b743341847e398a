"""A kind of thing that happens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from automations.engine.contracts.fields import JsonObject, TriggerFields
from automations.engine.contracts.happenings import Occurrence
from automations.engine.contracts.kinds import ConnectionKind
from automations.engine.contracts.listings import ListedPage, Window
from automations.engine.contracts.reaching import DirectoryLike


def topic_fits(topic: str, patterns: Collection[str]) -> bool:
    """Tell whether a topic is one of `patterns`: itself, `entity.*`, `*.action`, or `*` for all."""
    return any(pattern in patterns for pattern in topic_patterns(topic))


def topic_patterns(topic: str) -> tuple[str, ...]:
    """Return every pattern that a topic fits."""
    entity, _, action = topic.partition(".")
    return (topic, f"{entity}.*", f"*.{action}", "*")


class Trigger:
    """A kind of thing that happens. `key` is permanent: saved recipes refer to it.

    topics: the arrivals it looks at, also as patterns (`deal.*`, `*.change`, `*`). entity: the record's name in
    templates; `record` where it may be any. names: what else templates may begin with; the kind's `names` gives
    their values. sample: a believable example.
    The class docstring is the user's page.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    connection: ClassVar[type[ConnectionKind]]
    topics: ClassVar[tuple[str, ...]]
    entity: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = ()
    Fields: ClassVar[type[TriggerFields]] = TriggerFields
    sample: ClassVar[Occurrence]

    def looks_at(self, fields: Any) -> tuple[str, ...]:
        """Return the topics that are left of `topics` when it is narrowed so; others need not even arrive."""
        return self.topics

    def occurred(self, occurrence: Occurrence) -> str | None:
        """Return None when this is what happened, else why not, in words that follow "because"."""
        return None

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        """Return None when the fields let it through, else the reason with the value seen and the one wanted.

        Returns NOT_YET when a list is needed that was never fetched; it is then asked again after `prepare`.
        """
        return None

    def prepare(self, fields: Any, client: Any) -> None:
        """Fetch into the directory what `narrow` needs. Raises DeliveryError."""

    def pull(self, fields: Any, client: Any, limit: int) -> Sequence[Occurrence]:
        """Return real records of the account, newest first, narrowed as the fields say."""
        return []

    def cannot_list(self, fields: Any) -> str | None:
        """Return None when `existing` can list what there is already, else why not, as a sentence with a way on."""
        return "It is about what happens, and what happened before cannot be listed. Choose another trigger."

    def existing(
        self, fields: Any, client: Any, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        """Return the next page of records as if this had just happened to each, narrowed where the other side can.

        Occurrences of these arrivals say in `facts` that they are listed; `occurred` and `narrow` are asked about
        each. Dedupe keys: the same for the same state of the same record. Raises DeliveryError, CredentialsError.
        """
        raise NotImplementedError


class NotYet:
    """Cannot be told before something was looked up."""


NOT_YET = NotYet()
