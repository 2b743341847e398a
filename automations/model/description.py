"""Descriptions of products that people wrote here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import UtcTime


class OwnDescription(SQLModel, table=True):
    """kind: the kind of connection it is for. name: unique within it. text: as it was written."""

    __tablename__ = "own_description"

    kind: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, primary_key=True))
    text: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
