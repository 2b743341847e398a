"""Every state in one place, each with its sentence."""

from __future__ import annotations

from enum import StrEnum


class _Explained(StrEnum):
    """Members that carry the sentence which pages, documents and this file share."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> _Explained:
        member = str.__new__(cls, value)
        member._value_, member.sentence = value, sentence
        return member


class RunStatus(_Explained):
    QUEUED = "queued", "decided, waiting for its turn in its lane"
    RUNNING = "running", "a worker holds its lease"
    WAITING = "waiting", "for a retry, a `wait`, or a paused connection"
    SUCCEEDED = "succeeded", "every step ended well"
    FILTERED = "filtered", "the conditions said no; the reason says which"
    PARKED = "parked", "needs a person; its lane goes on"
    CANCELLED = "cancelled", "a person ended it"


class DeliveryStatus(_Explained):
    PENDING = "pending", "rendered, nothing has left"
    SENDING = "sending", "in flight, or in doubt when its worker died"
    WAITING = "waiting", "for its next attempt"
    SUCCEEDED = "succeeded", "the effect is closed and never repeated"
    SKIPPED = "skipped", "nothing was to be done"
    PARKED = "parked", "needs a person"


class VersionState(_Explained):
    DRAFT = "draft", "being edited; at most one a recipe"
    PUBLISHED = "published", "what new events go through; at most one a recipe"
    RETIRED = "retired", "was published once; its runs still point at it"


class ConnectionState(_Explained):
    OK = "ok", "nothing known against it"
    PAUSED = "paused", "the other side refused the credentials; work waits"
    STOPPED = "stopped", "a person paused it"


class JobState(_Explained):
    QUEUED = "queued", "asked for, not begun"
    RUNNING = "running", "some of it is done, the rest follows by itself"
    PAUSED = "paused", "stopped where it is; *Resume* goes on from there"
    DONE = "done", "all of it is done"
    FAILED = "failed", "stopped by itself; the reason says why, *Resume* goes on from there"
    CANCELLED = "cancelled", "a person ended it; what it made by then stays"


class EventOrigin(_Explained):
    HOOK = "hook", "arrived by itself"
    BACKFILL = "backfill", "made from an existing record"
    SWEEP = "sweep", "fetched after a gap"
    REPLAY = "replay", "sent through again"
    TEST = "test", "a person pressed *send a test event*"


class SampleOrigin(_Explained):
    CAPTURED = "captured", "arrived as an event"
    PULLED = "pulled", "read from the account"
    PASTED = "pasted", "typed or pasted by a person"
    BUILT_IN = "built_in", "comes with the trigger"


class ProcessRole(_Explained):
    WEB = "web", "pages and inbound addresses"
    WORKER = "worker", "decides, runs, delivers"


class Role(StrEnum):
    """What a person or token may do; each includes the ones before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    PUBLISHER = "publisher"
    ADMIN = "admin"


ENDED_RUNS = frozenset({RunStatus.SUCCEEDED, RunStatus.FILTERED, RunStatus.PARKED, RunStatus.CANCELLED})
OPEN_JOBS = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED})
CLOSED_DELIVERIES = frozenset({DeliveryStatus.SUCCEEDED, DeliveryStatus.SKIPPED})
