"""What a kind of long work promises: to be done in slices, each of which is safe to do twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from automations.errors import AutomationError, CredentialsError, StorageUnavailableError, UnavailableError
from automations.model.job import Job


@dataclass(frozen=True)
class JobView:
    """A job as its kind sees it at the beginning of a slice; the names are those of `model.job.Job`."""

    id: int
    recipe_id: int | None
    connection_id: int | None
    params: Mapping[str, Any]
    cursor: Mapping[str, Any] | None
    expected: int | None
    done: int
    made: int
    skipped: int
    failed: int
    rate_per_minute: int | None
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, job: Job) -> JobView:
        assert job.id is not None
        return cls(**{name: getattr(job, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Slice:
    """What one slice did. The counts are of this slice alone; they are added to the job's.

    cursor: where the next slice begins. expected: how much there is in all; None where nothing new is known.
    wait_s: how long the next slice should wait, for room or for somebody else. pause: a person must look at
    `reason` before it goes on.
    """

    cursor: Mapping[str, Any] | None
    expected: int | None = None
    done: int = 0
    made: int = 0
    skipped: int = 0
    failed: int = 0
    finished: bool = False
    reason: str = ""
    wait_s: float = 0.0
    pause: bool = False


def said_of(record_key: str, error: Exception) -> str:
    """Return why one record failed and the job goes on, for a person. Raises `error` where it is not the record's.

    A store or an account that is away, and credentials that do not hold, stop the job instead.
    """
    if isinstance(error, StorageUnavailableError | UnavailableError | CredentialsError):
        raise error
    why = (
        error.message
        if isinstance(error, AutomationError)
        else f"it could not be read ({type(error).__name__})"
    )
    return f"{record_key} failed: {why}"


class JobKind:
    """One kind of long work. name: permanent, as the database has it. title: what pages call it.

    unit: what is counted, in the plural. words: what pages call `done`, `made`, `skipped` and `failed`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = "records"
    words: ClassVar[Mapping[str, str]] = {}

    def sentence(self, job: JobView) -> str:
        """Return what this very job does, for a person, without a full stop."""
        raise NotImplementedError

    def slice(self, job: JobView, room: int) -> Slice:
        """Do the next part and return what was done.

        room: how much may be made in it, at least 1. The process may die before the new cursor is stored, so the
        same slice may come again: what it writes must be known again by a unique key.
        Raises UnavailableError and StorageUnavailableError: it comes again later. CredentialsError pauses the
        job, any other error of the tree ends it as failed, from where it can be resumed.
        """
        raise NotImplementedError
