"""What keeps circles and dead targets in bounds: footprints of our writes, lineages, breakers, tripped fuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Text, text
from sqlmodel import Field, SQLModel

from automations.model.columns import BigKey, Json, UtcTime


class Footprint(SQLModel, table=True):
    """A write of ours that may come back as an event; written before the call leaves, forgotten after an hour.

    subject: the record's key (`deal:5120`), or the entity and a colon while a new record has no id yet.
    digests: field -> digest of the value written. run_id, recipe_id: who writes; 0 for a test-run.
    answered: the call is over, so a subject without an id will never get one.
    """

    __tablename__ = "footprint"
    __table_args__ = (
        Index("ix_footprint_subject", "connection_id", "subject", "written_at"),
        Index("ix_footprint_written", "written_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    )
    subject: str = Field(sa_column=Column(Text, nullable=False))
    verb: str = Field(sa_column=Column(Text, nullable=False))
    digests: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    run_id: int = Field(sa_column=Column(BigKey, nullable=False))
    recipe_id: int = Field(sa_column=Column(Integer, nullable=False))
    chain: str = Field(sa_column=Column(Text, nullable=False))
    depth: int = Field(sa_column=Column(Integer, nullable=False))
    answered: bool = Field(sa_column=Column(Boolean, nullable=False))
    written_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Lineage(SQLModel, table=True):
    """An event that is no beginning: it follows from a run of ours, or came with a count of hops.

    Events from outside have no row: each is the beginning of its own chain, at depth 0.
    chain: the number of the event that began it; empty where it began at another installation.
    depth: at least 1. caused_by: the run that wrote what the event tells; empty where it is not known.
    """

    __tablename__ = "lineage"
    __table_args__ = (
        Index("ix_lineage_caused_by", "caused_by",
              sqlite_where=text("caused_by IS NOT NULL"), postgresql_where=text("caused_by IS NOT NULL")),
    )  # fmt: skip

    event_id: int = Field(
        sa_column=Column(
            BigKey, ForeignKey("event.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    chain: str = Field(sa_column=Column(Text, nullable=False))
    depth: int = Field(sa_column=Column(Integer, nullable=False))
    caused_by: int | None = Field(default=None, sa_column=Column(BigKey, nullable=True))


class Stop(SQLModel, table=True):
    """Something a guard did to a recipe: it cut a circle, or its fuse tripped.

    kind: `circle` or `fuse`. count: how many runs it cut or held. over_at: when a person let the recipe go on, or
    had seen the circle. A recipe is held back while it has a `fuse` that is not over.
    """

    __tablename__ = "stop"
    __table_args__ = (
        Index("ix_stop_open", "recipe_id", "kind",
              sqlite_where=text("over_at IS NULL"), postgresql_where=text("over_at IS NULL")),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    recipe_id: int = Field(
        sa_column=Column(Integer, ForeignKey("recipe.id", ondelete="CASCADE"), nullable=False)
    )
    kind: str = Field(sa_column=Column(Text, nullable=False))
    record_key: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    count: int = Field(default=1, sa_column=Column(Integer, nullable=False))
    began_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    over_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    over_by: str = Field(default="", sa_column=Column(Text, nullable=False))


class Breaker(SQLModel, table=True):
    """How calls of a connection went lately, shared by all workers; a row only where some failed.

    calls: `[part, calls, failures]` for each part of the window, oldest first. opened_at: empty while calls may leave.
    probe_at: when one call may try again. prober: the worker whose call that is.
    """

    __tablename__ = "breaker"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    calls: list[list[float]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    opened_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    probe_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    prober: str = Field(default="", sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
