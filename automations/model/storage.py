"""What the database keeps about its own space."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import UtcTime


class PackingWords(SQLModel, table=True):
    """Words that packed rows were compressed against. digest: of the words; never changed, never removed."""

    __tablename__ = "packing_words"

    digest: str = Field(sa_column=Column(Text, primary_key=True))
    words: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
