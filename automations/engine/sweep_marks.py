"""How far each entity of each account was looked through, and what the last look found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from automations.model.columns import micros
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.made import SweepMark

_BEGIN = """
INSERT INTO sweep_mark (connection_id, entity, begun_at, swept_until, swept_at, expected, received, recovered,
  recovered_ever) VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0) ON CONFLICT (connection_id, entity) DO NOTHING
"""
_FORGET = "DELETE FROM sweep_mark WHERE connection_id=? AND entity=?"
_PUT = """
UPDATE sweep_mark SET swept_until=?, swept_at=?, expected=?, received=?, recovered=?,
  recovered_ever=recovered_ever+? WHERE connection_id=? AND entity=? AND swept_until<?
"""


@dataclass(frozen=True)
class SweepResult:
    """What the last look at one account found, over all its entities; at: the oldest of them."""

    connection_id: int
    connection: str
    entities: tuple[str, ...]
    at: datetime
    expected: int
    received: int
    recovered: int
    recovered_ever: int

    @property
    def sentence(self) -> str:
        return f"expected {self.expected:,}, received {self.received:,}, recovered {self.recovered:,}"


class SweepMarks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, connection_id: int, entities: Collection[str], now: datetime) -> None:
        """Begin to look after entities that nobody looked after before; what happened earlier is not missed."""
        rows = [(connection_id, entity, micros(now), micros(now), micros(now)) for entity in entities]
        if rows:
            with self._database.connect_for_write() as connection:
                connection.exec_driver_sql(self._database.sql(_BEGIN), rows)

    def forget(self, connection_id: int, entities: Collection[str]) -> None:
        """Look after these entities no more: what happens until somebody wants them again is not missed."""
        with self._database.connect_for_write() as connection:
            for entity in entities:
                connection.exec_driver_sql(self._database.sql(_FORGET), (connection_id, entity))

    def of(self, connection_id: int) -> dict[str, SweepMark]:
        """Return the marks of an account by entity."""
        with self._database.read() as session:
            rows = session.exec(select(SweepMark).where(col(SweepMark.connection_id) == connection_id))
            return {row.entity: row for row in rows}

    def put(
        self, connection_id: int, entity: str, until: datetime, now: datetime, found: tuple[int, int, int]
    ) -> None:
        """Note that everything before `until` is known. found: expected, received, recovered.

        Done twice it counts once.
        """
        values = (
            micros(until), micros(now), *found, found[2], connection_id, entity, micros(until)
        )  # fmt: skip
        with self._database.connect_for_write() as connection:
            connection.exec_driver_sql(self._database.sql(_PUT), values)

    def results(self) -> Sequence[SweepResult]:
        """Return what the last looks found, by connection name; those never looked at are left out."""
        with self._database.read() as session:
            rows = session.exec(
                select(SweepMark, Connection.name)
                .join(Connection, col(Connection.id) == col(SweepMark.connection_id))
                .order_by(col(Connection.name), col(SweepMark.entity))
            ).all()
        by_name: dict[str, list[SweepMark]] = {}
        for mark, name in rows:
            by_name.setdefault(name, []).append(mark)
        return [_together(name, marks) for name, marks in by_name.items()]


def _together(name: str, found: list[SweepMark]) -> SweepResult:
    return SweepResult(
        found[0].connection_id,
        name,
        tuple(mark.entity for mark in found),
        min(mark.swept_at for mark in found),
        sum(mark.expected for mark in found),
        sum(mark.received for mark in found),
        sum(mark.recovered for mark in found),
        sum(mark.recovered_ever for mark in found),
    )
