"""What fields were called before, and which are gone: kept beside each list of fields when it is read anew.

A recipe that names a field by an earlier label means the same field still; one that names a field or an option
that was deleted is told before its next run fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from automations.connectors.pipedrive.records import is_custom_key
from automations.engine.contracts import DirectoryLike, JsonObject

_MOST_NAMES = 10
_QUOTED = re.compile(r"""["']([^"']{1,200})["']""")
_HASH = re.compile(r"[0-9a-f]{40}")


def gone_list(name: str) -> str:
    """Return the name under which a list's deleted entries are remembered."""
    return f"{name}.gone"


def remembered(name: str, fresh: Sequence[JsonObject], directory: DirectoryLike) -> list[JsonObject]:
    """Return the fresh entries with what they were called before; note those that are there no more.

    `former`: earlier labels, newest first. `gone_options`: `[{id, label}]` of options that were deleted.
    """
    before = {str(entry["id"]): entry for entry in directory.get(name) or ()}
    entries = [_with_past(entry, before.get(str(entry["id"]))) for entry in fresh]
    present = {str(entry["id"]) for entry in fresh}
    known_gone = {str(entry["id"]): entry for entry in directory.get(gone_list(name)) or ()}
    gone = {
        key: entry
        for key, entry in {**known_gone, **before}.items()
        if key not in present and entry.get("is_custom")
    }
    if gone or known_gone:
        directory.put(gone_list(name), list(gone.values()))
    return entries


def _with_past(entry: JsonObject, before: JsonObject | None) -> JsonObject:
    if before is None or not entry.get("is_custom"):
        return entry
    names = [str(before.get("name")), *before.get("former", ())]
    former = [name for name in dict.fromkeys(names) if name != entry.get("name")][:_MOST_NAMES]
    options = {option.get("id") for option in entry.get("options") or ()}
    lost = [*(before.get("options") or ()), *(before.get("gone_options") or ())]
    gone = list({str(one.get("id")): one for one in lost if one.get("id") not in options}.values())
    past = {"former": former, "gone_options": gone}
    return {**entry, **{name: value for name, value in past.items() if value}}


def called_before(name: str, entries: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the fields that had this label once."""
    wanted = name.strip().casefold()
    return [
        entry
        for entry in entries
        if any(str(old).strip().casefold() == wanted for old in entry.get("former", ()))
    ]


def complaints(list_name: str, what: str, parts: Any, directory: DirectoryLike) -> list[str]:
    """Return a sentence for each deleted field or option of a list that these parts of a recipe name.

    what: the list's entity in words. parts: any JSON of a recipe: its trigger, a step.
    """
    entries = directory.get(list_name) or ()
    labels_now = {_plain(entry.get("name")) for entry in entries}
    words, keys = _named(parts)
    found = []
    for entry in directory.get(gone_list(list_name)) or ():
        label, key = str(entry.get("name")), str(entry.get("id"))
        if key in keys or (_plain(label) in words and _plain(label) not in labels_now):
            found.append(f"The field {label!r} of a {what} was deleted in Pipedrive.")
    for entry in entries:
        named = str(entry.get("id")) in keys or _plain(entry.get("name")) in words
        for option in entry.get("gone_options", ()) if named else ():
            if _plain(option.get("label")) in words:
                found.append(
                    f"The option {option.get('label')!r} of the field {entry.get('name')!r} was deleted in Pipedrive."
                )
    return found


def _plain(text: Any) -> str:
    return str(text).strip().casefold()


def _named(parts: Any) -> tuple[set[str], set[str]]:
    """Return the words that the parts use whole (keys, constants, quoted in templates) and the keys of fields."""
    words: set[str] = set()
    keys: set[str] = set()
    for text in _texts(parts):
        words.add(_plain(text))
        words.update(_plain(quoted) for quoted in _QUOTED.findall(text))
        keys.update(_HASH.findall(text))
    return words, {key for key in keys if is_custom_key(key)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
