"""The search index: it lags behind writes by a settable delay, holds what the documentation says, and no more."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import custom_values
from .fields import SEARCHABLE_TYPES
from .state import Account, Change, Id, Record

FIELDS: dict[str, tuple[str, ...]] = {
    "deal": ("title", "notes", "custom_fields"),
    "person": ("name", "email", "phone", "notes", "custom_fields"),
    "organization": ("name", "address", "notes", "custom_fields"),
    "lead": ("title", "notes", "custom_fields"),
    "product": ("name", "code", "custom_fields"),
}
FILTERS: dict[str, dict[str, str]] = {
    "deal": {"person_id": "person_id", "organization_id": "org_id", "status": "status"},
    "person": {"organization_id": "org_id"},
    "organization": {},
    "lead": {"person_id": "person_id", "organization_id": "organization_id"},
    "product": {},
}
_NOTE_LINKS = {"deal_id": "deal", "person_id": "person", "org_id": "organization", "lead_id": "lead"}
FILTERED_AT_MOST = 2000


@dataclass
class _Document:
    """A record as the index knows it. texts: searched field -> its texts; lowered: the same, lower-cased."""

    record: Record
    texts: dict[str, list[str]]
    lowered: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lowered = {key: [text.lower() for text in texts] for key, texts in self.texts.items()}


class SearchIndex:
    """Called under the account's lock.

    delay_s: how long a write stays invisible to searches, on the clock `monotonic_s`.
    """

    def __init__(self, account: Account) -> None:
        self.delay_s = 0.0
        self.monotonic_s: Callable[[], float] = time.monotonic
        self._account = account
        self._documents: dict[str, dict[Id, _Document]] = {entity: {} for entity in FIELDS}
        self._notes: dict[tuple[str, Any], dict[Id, str]] = {}
        self._waiting: deque[tuple[float, str, Id, Record | None]] = deque()

    def take(self, change: Change) -> None:
        if change.entity not in FIELDS and change.entity != "note":
            return
        due = self.monotonic_s() + self.delay_s if self.delay_s > 0 else 0.0
        self._waiting.append((due, change.entity, change.entity_id, change.record))

    def rebuild(self) -> None:
        """Index everything now, as after a restart."""
        self._waiting.clear()
        for entity in (*FIELDS, "note"):
            for record in self._account.live(entity):
                self._index(entity, record["id"], record)

    def find(
        self, entity: str, term: str, fields: tuple[str, ...], exact: bool, narrowed: dict[str, Any]
    ) -> Iterator[tuple[float, Record]]:
        """Score and record of each hit, in id order; case never matters."""
        self._catch_up()
        wanted = term.lower()
        seen = 0
        for document in list(self._documents[entity].values()):
            if any(document.record.get(key) != value for key, value in narrowed.items()):
                continue
            seen += 1
            if narrowed and seen > FILTERED_AT_MOST:
                return
            score = self._score(entity, document, wanted, fields, exact)
            if score:
                yield score, document.record

    def find_by_field(self, entity: str, code: str, term: str, match: str) -> Iterator[tuple[Record, str]]:
        """Record and matched text; here case does matter."""
        self._catch_up()
        for document in list(self._documents[entity].values()):
            for text in self._texts_of_field(entity, document, code):
                found = {"exact": text == term, "beginning": text.startswith(term), "middle": term in text}
                if found[match]:
                    yield document.record, text

    def _texts_of_field(self, entity: str, document: _Document, code: str) -> list[str]:
        built_in = {"emails": "email", "phones": "phone"}.get(code, code)
        if built_in in document.texts and built_in not in ("notes", "custom_fields"):
            return document.texts[built_in]
        definition = self._account.fields.get(entity, code)
        if definition is None or not definition.is_custom:
            return []
        text = custom_values.searchable_text(definition, document.record["custom_fields"].get(code))
        return [] if text is None else [text]

    def _score(
        self, entity: str, document: _Document, wanted: str, fields: tuple[str, ...], exact: bool
    ) -> float:
        best = 0.0
        for name in fields:
            texts = document.lowered.get(name, [])
            if name == "notes":
                notes = self._notes.get((entity, document.record["id"]), {})
                texts = [text.lower() for text in notes.values()]
            for text in texts:
                if text == wanted:
                    return 0.9
                if not exact and wanted in text:
                    best = max(best, round(0.8 * len(wanted) / len(text), 4))
        return best

    def _catch_up(self) -> None:
        now = self.monotonic_s()
        while self._waiting and self._waiting[0][0] <= now:
            _, entity, record_id, record = self._waiting.popleft()
            self._index(entity, record_id, record)

    def _index(self, entity: str, record_id: Id, record: Record | None) -> None:
        if entity == "note":
            self._index_note(record_id, record)
        elif record is None or record.get("is_archived"):
            self._documents[entity].pop(record_id, None)
        else:
            self._documents[entity][record_id] = _Document(record, self._texts(entity, record))

    def _index_note(self, note_id: Id, note: Record | None) -> None:
        for texts in self._notes.values():
            texts.pop(note_id, None)
        for key, entity in _NOTE_LINKS.items() if note is not None else ():
            if note is not None and note[key] is not None:
                self._notes.setdefault((entity, note[key]), {})[note_id] = note["content"]

    def _texts(self, entity: str, record: Record) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = {}
        for key in ("title", "name", "code"):
            if record.get(key):
                texts[key] = [record[key]]
        if entity == "person":
            texts["email"] = [item["value"] for item in record["emails"]]
            texts["phone"] = [item["value"] for item in record["phones"]]
        if entity == "organization" and record["address"]:
            texts["address"] = [record["address"]["value"]]
        texts["custom_fields"] = [
            text
            for definition in self._account.fields.custom(entity)
            if (
                text := custom_values.searchable_text(
                    definition, record["custom_fields"].get(definition.code)
                )
            )
        ]
        return texts

    def item(self, entity: str, record: Record) -> Record:
        """A hit in the search's own shape: plain lists of texts and small objects."""
        texts = self._texts(entity, record)
        notes = list(self._notes.get((entity, record["id"]), {}).values())
        owner = {"id": record["owner_id"]}
        head: Record = {"id": record["id"], "type": entity}
        tail: Record = {"custom_fields": texts["custom_fields"], "notes": notes}
        visible = {"visible_to": int(record["visible_to"]), "owner": owner}
        if entity == "product":
            plain = {"name": record["name"], "code": record["code"]}
            return {**head, **plain, **visible, "custom_fields": texts["custom_fields"]}
        if entity == "organization":
            address = record["address"]["value"] if record["address"] else None
            return {**head, "name": record["name"], "address": address, **visible, **tail}
        if entity == "person":
            details = {"phones": texts["phone"], "emails": texts["email"]}
            company = self._small("organization", record["org_id"], "address")
            return {**head, "name": record["name"], **details, **visible, "organization": company, **tail}
        person = self._small("person", record["person_id"])
        if entity == "lead":
            money = record["value"] or {"amount": None, "currency": None}
            return {
                **{**head, "title": record["title"], "owner": owner, "person": person},
                "organization": self._small("organization", record["organization_id"]),
                **{"phones": [], "emails": [], **tail, "value": money["amount"]},
                **{"currency": money["currency"], "visible_to": int(record["visible_to"])},
                "is_archived": record["is_archived"],
            }
        return {
            **{**head, "title": record["title"], "value": record["value"], "currency": record["currency"]},
            **{"status": record["status"], **visible, "stage": self._small("stage", record["stage_id"])},
            **{"person": person, "organization": self._small("organization", record["org_id"])},
            **{**tail, "is_archived": record["is_archived"]},
        }

    def _small(self, entity: str, record_id: Any, *more: str) -> Record | None:
        row = self._account.tables[entity].get(record_id)
        if row is None:
            return None
        small = {"id": row["id"], "name": row["name"]}
        for key in more:
            value = row.get(key)
            small[key] = value["value"] if isinstance(value, dict) else value
        return small


def is_searchable(account: Account, entity: str, code: str) -> bool:
    """Whether `/itemSearch/field` takes this field code."""
    built_in = {"emails": "email", "phones": "phone"}.get(code, code)
    if built_in in FIELDS[entity] and built_in not in ("notes", "custom_fields"):
        return True
    definition = account.fields.get(entity, code)
    return definition is not None and definition.is_custom and definition.type in SEARCHABLE_TYPES
