"""Long work in slices: how far it is, and who holds it. Only `engine.jobs` writes here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Text, text
from sqlmodel import Field, SQLModel

from automations.model.columns import BigKey, Json, UtcTime
from automations.model.states import JobState

_ACTIVE = text("state IN ('queued', 'running')")
_OPEN = text("state IN ('queued', 'running', 'paused')")


class Job(SQLModel, table=True):
    """One piece of long work, done slice after slice by whichever worker comes first.

    kind: the name of its `JobKind`. params: what was asked for. cursor: where the next slice begins, in the kind's
    own words. expected: how much there is, as far as it is known. done: looked at; made, skipped, failed: what came
    of that. alone: two jobs with the same text here are never open at once. tries: slices that
    failed one after another. lease_*: who works on it; a slice's end is written only under the counter it began with.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "due_at", "id", sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        Index("uq_job_alone", "alone", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_job_recipe", "recipe_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    recipe_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("recipe.id", ondelete="CASCADE"), nullable=True)
    )
    connection_id: int | None = Field(
        default=None,
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), nullable=True),
    )
    alone: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    params: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    cursor: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    state: JobState = Field(default=JobState.QUEUED, sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    expected: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    done: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    made: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    skipped: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    failed: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    rate_per_minute: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    due_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    lease_owner: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    lease_counter: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    created_by: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
