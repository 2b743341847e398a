"""Finding the one record that a value means, and creating it when there is none.

The rules, for every entity: a look-up that fails raises and nothing is created after it; Pipedrive's search is
only a first guess, each hit is fetched and its field compared; zero, one and many have their stated outcome.
`find_or_create` is the only place that may create after a look-up: it holds the match value for one worker at
a time, and remembers what it made, because the search lags behind.

Source: Pipedrive API v2 "Search persons/organizations/deals" (exact_match ignores case; only some field types
are indexed), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from automations.connectors.pipedrive import account, contact_details, records, values
from automations.connectors.pipedrive.narrowing import whole_number
from automations.engine.contracts import JsonObject
from automations.errors import AmbiguousMatchError, FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

Mode = Literal["upsert", "update_only", "create_only"]
IfMany = Literal["stop", "oldest", "newest", "merge"]

_BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "person": ("id", "email", "phone", "name"),
    "organization": ("id", "name"),
    "deal": ("id", "title"),
}
_SEARCHABLE = frozenset({"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"})
_SPELLINGS = {"emails": "email", "e-mail": "email", "phones": "phone"}
_CAN_MERGE = frozenset({"person", "organization", "deal"})
_LOOKED_BACK = 100
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


@dataclass(frozen=True)
class Found:
    """record: None when there is none and none was to be made. merged: ids that went into it."""

    record: JsonObject | None
    created: bool = False
    merged: tuple[int, ...] = ()


def match_for(client: PipedriveClient, entity: str, field: str, value: Any) -> Match:
    """Return what to look for. field: built-in name, or a custom field's label or key.

    Raises FieldsError when the field cannot be searched, naming those that can, and when the value is empty.
    """
    name = _SPELLINGS.get(field.strip().lower(), field.strip())
    text = _value_text(entity, name, value)
    built_in = name.lower()
    if built_in in _BUILT_IN[entity]:
        if built_in == "id" and whole_number(text) is None:
            raise account.wrong(f"{entity} id", value, "the id of a record, a whole number")
        kind = "name" if built_in in ("name", "title") else built_in
        return Match(entity, built_in, built_in, text, kind)
    definition = account.field_called(client, entity, name)
    if definition is None:
        return Match(entity, name, name, text, "text")
    if definition["type"] not in _SEARCHABLE:
        raise account.wrong(
            "match_field",
            definition["name"],
            f"a field that Pipedrive can search ({_searchable(client, entity)})",
        )
    kinds = {"double": "number", "monetary": "number", "phone": "phone"}
    return Match(
        entity, str(definition["id"]), str(definition["name"]), text, kinds.get(definition["type"], "text")
    )


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


def _searchable(client: PipedriveClient, entity: str) -> str:
    custom = [
        str(entry["name"])
        for entry in client.lists.fields(entity) or ()
        if entry["is_custom"] and entry["type"] in _SEARCHABLE
    ]
    return ", ".join([*_BUILT_IN[entity], *custom])


# -- comparing ------------------------------------------------------------------------------------


def is_hit(match: Match, record: JsonObject) -> bool:
    """Tell whether the record really holds the value in that field."""
    return any(_key(match.kind, held) == _key(match.kind, match.value) for held in _held(match, record))


def _held(match: Match, record: JsonObject) -> list[Any]:
    if match.field in ("email", "phone"):
        held = [entry.get("value") for entry in record.get(f"{match.field}s") or ()]
    elif records.is_custom_key(match.field):
        held = [(record.get("custom_fields") or {}).get(match.field)]
    else:
        held = [record.get(match.field)]
    plain = (value.get("value") if isinstance(value, dict) else value for value in held)
    return [value for value in plain if value is not None]


def _key(kind: str, value: Any) -> Any:
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
    return number if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS else text


# -- finding --------------------------------------------------------------------------------------


def find(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return every record that holds the value, oldest first. Raises when the look-up fails."""
    if match.field == "id":
        record = client.by_id(match.entity, whole_number(match.value) or 0)
        return [record] if record else []
    fetched = client.by_ids(match.entity, client.search(match.entity, _term(match), match.search_field))
    return sorted((record for record in fetched.values() if is_hit(match, record)), key=_age)


