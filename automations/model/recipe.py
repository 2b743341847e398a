"""Recipes and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from automations.model.columns import Json, UtcTime
from automations.model.states import VersionState


class Recipe(SQLModel, table=True):
    """A name with versions. `trigger_key` and `trigger_connection_id` repeat the published version's, so that
    one index answers "who wants this event" however many recipes there are.
    """

    __tablename__ = "recipe"
    __table_args__ = (Index("ix_recipe_wanting", "trigger_connection_id", "trigger_key", "enabled"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    enabled: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    enabled_changed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    enabled_changed_by: str = Field(default="", sa_column=Column(Text, nullable=False))
    published_version_id: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    trigger_key: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    trigger_connection_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("connection.id"), nullable=True)
    )
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class RecipeVersion(SQLModel, table=True):
    """definition: the recipe file's tree (contract of the file format), never edited once published."""

    __tablename__ = "recipe_version"
    __table_args__ = (UniqueConstraint("recipe_id", "number", name="uq_recipe_version_number"),)

    id: int | None = Field(default=None, primary_key=True)
    recipe_id: int = Field(
        sa_column=Column(Integer, ForeignKey("recipe.id", ondelete="CASCADE"), nullable=False)
    )
    number: int = Field(sa_column=Column(Integer, nullable=False))
    state: VersionState = Field(default=VersionState.DRAFT, sa_column=Column(Text, nullable=False))
    definition: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_by: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    published_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Sample(SQLModel, table=True):
    """An example the builder previews with. occurrence: as `engine.contracts.Occurrence.as_json()`."""

    __tablename__ = "sample"
    __table_args__ = (Index("ix_sample_choice", "connection_id", "trigger_key", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(
        sa_column=Column(Integer, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False)
    )
    trigger_key: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    origin: str = Field(sa_column=Column(Text, nullable=False))
    occurrence: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
