"""What a replay brings along from the runs before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, Text
from sqlmodel import Field, SQLModel

from automations.model.columns import BigKey, Json, UtcTime
from automations.model.states import DeliveryStatus


class CarriedEffect(SQLModel, table=True):
    """One effect of an earlier run that the new run must not repeat, stored together with the new run.

    A copy, so that it holds also after the earlier run was pruned. step_name: the step of the new run's version that
    it belongs to. item_key: which item of a `for_each`; empty for a step without one, and for items from before
    items had keys, which item_index tells apart. status: `succeeded` or `skipped` where the effect is closed;
    `sending` where it is in doubt and must be settled first: then fields are the values that were sent, tried_at
    when they first were. Of one item several tries may be in doubt, each with the key that it went under.
    """

    __tablename__ = "carried_effect"

    run_id: int = Field(sa_column=Column(BigKey, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True))
    step_name: str = Field(sa_column=Column(Text, primary_key=True))
    item_key: str = Field(default="", sa_column=Column(Text, primary_key=True))
    item_index: int = Field(default=0, sa_column=Column(Integer, primary_key=True))
    status: DeliveryStatus = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    fields: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    outputs: dict[str, Any] | None = Field(default=None, sa_column=Column(Json, nullable=True))
    idempotency_key: str = Field(sa_column=Column(Text, primary_key=True))
    tried_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
