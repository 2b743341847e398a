"""What the guards did to recipes, for people to see and to end: circles that were cut, fuses that tripped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as SqlConnection
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import signals
from automations.engine.held_runs import cancel_held, let_held_go
from automations.errors import InputError, NotFoundError
from automations.model.columns import micros, storable, storable_key
from automations.model.database import Database
from automations.model.guards import Stop
from automations.model.recipe import Recipe

CIRCLE = "circle"
FUSE = "fuse"
_TRIPPED = f"over_at IS NULL AND kind='{FUSE}'"
#: An expression that a statement may read beside events: whether any recipe is held back.
ANY_FUSE = f"EXISTS (SELECT 1 FROM stop WHERE {_TRIPPED})"  # noqa: S608 - names only


@dataclass(frozen=True)
class OpenStop:
    """A stop that nobody has ended yet. waiting: runs that are held back by it."""

    id: int
    recipe_id: int
    recipe: str
    kind: str
    record_key: str
    reason: str
    count: int
    began_at: datetime
    seen_at: datetime
    waiting: int = 0


class Stops:
    """Thread-safe. `ring` wakes the workers."""

    def __init__(self, database: Database, clock: Clock, ring: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring

    def open(self, recipe_id: int | None = None) -> list[OpenStop]:
        """Return what is not over, newest first."""
        query = select(Stop, Recipe.name).join(Recipe, col(Recipe.id) == col(Stop.recipe_id))
        query = query.where(col(Stop.over_at).is_(None)).order_by(col(Stop.id).desc())
        if recipe_id is not None:
            query = query.where(col(Stop.recipe_id) == recipe_id)
        with self._database.read() as session:
            rows = session.exec(query).all()
        return [
            OpenStop(
                row.id or 0, row.recipe_id, name, row.kind, row.record_key, row.reason, row.count,
                row.began_at, row.seen_at, self._waiting(row),
            )
            for row, name in rows
        ]  # fmt: skip

    def _waiting(self, stop: Stop) -> int:
        if stop.kind != FUSE:
            return 0
        sql = "SELECT COUNT(*) FROM run WHERE recipe_id=? AND status='queued' AND connection_id<0"
        with self._database.connect_for_read() as connection:
            found: int = connection.exec_driver_sql(self._database.sql(sql), (stop.recipe_id,)).scalar_one()
        return found

    def paused(self) -> set[int]:
        """Return the recipes whose fuse has tripped."""
        sql = f"SELECT recipe_id FROM stop WHERE {_TRIPPED}"  # noqa: S608 - names only
        with self._database.read_plain() as connection:
            return {row[0] for row in connection.exec_driver_sql(sql)}

    def tell(self, recipe_id: int, kind: str, record_key: str, reason: str) -> None:
        """Note a stop; one that is open already only counts up. Told once, by the signal `recipe_stopped`."""
        now = micros(self._clock.now())
        again = "UPDATE stop SET count=count+1, seen_at=? WHERE recipe_id=? AND kind=? AND over_at IS NULL"
        with self._database.connect_for_write() as connection:
            found = connection.exec_driver_sql(self._database.sql(again), (now, recipe_id, kind)).rowcount
            if not found:
                row = (recipe_id, kind, storable_key(record_key), storable(reason), 1, now, now, "")
                connection.exec_driver_sql(self._database.sql(_INSERT), row)
        if not found:
            signals.tell("recipe-stopped", recipe_id=recipe_id, kind=kind, reason=reason)

    def reset_at(self, recipe_ids: Sequence[int]) -> dict[int, datetime]:
        """Return when the fuse of each was last put back by a person."""
        query = select(Stop.recipe_id, Stop.over_at).where(
            col(Stop.kind) == FUSE, col(Stop.over_at).is_not(None), col(Stop.recipe_id).in_(recipe_ids)
        )
        found: dict[int, datetime] = {}
        with self._database.read() as session:
            for recipe_id, over_at in session.exec(query):
                if over_at is not None:
                    found[recipe_id] = max(found.get(recipe_id, over_at), over_at)
        return found

    def end(self, recipe: str, *, by: str = "", drop: bool = False) -> int:
        """Let a recipe go on, and its circles count as seen; return how many held runs that was about.

        drop: cancel the held runs; they stay in the history and can be replayed.
        Raises NotFoundError for an unknown recipe, InputError when nothing holds it.
        """
        now = micros(self._clock.now())
        with self._database.connect_for_write() as connection:
            recipe_id = self._recipe_id(connection, recipe)
            ended = connection.exec_driver_sql(
                self._database.sql(
                    "UPDATE stop SET over_at=?, over_by=? WHERE recipe_id=? AND over_at IS NULL"
                ),
                (now, storable(by), recipe_id),
            ).rowcount
            if not ended:
                raise InputError(f"{recipe!r} is not held back by a guard; there is nothing to end.")
            if drop:
                count = cancel_held(self._database, connection, recipe_id, now)
            else:
                count = let_held_go(self._database, connection, recipe_id)
        self._ring()
        return count

    def _recipe_id(self, connection: SqlConnection, name: str) -> int:
        sql = self._database.sql("SELECT id FROM recipe WHERE name=?")
        row = connection.exec_driver_sql(sql, (storable(name),)).first()
        if row is None:
            raise NotFoundError(f"There is no recipe named {name!r}. `automations recipe list` shows them.")
        found: int = row[0]
        return found


_INSERT = """
INSERT INTO stop (recipe_id, kind, record_key, reason, count, began_at, seen_at, over_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
