"""What happened: events, runs, deliveries, attempts. Only `engine.ledger` and `engine.intake` write here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from automations.model.columns import BigKey, Json, Packable, UtcTime
from automations.model.states import DeliveryStatus, EventOrigin, RunStatus


class Event(SQLModel, table=True):
    """One happening, stored once.

    payload: the bytes as they arrived; empty once they were given up for room. topic, record_key: what it is
    about, such as `deal.change` and `deal:5120`. decided_at: empty while accepted and not yet decided. passed_over:
    recipes whose trigger looked at it and did not occur, as `[[recipe_id, version_id, reason], …]`; those that
    occurred have a run.
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("connection_id", "dedupe_key", name="uq_event_dedupe"),
        Index("ix_event_undecided", "id", sqlite_where=text("decided_at IS NULL"),
              postgresql_where=text("decided_at IS NULL")),
        Index("ix_event_record", "record_key", "id"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    connection_id: int = Field(sa_column=Column(Integer, ForeignKey("connection.id"), nullable=False))
    dedupe_key: str = Field(sa_column=Column(Text, nullable=False))
    topic: str = Field(sa_column=Column(Text, nullable=False))
    record_key: str = Field(default="", sa_column=Column(Text, nullable=False))
    origin: EventOrigin = Field(default=EventOrigin.HOOK, sa_column=Column(Text, nullable=False))
    occurred_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    received_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    payload: bytes = Field(sa_column=Column(Packable, nullable=False))
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    label: str = Field(default="", sa_column=Column(Text, nullable=False))
    passed_over: list[Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    problem: str = Field(default="", sa_column=Column(Text, nullable=False))


class Run(SQLModel, table=True):
    """One event going through one recipe version.

    lane: runs of one lane follow each other; empty once ended, or where order does not matter.
    claimable_at: from then on any worker may take it; empty while it is behind another in its lane, in a
    worker's hands, or ended. connection_id: whom its next move talks to; 0 for nobody.
    lease_*: who holds it; an outcome is written only under the counter it was claimed with.
    claims_without_end: marks for workers that died with it in hand (`engine.blame`); a run that kills them is parked.
    memory: JSON of what was looked up (`related`) and of the steps' outcomes (`steps`).
    replay_of: the run that this one goes through again. replay_job_id: the job that asked for it.
    """

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("recipe_id", "event_id", "replay_number", name="uq_run_once"),
        Index("ix_run_claimable", "connection_id", "claimable_at", "id",
              sqlite_where=text("claimable_at IS NOT NULL"), postgresql_where=text("claimable_at IS NOT NULL")),
        Index("ix_run_lane", "lane", "id",
              sqlite_where=text("lane IS NOT NULL"), postgresql_where=text("lane IS NOT NULL")),
        Index("ix_run_lease", "lease_until",
              sqlite_where=text("lease_until IS NOT NULL"), postgresql_where=text("lease_until IS NOT NULL")),
        Index("ix_run_recipe", "recipe_id", "id"),
        Index("ix_run_recipe_status", "recipe_id", "status", "id"),
        Index("ix_run_status", "status", "id"),
        Index("ix_run_record", "record_key", "id"),
        Index("ix_run_event", "event_id"),
        Index("ix_run_counts", "created_at", "recipe_id", "status"),
        Index("ix_run_replay_of", "replay_of",
              sqlite_where=text("replay_of IS NOT NULL"), postgresql_where=text("replay_of IS NOT NULL")),
        Index("uq_run_replayed_by_job", "replay_job_id", "replay_of", unique=True,
              sqlite_where=text("replay_job_id IS NOT NULL"),
              postgresql_where=text("replay_job_id IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    recipe_id: int = Field(sa_column=Column(Integer, ForeignKey("recipe.id"), nullable=False))
    version_id: int = Field(sa_column=Column(Integer, ForeignKey("recipe_version.id"), nullable=False))
    event_id: int = Field(sa_column=Column(BigKey, ForeignKey("event.id"), nullable=False))
    replay_number: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    replay_of: int | None = Field(default=None, sa_column=Column(BigKey, nullable=True))
    replay_job_id: int | None = Field(default=None, sa_column=Column(BigKey, nullable=True))
    record_key: str = Field(default="", sa_column=Column(Text, nullable=False))
    label: str = Field(default="", sa_column=Column(Text, nullable=False))
    lane: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    status: RunStatus = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    reason_kind: str = Field(default="", sa_column=Column(Text, nullable=False))
    step_index: int = Field(default=-1, sa_column=Column(Integer, nullable=False))
    connection_id: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    claimable_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    lease_owner: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    lease_counter: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    claims_without_end: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    memory: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Delivery(SQLModel, table=True):
    """One step's work within a run (one item of it, under `for_each`).

    fields: the rendered, typed values; a retry sends the same. outputs: what later steps read.
    idempotency_key: stable over attempts and restarts. item_key: tells the items of a `for_each` apart, wherever
    in their list they stand; empty for other steps.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("run_id", "step_index", "item_index", name="uq_delivery_once"),
        Index("ix_delivery_open", "status", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    run_id: int = Field(sa_column=Column(BigKey, ForeignKey("run.id", ondelete="CASCADE"), nullable=False))
    step_index: int = Field(sa_column=Column(Integer, nullable=False))
    item_index: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    item_key: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    step_name: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    connection_id: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    status: DeliveryStatus = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    reason_kind: str = Field(default="", sa_column=Column(Text, nullable=False))
    fields: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    outputs: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    idempotency_key: str = Field(sa_column=Column(Text, nullable=False))
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Attempt(SQLModel, table=True):
    """One try at a delivery. exchanges: every request and reply, secrets masked.

    batch_size: how many records shared the call; the request shown is this record's part.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("delivery_id", "number", name="uq_attempt_number"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    delivery_id: int = Field(
        sa_column=Column(BigKey, ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False)
    )
    number: int = Field(sa_column=Column(Integer, nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    duration_ms: int = Field(sa_column=Column(Integer, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    exchanges: list[Any] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    batch_size: int = Field(default=1, sa_column=Column(Integer, nullable=False))
