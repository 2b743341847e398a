"""The account's records, in REST v2 shape, and the news of each change to them.

Records are never changed in place: a write puts a new dict in the table, so a reader's record stays as it was.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .fields import FieldCatalogue

Record = dict[str, Any]
Id = int | str
Action = Literal["create", "change", "delete"]

# Each kind counts from its own number, so that an id used for the wrong kind is noticed.
FIRST_IDS = {
    "pipeline": 1,
    "stage": 11,
    "organization": 61,
    "activity": 301,
    "note": 401,
    "person": 701,
    "product": 801,
    "deal_product": 901,
    "participant": 2101,
    "follower": 3101,
    "deal": 5001,
    "user": 9001,
}
ENTITIES = (*FIRST_IDS, "lead")
CURRENCIES = (
    ("EUR", "Euro", "€"),
    ("USD", "US Dollar", "$"),
    ("GBP", "British Pound", "£"),
    ("CHF", "Swiss Franc", "Fr"),
    ("PLN", "Polish Złoty", "zł"),
    ("SEK", "Swedish Krona", "kr"),
    ("INR", "Indian Rupee", "₹"),
)
ACTIVITY_TYPES = (
    ("call", "Call"),
    ("meeting", "Meeting"),
    ("task", "Task"),
    ("deadline", "Deadline"),
    ("email", "Email"),
    ("lunch", "Lunch"),
)
LEAD_LABELS = (
    ("8f0b7d10-4e75-11ef-9643-03698ef1cf01", "Hot", "red"),
    ("8f0b7d10-4e75-11ef-9643-03698ef1cf02", "Warm", "yellow"),
    ("8f0b7d10-4e75-11ef-9643-03698ef1cf03", "Cold", "blue"),
)


@dataclass(frozen=True)
class Actor:
    """Who writes. source: `api` or `app` (the web pages), as webhooks report it."""

    user_id: int
    source: Literal["api", "app"] = "api"


@dataclass(frozen=True)
class Change:
    """One write that happened. record: None after a delete; previous: the whole earlier record, None on create."""

    entity: str
    entity_id: Id
    action: Action
    record: Record | None
    previous: Record | None
    actor: Actor
    at: datetime
    merged_to_id: Id | None = None
    merged_from_id: Id | None = None


def stamp(at: datetime) -> str:
    """An API v2 time: RFC 3339, whole seconds, `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Account:
    """Every record and setting of one company.

    lock: held for every write and by whoever must see several tables as of one moment.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.lock = threading.RLock()
        self.company_id = 330114
        self.default_currency = "EUR"
        self.fields = FieldCatalogue()
        self.tables: dict[str, dict[Id, Record]] = {entity: {} for entity in ENTITIES}
        self._next = dict(FIRST_IDS)
        self._listeners: list[Callable[[Change], None]] = []

    def on_change(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` under the lock after each write, in the order of the writes."""
        self._listeners.append(listener)

    def new_id(self, entity: str) -> Id:
        if entity == "lead":
            return str(uuid.uuid4())
        self._next[entity] += 1
        return self._next[entity] - 1

    def get(self, entity: str, record_id: Any) -> Record | None:
        """The live record, or None when there is none or it was deleted."""
        record = self.tables[entity].get(record_id)
        return None if record is None or record.get("is_deleted") else record

    def exists(self, entity: str, record_id: Any) -> bool:
        return self.get(entity, record_id) is not None

    def live(self, entity: str) -> Iterator[Record]:
        """Live records, in the order they were made."""
        return (record for record in list(self.tables[entity].values()) if not record.get("is_deleted"))

    def put(self, change: Change, row: Record) -> None:
        """Store `row` and tell the listeners. The lock must be held."""
        self.tables[change.entity][change.entity_id] = row
        for listener in self._listeners:
            listener(change)

    def stages_of(self, pipeline_id: Any) -> list[Record]:
        stages = [stage for stage in self.live("stage") if stage["pipeline_id"] == pipeline_id]
        return sorted(stages, key=lambda stage: int(stage["order_nr"]))

    def snapshot(self) -> dict[str, Any]:
        tables = {entity: list(rows.values()) for entity, rows in self.tables.items()}
        return {"tables": tables, "next": dict(self._next), "fields": self.fields.snapshot()}

    def restore(self, saved: dict[str, Any]) -> None:
        self.fields.restore(saved["fields"])
        self._next.update(saved["next"])
        for entity, rows in saved["tables"].items():
            self.tables[entity] = {row["id"]: row for row in rows}