def _term(match: Match) -> str:
    """Return the spelling to search for: the index compares texts, though without regard to case."""
    if match.kind == "email":
        return contact_details.email_key(match.value)
    if match.kind == "name":
        return " ".join(match.value.split())
    number = _key("number", match.value) if match.kind == "number" else None
    if isinstance(number, Decimal) and number == number.to_integral_value():
        return str(int(number))
    return match.value


def find_after_doubt(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return the same when a create may just have happened: the search lags, so the newest are looked at, too."""
    found = find(client, match)
    if found or match.field == "id":
        return found
    newest = client.newest(match.entity, "id", most=_LOOKED_BACK)
    return sorted((record for record in newest if is_hit(match, record)), key=_age)


def _age(record: JsonObject) -> tuple[str, Any]:
    return str(record.get("add_time") or ""), record.get("id")


def choose(client: PipedriveClient, match: Match, found: list[JsonObject], if_many: IfMany) -> Found:
    """Return the one record that several hits stand for.

    Raises AmbiguousMatchError with the candidates where the author wants to decide (`stop`).
    """
    if len(found) <= 1:
        return Found(found[0] if found else None)
    if if_many == "newest":
        return Found(found[-1])
    if if_many == "oldest":
        return Found(found[0])
    if if_many == "merge" and match.entity in _CAN_MERGE:
        return _merge_into_oldest(client, match, found)
    candidates = [
        {
            "id": record["id"],
            "label": records.label_of(match.entity, record),
            "add_time": record.get("add_time"),
        }
        for record in found
    ]
    listed = ", ".join(str(one["label"]) for one in candidates[:10])
    raise AmbiguousMatchError(
        f"{len(found)} {match.entity}s have {match.words}: {listed}. Merge them in Pipedrive, or choose in the step "
        "what to do with several.",
        candidates=candidates,
    )


def _merge_into_oldest(client: PipedriveClient, match: Match, found: list[JsonObject]) -> Found:
    stays, *others = found
    for other in others:
        client.merge(match.entity, other["id"], stays["id"])
    now = client.by_id(match.entity, stays["id"])
    return Found(now or stays, merged=tuple(other["id"] for other in others))


def find_or_create(
    client: PipedriveClient,
    match: Match,
    *,
    mode: Mode,
    if_many: IfMany,
    create: Callable[[], JsonObject],
    in_doubt: bool = False,
) -> Found:
    """Return the record that holds the match value, made by `create` when there is none and `mode` allows it.

    in_doubt: an earlier attempt may have created it a moment ago.
    """
    if match.field == "id":
        return _by_id(client, match, mode)
    # One worker at a time for a match value: two events about somebody new must make one record.
    with client.directory.alone(f"{match.entity}:{match.field}:{_identity(match)}"):
        look = find_after_doubt if in_doubt else find
        found = look(client, match) or _just_made(client, match)
        if found or mode == "update_only":
            return choose(client, match, found, if_many)
        record = create()
        if record.get("id") is not None:
            client.directory.remember(match.entity, match.field, _identity(match), str(record["id"]))
        return Found(record, created=True)


def _by_id(client: PipedriveClient, match: Match, mode: Mode) -> Found:
    found = find(client, match)
    if not found and mode != "update_only":
        raise account.wrong(
            f"{match.entity} id",
            match.value,
            "the id of a record that is there; Pipedrive gives ids itself, so it cannot be created with this one",
        )
    return Found(found[0] if found else None)


def _identity(match: Match) -> str:
    return str(_key(match.kind, match.value))


def _just_made(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return the record that we made for this value a moment ago, which the search may not know yet."""
    known = client.directory.known(match.entity, match.field, _identity(match))
    if known is None:
        return []
    record = client.by_id(match.entity, whole_number(known) or 0)
    if record is not None and is_hit(match, record):
        return [record]
    client.directory.forget(match.entity, match.field, _identity(match))
    return []
