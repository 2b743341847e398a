"""How triggers are narrowed: by pipeline, stage, owner or changed field, named as people name them or by id.

Each function answers None (let it through), NOT_YET (a list of the account is needed first), or why not, in
words that follow "because".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.connectors.pipedrive.listed import is_as_it_stands, was_is_unknown
from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.connectors.pipedrive.records import is_custom_key
from automations.engine.contracts import NOT_YET, DirectoryLike, NotYet, Occurrence

Answer = str | NotYet | None

# Fields that hold the id of something that has a name, and the list of those names.
_LISTED_BY = {
    "stage_id": "stages",
    "pipeline_id": "pipelines",
    "owner_id": "users",
    "creator_user_id": "users",
    "user_id": "users",
}


def whole_number(wanted: Any) -> int | None:
    """Return the id that `wanted` is, given as a number or as its digits; None when it is a name."""
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return wanted
    text = str(wanted).strip()
    return int(text) if len(text) < 19 and text.isdecimal() else None


def same_name(left: Any, right: Any) -> bool:
    return str(left).strip().casefold() == str(right).strip().casefold()


def in_list(
    what: str, wanted: int | str | None, seen: Any, list_name: str, directory: DirectoryLike
) -> Answer:
    """Compare the id `seen` in the record with an entry of a list, wanted by name or id.

    what: the word for it in a reason, such as `pipeline`. An id needs no list.
    """
    if wanted is None or wanted == "":
        return None
    entries = directory.get(list_name)
    number = whole_number(wanted)
    if number is not None:
        if seen == number:
            return None
        return f"{what} is {shown(seen, entries)}, wanted {shown(number, entries)}"
    if entries is None:
        return NOT_YET
    meant = [entry["id"] for entry in entries if same_name(entry.get("name"), wanted)]
    if seen in meant:
        return None
    if not meant:
        # What is not in the list may be newer than the list.
        if seen is not None and all(entry["id"] != seen for entry in entries):
            return NOT_YET
        names = ", ".join(sorted({str(entry.get("name")) for entry in entries})[:12])
        return f"{what} is {shown(seen, entries)}, and the account has no {what} {wanted!r} (it has {names})"
    return f"{what} is {shown(seen, entries)}, wanted {wanted}"


def only_id(wanted: int | str | None, list_name: str, directory: DirectoryLike) -> int | None:
    """Return the one id that is wanted, given as such or by a name; None where it is none, unknown, or several."""
    number = whole_number(wanted) if wanted is not None else None
    if number is not None or not wanted:
        return number
    found = [entry["id"] for entry in directory.get(list_name) or () if same_name(entry.get("name"), wanted)]
    return found[0] if len(found) == 1 else None


def shown(number: Any, entries: Any) -> str:
    """Return the name of an entry where it is known, else its id."""
    if number is None:
        return "empty"
    for entry in entries or ():
        if entry.get("id") == number and entry.get("name"):
            return str(entry["name"])
    return str(number)


def changed_field(wanted: str | None, occurrence: Occurrence, directory: DirectoryLike) -> Answer:
    """Let through when the named field changed: a built-in name, a custom field's key or its label."""
    if not wanted or is_as_it_stands(occurrence):
        return None
    if was_is_unknown(occurrence):
        return f"what it was before is not known, so neither is whether {wanted} changed"
    changed = occurrence.changed
    if wanted in changed or f"custom_fields.{wanted}" in changed:
        return None
    list_name = FIELD_LISTS.get(occurrence.entity)
    if wanted not in occurrence.record and not is_custom_key(wanted.removeprefix("custom_fields.")):
        if list_name is None:
            return f"{occurrence.entity} has no field {wanted!r}"
        entries = directory.get(list_name)
        if entries is None:
            return NOT_YET
        keys = {str(entry["id"]) for entry in entries if same_name(entry.get("name"), wanted)}
        if keys.intersection(changed) or keys.intersection(_custom_keys(changed)):
            return None
        if not keys:
            return f"{occurrence.entity} has no field {wanted!r}"
    names = _readable(changed, directory.get(list_name) if list_name else None)
    return f"{wanted} did not change (changed: {', '.join(names) or 'nothing'})"


def became(wanted: Any, name: str, occurrence: Occurrence, directory: DirectoryLike) -> Answer:
    """Let through when the field `name` is `wanted` now: the value itself, an option's label, a name by its id."""
    if wanted is None or wanted == "":
        return None
    list_name = FIELD_LISTS.get(occurrence.entity)
    entries = (directory.get(list_name) if list_name else None) or ()
    key = name.removeprefix("custom_fields.")
    found = [entry for entry in entries if str(entry["id"]) == key] or [
        entry for entry in entries if same_name(entry.get("name"), key)
    ]
    definition = found[0] if found else {}
    key = str(definition.get("id", key))
    customs = occurrence.record.get("custom_fields") or {}
    value = customs[key] if key in customs else occurrence.record.get(key)
    if key in _LISTED_BY:
        return in_list(name, wanted, value, _LISTED_BY[key], directory)
    seen = _values(value)
    labels = [str(one.get("label")) for one in definition.get("options") or () if one.get("id") in seen]
    if any(same_name(one, wanted) for one in [*seen, *labels]):
        return None
    return f"{name} is {', '.join(labels or map(str, seen)) or 'empty'}, wanted {wanted}"


def lists_named_by(name: str) -> list[str]:
    """Return the list that names the values of a field, if it has one."""
    return [_LISTED_BY[name]] if name in _LISTED_BY else []


def _values(value: Any) -> list[Any]:
    """Return what a field holds: several of a set, the amount of money, the text of an address."""
    if isinstance(value, Mapping):
        value = value.get("value")
    entries = value if isinstance(value, list) else [value]
    return [one.get("value") if isinstance(one, Mapping) else one for one in entries if one is not None]


def _custom_keys(changed: list[str]) -> set[str]:
    return {name.removeprefix("custom_fields.") for name in changed}


def _readable(changed: list[str], entries: Any) -> list[str]:
    labels: Mapping[str, str] = {str(entry["id"]): str(entry["name"]) for entry in entries or ()}
    plain = (name.removeprefix("custom_fields.") for name in changed)
    return [labels.get(name, name) if is_custom_key(name) else name for name in plain]
