"""Records as the REST API shows them: v2, and the older shapes of notes, leads and users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .custom_values import as_flat
from .entities import BY_NAME
from .state import Account, Record

_HIDDEN = {
    "deal": frozenset({"first_won_time", "source_lead_id"}),
    "activity": frozenset({"attendees"}),
}


@dataclass(frozen=True)
class Wanted:
    """What a reader asked to see beside the record. custom_fields: None means all of them."""

    include_fields: frozenset[str] = field(default_factory=frozenset)
    custom_fields: frozenset[str] | None = None
    option_labels: bool = False
    labels: bool = False


EVERYTHING = Wanted()


def as_v2(account: Account, name: str, record: Record, wanted: Wanted = EVERYTHING) -> Record:
    """A record as `/api/v2` answers it; every custom field of the account is there, null when unset."""
    hidden = _HIDDEN.get(name, frozenset()) - wanted.include_fields
    shown = {key: value for key, value in record.items() if key not in hidden}
    if BY_NAME[name].has_custom_fields:
        shown["custom_fields"] = _custom(account, name, record, wanted)
    if wanted.labels:
        definition = account.fields.get(name, "label_ids")
        options = definition.options if definition else []
        shown["labels"] = [
            {"id": option["id"], "label": option["label"]}
            for option in options
            if option["id"] in record["label_ids"]
        ]
    if name == "product":
        shown["prices"] = [{"product_id": record["id"], **price} for price in record["prices"]]
    for key in wanted.include_fields:
        shown.setdefault(key, _extra(account, name, record, key))
    return shown


def _custom(account: Account, name: str, record: Record, wanted: Wanted) -> dict[str, Any]:
    values = record["custom_fields"]
    shown: dict[str, Any] = {}
    for definition in account.fields.custom(name):
        if wanted.custom_fields is not None and definition.code not in wanted.custom_fields:
            continue
        value = values.get(definition.code)
        if wanted.option_labels and value is not None and definition.type == "enum":
            value = {"id": value, "label": definition.option_label(value)}
        elif wanted.option_labels and value is not None and definition.type == "set":
            value = [{"id": item, "label": definition.option_label(item)} for item in value]
        shown[definition.code] = value
    return shown


def _extra(account: Account, name: str, record: Record, key: str) -> Any:
    """An optional field: counts that the sandbox can know, nothing for the others."""
    link = {"person": "person_id", "organization": "org_id", "deal": "deal_id"}.get(name, "")
    for status in ("open", "closed", "won", "lost"):
        if key == f"{status}_deals_count":
            wanted = ("won", "lost") if status == "closed" else (status,)
            deals = (deal for deal in account.live("deal") if deal.get(link) == record["id"])
            return sum(1 for deal in deals if deal["status"] in wanted)
    counted = {"notes_count": "note", "activities_count": "activity", "people_count": "person"}.get(key)
    if counted is not None:
        return sum(1 for row in account.live(counted) if row.get(link) == record["id"])
    return 0 if key.endswith("_count") else None


def spaced(time: str | None) -> str | None:
    """An RFC 3339 time in the older API's form."""
    return None if time is None else time.replace("T", " ").removesuffix("Z")


def note_v1(account: Account, note: Record) -> Record:
    def linked(entity: str, key: str, shown: str) -> dict[str, Any] | None:
        row = account.tables[entity].get(note[key]) if note[key] is not None else None
        return None if row is None else {shown: row[shown]}

    author = account.tables["user"].get(note["user_id"], {})
    shown = {key: value for key, value in note.items() if key != "is_deleted"}
    return {
        **shown,
        "active_flag": not note["is_deleted"],
        "add_time": spaced(note["add_time"]),
        "update_time": spaced(note["update_time"]),
        "deal": linked("deal", "deal_id", "title"),
        "person": linked("person", "person_id", "name"),
        "organization": linked("organization", "org_id", "name"),
        "user": {"email": author.get("email"), "name": author.get("name"), "icon_url": None, "is_you": True},
    }


def lead_v1(account: Account, lead: Record) -> Record:
    shown = {key: value for key, value in lead.items() if key not in ("is_deleted", "custom_fields")}
    for key in ("add_time", "update_time"):
        shown[key] = lead[key].replace("Z", ".000Z")
    for definition in account.fields.custom("lead"):
        value = lead["custom_fields"].get(definition.code)
        if value is not None:
            shown.update(as_flat(definition, value))
    return shown


def user_v1(user: Record, me: Any) -> Record:
    return {**user, "is_you": user["id"] == me}
