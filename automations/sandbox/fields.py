"""Field definitions: built-in ones, custom ones with 40-character codes, and their options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

CUSTOM_TYPES = (
    "varchar",
    "varchar_auto",
    "text",
    "double",
    "monetary",
    "enum",
    "set",
    "user",
    "org",
    "people",
    "phone",
    "date",
    "daterange",
    "time",
    "timerange",
    "address",
)
SEARCHABLE_TYPES = frozenset({"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"})

_BUILT_IN: dict[str, list[tuple[str, str, str]]] = {
    "deal": [
        ("id", "ID", "int"),
        ("title", "Title", "varchar"),
        ("value", "Value", "monetary"),
        ("currency", "Currency", "varchar"),
        ("label_ids", "Label", "set"),
        ("owner_id", "Owner", "user"),
        ("person_id", "Contact person", "people"),
        ("org_id", "Organization", "org"),
        ("pipeline_id", "Pipeline", "double"),
        ("stage_id", "Stage", "stage"),
        ("status", "Status", "status"),
        ("probability", "Probability", "int"),
        ("expected_close_date", "Expected close date", "date"),
        ("lost_reason", "Lost reason", "varchar_options"),
        ("visible_to", "Visible to", "visible_to"),
        ("add_time", "Deal created", "date"),
        ("update_time", "Update time", "date"),
    ],
    "person": [
        ("id", "ID", "int"),
        ("name", "Name", "varchar"),
        ("first_name", "First name", "varchar"),
        ("last_name", "Last name", "varchar"),
        ("emails", "Email", "varchar"),
        ("phones", "Phone", "phone"),
        ("label_ids", "Label", "set"),
        ("owner_id", "Owner", "user"),
        ("org_id", "Organization", "org"),
        ("visible_to", "Visible to", "visible_to"),
        ("add_time", "Person created", "date"),
        ("update_time", "Update time", "date"),
    ],
    "organization": [
        ("id", "ID", "int"),
        ("name", "Name", "varchar"),
        ("address", "Address", "address"),
        ("label_ids", "Label", "set"),
        ("owner_id", "Owner", "user"),
        ("visible_to", "Visible to", "visible_to"),
        ("add_time", "Organization created", "date"),
        ("update_time", "Update time", "date"),
    ],
    "product": [
        ("id", "ID", "int"),
        ("name", "Name", "varchar"),
        ("code", "Product code", "varchar"),
        ("unit", "Unit", "varchar"),
        ("tax", "Tax", "double"),
        ("owner_id", "Owner", "user"),
        ("visible_to", "Visible to", "visible_to"),
    ],
    "activity": [
        ("id", "ID", "int"),
        ("subject", "Subject", "varchar"),
        ("type", "Type", "enum"),
        ("due_date", "Due date", "date"),
        ("due_time", "Due time", "time"),
        ("duration", "Duration", "time"),
        ("done", "Done", "boolean"),
        ("owner_id", "Assigned to user", "user"),
        ("deal_id", "Deal", "deal"),
        ("person_id", "Contact person", "people"),
        ("org_id", "Organization", "org"),
        ("note", "Note", "text"),
        ("priority", "Priority", "enum"),
    ],
}
_LABELS = (("Hot", "red"), ("Warm", "yellow"), ("Cold", "blue"), ("Customer", "green"))
_SUBFIELDS = {
    "monetary": [("value", "Amount", "double"), ("currency", "Currency", "varchar")],
    "daterange": [("value", "Start", "date"), ("until", "End", "date")],
    "timerange": [("value", "Start", "time"), ("until", "End", "time"), ("timezone_name", "Zone", "varchar")],
    "time": [("value", "Time", "time"), ("timezone_name", "Zone", "varchar")],
}


@dataclass
class FieldDefinition:
    """One field of an entity. options: `{"id", "label", "color"}` for enum and set fields."""

    entity: str
    code: str
    name: str
    type: str
    is_custom: bool
    options: list[dict[str, Any]] = field(default_factory=list)

    def option_ids(self) -> set[Any]:
        return {option["id"] for option in self.options}

    def option_label(self, option_id: Any) -> str | None:
        return next((option["label"] for option in self.options if option["id"] == option_id), None)

    def as_v2(self) -> dict[str, Any]:
        """The shape of `GET /api/v2/…Fields`."""
        subfields = [
            {"field_code": code, "field_name": f"{label} of {self.name}", "field_type": kind}
            for code, label, kind in _SUBFIELDS.get(self.type, ())
        ]
        return {
            "field_name": self.name,
            "field_code": self.code,
            "description": None,
            "field_type": self.type,
            "options": self.options or None,
            "subfields": subfields or None,
            "is_custom_field": self.is_custom,
            "is_optional_response_field": False,
        }

    def as_v1(self, number: int) -> dict[str, Any]:
        """The shape of `GET /v1/leadFields` and `/v1/noteFields`."""
        options = [{"id": option["id"], "label": option["label"]} for option in self.options]
        return {
            "id": number,
            "key": self.code,
            "name": self.name,
            "order_nr": number,
            "field_type": self.type,
            "active_flag": True,
            "edit_flag": self.is_custom,
            "mandatory_flag": self.code in ("title", "name"),
            "options": options or None,
        }


class FieldCatalogue:
    """All field definitions of the account; leads share those of deals."""

    def __init__(self) -> None:
        self._by_entity: dict[str, dict[str, FieldDefinition]] = {}
        self._next_option = 41
        self._made = 0
        for entity, rows in _BUILT_IN.items():
            self._by_entity[entity] = {
                code: FieldDefinition(entity, code, name, kind, is_custom=False) for code, name, kind in rows
            }
        for entity in ("deal", "person", "organization"):
            self._by_entity[entity]["label_ids"].options = [
                self._new_option(label, color) for label, color in _LABELS
            ]
        priority = self._by_entity["activity"]["priority"]
        priority.options = [self._new_option(label, None) for label in ("Low", "Medium", "High")]

    def of(self, entity: str) -> list[FieldDefinition]:
        return list(self._by_entity.get("deal" if entity == "lead" else entity, {}).values())

    def custom(self, entity: str) -> Iterator[FieldDefinition]:
        return (definition for definition in self.of(entity) if definition.is_custom)

    def get(self, entity: str, code: str) -> FieldDefinition | None:
        return self._by_entity.get("deal" if entity == "lead" else entity, {}).get(code)

    def by_name(self, entity: str, name: str) -> FieldDefinition:
        """The first field of that label. Raises KeyError when there is none."""
        for definition in self.of(entity):
            if definition.name == name:
                return definition
        raise KeyError(f"{entity} has no field {name!r}")

    def label_ids(self, entity: str) -> set[Any]:
        definition = self.get(entity, "label_ids")
        return definition.option_ids() if definition else set()

    def add(self, entity: str, name: str, kind: str, options: list[str] | None = None) -> FieldDefinition:
        """Add a custom field; its code is 40 hexadecimal digits, the same for the same order of additions."""
        if kind not in CUSTOM_TYPES:
            raise ValueError(f"{kind!r} is not a custom field type; choose one of {', '.join(CUSTOM_TYPES)}")
        self._made += 1
        code = hashlib.sha1(f"{entity}/{name}/{self._made}".encode(), usedforsecurity=False).hexdigest()
        definition = FieldDefinition(entity, code, name, kind, is_custom=True)
        definition.options = [self._new_option(label, None) for label in options or ()]
        self._by_entity.setdefault(entity, {})[code] = definition
        return definition

    def remove(self, entity: str, code: str) -> None:
        definition = self._by_entity[entity][code]
        if not definition.is_custom:
            raise ValueError(f"{definition.name} is built in and cannot be removed")
        del self._by_entity[entity][code]

    def _new_option(self, label: str, color: str | None) -> dict[str, Any]:
        option = {"id": self._next_option, "label": label, "color": color}
        self._next_option += 1
        return option

    def snapshot(self) -> dict[str, Any]:
        rows = [asdict(row) for entity in self._by_entity.values() for row in entity.values()]
        return {"next_option": self._next_option, "made": self._made, "fields": rows}

    def restore(self, saved: dict[str, Any]) -> None:
        self._next_option, self._made = saved["next_option"], saved["made"]
        self._by_entity = {}
        for row in saved["fields"]:
            self._by_entity.setdefault(row["entity"], {})[row["code"]] = FieldDefinition(**row)
