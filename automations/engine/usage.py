"""What history takes, recipe by recipe: counted where counting is cheap, estimated where it is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from automations.clock import Clock
from automations.engine.disk import Disk
from automations.engine.packer import SET_FACT
from automations.model.columns import moment
from automations.model.database import Database

FACT: Final = "storage"
RECENT: Final = timedelta(minutes=10)
_EXAMPLES: Final = 60


@dataclass(frozen=True)
class RecipeUsage:
    """runs: counted. bytes_about: these runs times the mean of some of them, with their events."""

    recipe: str
    runs: int
    parked: int
    bytes_about: int
    oldest_run_at: str


@dataclass(frozen=True)
class Usage:
    """What was found at a time. used_bytes: all rows; file_bytes, free_bytes: None for PostgreSQL.

    owed_bytes_about: of parked and open runs, which nothing removes.
    """

    looked_at: str
    used_bytes: int
    budget_bytes: int
    file_bytes: int | None
    free_bytes: int | None
    owed_bytes_about: int
    gives_back: bool
    recipes: list[RecipeUsage] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.used_bytes > self.budget_bytes

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "is_over": self.is_over}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Usage:
        kept = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        return cls(**{**kept, "recipes": [RecipeUsage(**one) for one in kept.get("recipes", [])]})


class UsageBook:
    """Looks, and remembers what it found for pages that must not look themselves."""

    def __init__(self, database: Database, clock: Clock, disk: Disk, budget_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._disk = disk
        self._budget_bytes = budget_bytes

    def last(self) -> Usage | None:
        """Return what was found last, None when nobody has looked yet."""
        with self._database.connect_for_read() as connection:
            sql = self._database.sql("SELECT value FROM installation WHERE name=?")
            text = connection.exec_driver_sql(sql, (FACT,)).scalar()
        return Usage.from_json(orjson.loads(text)) if text else None

    def recent(self) -> Usage:
        """Return what was found within `RECENT`, or look anew."""
        found = self.last()
        if found is None or not found.recipes or found.looked_at < _text(self._clock.now() - RECENT):
            return self.look()
        return found

    def look(self) -> Usage:
        """Look anew and remember it. At a million runs this takes about a second."""
        recipes, owed = self._recipes()
        found = Usage(
            looked_at=_text(self._clock.now()),
            used_bytes=self._disk.used_bytes(),
            budget_bytes=self._budget_bytes,
            file_bytes=self._disk.file_bytes(),
            free_bytes=self._disk.free_bytes(),
            owed_bytes_about=owed,
            gives_back=self._disk.gives_back(),
            recipes=recipes,
        )
        with self._database.connect_for_write() as connection:
            text = orjson.dumps(found.as_json()).decode()
            connection.exec_driver_sql(self._database.sql(SET_FACT), (FACT, text))
        return found

    def _recipes(self) -> tuple[list[RecipeUsage], int]:
        found: list[RecipeUsage] = []
        owed = 0
        with self._database.connect_for_read() as connection:
            names = connection.exec_driver_sql("SELECT id, name FROM recipe ORDER BY name").all()
            counted: dict[int, dict[str, int]] = {}
            for recipe_id, status, count in connection.exec_driver_sql(_COUNTS):
                counted.setdefault(recipe_id, {})[status] = count
            for recipe_id, name in names:
                counts = counted.get(recipe_id)
                if counts is None:
                    continue
                row = connection.exec_driver_sql(self._database.sql(_OLDEST), (recipe_id,)).first()
                mean = connection.exec_driver_sql(self._database.sql(_MEAN), (recipe_id, _EXAMPLES)).scalar()
                runs, size = sum(counts.values()), float(mean or 0)
                owed += int(size * sum(n for status, n in counts.items() if status not in _ENDED))
                oldest = _text(moment(row[0])) if row else ""
                found.append(RecipeUsage(name, runs, counts.get("parked", 0), int(runs * size), oldest))
        return sorted(found, key=lambda one: -one.bytes_about), owed


_ENDED: Final = ("succeeded", "filtered", "cancelled")


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


_COUNTS = "SELECT recipe_id, status, COUNT(*) FROM run GROUP BY recipe_id, status"
_OLDEST = "SELECT created_at FROM run WHERE recipe_id=? ORDER BY id LIMIT 1"
# The constant stands for what a run's rows and index entries take beside their long columns.
_MEAN = """
SELECT AVG(900 + LENGTH(COALESCE(r.memory, '')) + LENGTH(e.payload) + COALESCE((
  SELECT SUM(400 + LENGTH(COALESCE(d.fields, '')) + LENGTH(COALESCE(d.outputs, '')) + COALESCE((
    SELECT SUM(100 + LENGTH(a.exchanges)) FROM attempt a WHERE a.delivery_id = d.id), 0))
  FROM delivery d WHERE d.run_id = r.id), 0))
FROM (SELECT id, event_id, memory FROM run WHERE recipe_id=? ORDER BY id DESC LIMIT ?) r
JOIN event e ON e.id = r.event_id
"""
