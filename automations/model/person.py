"""People who sign in, and programs that show a token."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Integer, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import UtcTime
from automations.model.states import Role


class User(SQLModel, table=True):
    """session_token: changes end every session of this person."""

    __tablename__ = "user_account"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    password_hash: str = Field(sa_column=Column(Text, nullable=False))
    role: Role = Field(default=Role.EDITOR, sa_column=Column(Text, nullable=False))
    session_token: str = Field(sa_column=Column(Text, nullable=False))
    failed_sign_ins: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    locked_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class ApiToken(SQLModel, table=True):
    """What a program shows in place of a password. digest: SHA-256 of its text, which nobody has but the program.

    used_at: about when it was shown last.
    """

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    role: Role = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Installation(SQLModel, table=True):
    """Small facts of the whole installation: `catalog_generation`, the session key, …"""

    __tablename__ = "installation"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))
