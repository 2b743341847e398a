"""What a record is looked for by: which fields can find it, and when two values are the same.

`user_id` and `group_id` stand for the fields that the connection names as holding one's own user and account ids.

Source: Pipedrive API v2 "Search persons/organizations/deals/leads/products" (only some field types are indexed),
read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import account, contact_details, records, values
from automations.connectors.pipedrive.narrowing import whole_number
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient
    from automations.connectors.pipedrive.settings import PipedriveSettings

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "person": ("id", "email", "phone", "name"),
    "organization": ("id", "name"),
    "deal": ("id", "title"),
    "lead": ("id", "title"),
    "product": ("id", "code", "name"),
    "activity": ("id",),
    "note": ("id",),
}
SEARCHABLE = frozenset({"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"})
_ONLY_BY_ID = frozenset({"activity", "note"})
_SPELLINGS = {"emails": "email", "e-mail": "email", "phones": "phone"}
_OWN_IDS = {"person": "user_id", "organization": "group_id"}
_KINDS = {"double": "number", "monetary": "number", "phone": "phone"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_DIGITS = 40


@dataclass(frozen=True)
class Match:
    """What is looked for. field: a built-in name, or a custom field's key. shown: the field for people.

    value: trimmed. kind: how two values are compared (`id`, `email`, `phone`, `name`, `text`, `number`).
    """

    entity: str
    field: str
    shown: str
    value: str
    kind: str

    @property
    def words(self) -> str:
        return f"{self.shown} {self.value}"

    @property
    def search_field(self) -> str:
        return "custom_fields" if records.is_custom_key(self.field) else self.field

    @property
    def key(self) -> str:
        """The value as all its spellings have it in common."""
        return str(key_of(self.kind, self.value))


# -- which field ----------------------------------------------------------------------------------


def own_id_setting(entity: str, name: str) -> str:
    """Return the connection's setting that a match field such as `user_id` stands for; empty when none."""
    return f"{name}_field" if _OWN_IDS.get(entity) == name.lower() else ""


def field_meant(settings: PipedriveSettings, entity: str, name: str) -> str:
    """Return the field that a mapped name stands for, in its usual spelling."""
    name = name.strip()
    setting = own_id_setting(entity, name)
    return (getattr(settings, setting.lower()) if setting else "") or _SPELLINGS.get(name.lower(), name)


def match_for(client: PipedriveClient, entity: str, field: str, value: Any) -> Match:
    """Return what to look for. field: built-in name, or a custom field's label or key.

    Raises FieldsError when the field cannot be searched, naming those that can, and when the value is empty.
    """
    name = field_meant(client.settings, entity, field)
    text = _value_text(entity, name, value)
    built_in = name.lower()
    if built_in in BUILT_IN[entity]:
        return _by_built_in(entity, built_in, text, value)
    if entity in _ONLY_BY_ID:
        raise account.wrong("match_field", name, f"`id`; {_plural(entity)} can be found by nothing else")
    definition = account.field_called(client, entity, name)
    if definition is None:
        return Match(entity, name, name, text, "text")
    if definition["type"] not in SEARCHABLE:
        can = searchable(entity, client.lists.fields(entity) or ())
        raise account.wrong("match_field", definition["name"], f"a field that Pipedrive can search ({can})")
    kind = _KINDS.get(definition["type"], "text")
    return Match(entity, str(definition["id"]), str(definition["name"]), text, kind)


def _plural(entity: str) -> str:
    return "activities" if entity == "activity" else f"{entity}s"


def _by_built_in(entity: str, name: str, text: str, given: Any) -> Match:
    if name != "id":
        kind = "name" if name in ("name", "title", "code") else name
        return Match(entity, name, name, text, kind)
    if entity == "lead":
        if not _UUID.match(text.lower()):
            raise account.wrong(
                "lead id", given, "the id of a lead, such as adf21080-0e10-11eb-879b-05d71fb426ec"
            )
        return Match(entity, "id", "id", text.lower(), "text")
    if whole_number(text) is None:
        raise account.wrong(f"{entity} id", given, "the id of a record, a whole number")
    return Match(entity, "id", "id", text, "id")


def _value_text(entity: str, name: str, value: Any) -> str:
    try:
        text = values.as_text(value).strip()
    except ValueError:
        text = ""
    if not text:
        raise FieldsError(
            f"The {entity} cannot be looked up by {name}: the value is empty. Map a value, or narrow the recipe to "
            "events that have one.",
            field="match_value",
            wanted="a value",
        )
    return text


def searchable(entity: str, definitions: Iterable[Mapping[str, Any]]) -> str:
    """Return the fields that can find records of an entity, for people."""
    custom = [str(one["name"]) for one in definitions if one["is_custom"] and one["type"] in SEARCHABLE]
    return ", ".join([*BUILT_IN[entity], *custom])


# -- the same value -------------------------------------------------------------------------------


def is_hit(match: Match, record: JsonObject) -> bool:
    """Tell whether the record really holds the value in that field."""
    return any(key_of(match.kind, held) == key_of(match.kind, match.value) for held in _held(match, record))


def _held(match: Match, record: JsonObject) -> list[Any]:
    if match.field in ("email", "phone"):
        held = [entry.get("value") for entry in record.get(f"{match.field}s") or ()]
    elif records.is_custom_key(match.field):
        held = [(record.get("custom_fields") or {}).get(match.field)]
    else:
        held = [record.get(match.field)]
    plain = (value.get("value") if isinstance(value, dict) else value for value in held)
    return [value for value in plain if value is not None]


def key_of(kind: str, value: Any) -> Any:
    """Return what makes two values of a kind the same."""
    if kind == "email":
        return contact_details.email_key(value)
    if kind == "phone":
        return contact_details.phone_key(value)
    text = values.as_text(value) if isinstance(value, str | int | float) else str(value)
    if kind == "name":
        return " ".join(text.split()).casefold()
    if kind in ("number", "id"):
        return _number(text.strip())
    return text.strip()


def _number(text: str) -> Decimal | str:
    """Return a number that is one and has a sensible size; other texts compare as texts."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number.normalize() if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS else text


def term_of(match: Match) -> str:
    """Return the spelling to search for: the index compares texts, though without regard to case."""
    if match.kind == "email":
        return contact_details.email_key(match.value)
    if match.kind == "name":
        return " ".join(match.value.split())
    number = key_of("number", match.value) if match.kind == "number" else None
    if isinstance(number, Decimal) and number == number.to_integral_value():
        return str(int(number))
    return match.value
