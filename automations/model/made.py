"""Events that were made here from what another product lists, and how far its changes were looked through."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import BigKey, UtcTime


class MadeEvent(SQLModel, table=True):
    """What is known of an event that a backfill or a sweep made, beside the event itself.

    only_recipe_id: the one recipe that it is for; empty for all. known_as: which happening of its record it is, as
    the connector tells it; empty for a backfill. again: it may follow what its record went through with already.
    seen_upto: the newest event there was when it was compared with what had arrived. taken_by: the event that the
    happening went through with, this one or the one that arrived late by itself; empty until then.
    """

    __tablename__ = "made_event"
    __table_args__ = (Index("ix_made_event_record", "record_key", "known_as"),)

    event_id: int = Field(
        sa_column=Column(BigKey, ForeignKey("event.id", ondelete="CASCADE"), primary_key=True)
    )
    connection_id: int = Field(sa_column=Column(Integer, nullable=False))
    record_key: str = Field(sa_column=Column(Text, nullable=False))
    only_recipe_id: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    known_as: str = Field(default="", sa_column=Column(Text, nullable=False))
    again: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    seen_upto: int = Field(default=0, sa_column=Column(BigKey, nullable=False))
    taken_by: int | None = Field(default=None, sa_column=Column(BigKey, nullable=True))


class SweepMark(SQLModel, table=True):
    """How far one entity of one account was looked through for changes that did not arrive.

    begun_at: since when somebody wants it; what happened before is not missed. swept_until: everything before it is
    known. expected, received, recovered: what the last look found there, what of it had arrived, and what was
    fetched; recovered_ever: since the beginning.
    """

    __tablename__ = "sweep_mark"

    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True)
    )
    entity: str = Field(sa_column=Column(Text, primary_key=True))
    begun_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    swept_until: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    swept_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    expected: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    received: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    recovered: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    recovered_ever: int = Field(default=0, sa_column=Column(Integer, nullable=False))
