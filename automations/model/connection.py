"""Saved credentials for one account of one product, what is known of it, and its remote webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from automations.model.columns import Json, UtcTime
from automations.model.states import ConnectionState


class Connection(SQLModel, table=True):
    """settings: the plain ones. sealed: the secret ones, encrypted and bound to this row's name.

    hook_token: unguessable part of the inbound address; empty for kinds that receive nothing.
    hold_until: no call of this connection leaves before (a 429, a daily budget).
    """

    __tablename__ = "connection"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    kind: str = Field(sa_column=Column(Text, nullable=False, index=True))
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    sealed: str = Field(default="", sa_column=Column(Text, nullable=False))
    hook_token: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))
    state: ConnectionState = Field(default=ConnectionState.OK, sa_column=Column(Text, nullable=False))
    state_reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    hold_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    refused_hooks: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    refused_hook_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    tested_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    test_report: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Directory(SQLModel, table=True):
    """One list that a connector remembers of an account: its stages, its users, its field definitions.

    name: the connector's own word for the list. entries: any JSON.
    """

    __tablename__ = "directory"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    name: str = Field(sa_column=Column(Text, primary_key=True))
    entries: Any = Field(sa_column=Column(Json, nullable=False))
    fetched_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Identity(SQLModel, table=True):
    """Which remote record a value stands for: `person`, `email`, `ana@example.com` → `771`."""

    __tablename__ = "identity"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    entity: str = Field(sa_column=Column(Text, primary_key=True))
    field: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    remote_id: str = Field(sa_column=Column(Text, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Exclusive(SQLModel, table=True):
    """Somebody works on `key` of an account alone, until the time or until they let go."""

    __tablename__ = "exclusive"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    key: str = Field(sa_column=Column(Text, primary_key=True))
    holder: str = Field(sa_column=Column(Text, nullable=False))
    until: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Allowance(SQLModel, table=True):
    """What was spent of one budget of an account; shared by all workers.

    pool: the connector's own word for the budget. most: its size, empty while nobody told. spent: `[part, amount]`
    for each part of the window in which something was spent, oldest first.
    """

    __tablename__ = "allowance"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    pool: str = Field(sa_column=Column(Text, primary_key=True))
    most: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    spent: list[list[int]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    changed_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Subscription(SQLModel, table=True):
    """A webhook that we asked a remote product for.

    topic: what it sends, in the connector's words. remote_id: its id there.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        UniqueConstraint("connection_id", "topic", name="uq_subscription_topic"),
        Index("ix_subscription_connection", "connection_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    )
    topic: str = Field(sa_column=Column(Text, nullable=False))
    remote_id: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    checked_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
