"""Which processes of this installation live, on whatever machine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, Integer, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import UtcTime
from automations.model.states import ProcessRole


class Process(SQLModel, table=True):
    """place: instance folder and slot, which one process has at a time; it says nothing of the machine.

    keys: fingerprints of its secret keys, newest first, with blanks between. beats: goes up while it lives; whoever
    watches it stand still takes the row away. seen_at: the last beat by the process's own clock.
    agreed: ids of the workers that this one leaves room for, with commas between. crowded: ids of the connections where
    it still has more calls in flight than that.
    """

    __tablename__ = "process"
    __table_args__ = (Index("ix_process_place", "place"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    role: ProcessRole = Field(sa_column=Column(Text, nullable=False))
    place: str = Field(sa_column=Column(Text, nullable=False))
    host: str = Field(sa_column=Column(Text, nullable=False))
    pid: int = Field(sa_column=Column(Integer, nullable=False))
    version: str = Field(sa_column=Column(Text, nullable=False))
    keys: str = Field(sa_column=Column(Text, nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    beats: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    agreed: str = Field(default="", sa_column=Column(Text, nullable=False))
    crowded: str = Field(default="", sa_column=Column(Text, nullable=False))
