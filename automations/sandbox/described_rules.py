"""What a described service takes as a record, read from its description alone; nothing of the app is used.

A record must have the shape that the description gives: no other keys, constants as they stand there, at least one
id, times in the form of the service, names and values inside its limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Tree = dict[str, Any]

IDS = frozenset({"user_id", "anonymous_id", "email", "phone", "identity"})
FREE = frozenset({"data", "top", "operators", "change"})
_LEAF = re.compile(r"\{\{\s*([a-z_]+)")
_SETTING = re.compile(r"\{\{\s*settings\.([a-z0-9_]+)\s*\}\}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_PHONE = re.compile(r"\+[1-9]\d{7,14}\Z")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z\Z")


def filled(tree: Any, settings: Mapping[str, str]) -> Any:
    """Return a tree with its settings put in; other templates stay as they are."""
    if isinstance(tree, dict):
        return {key: filled(value, settings) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled(value, settings) for value in tree]
    if isinstance(tree, str):
        return _SETTING.sub(lambda found: settings[found[1]], tree)
    return tree


def leaf_name(source: Any) -> str:
    """Return the name that a template begins with; empty for a constant."""
    found = _LEAF.search(source) if isinstance(source, str) else None
    return found[1] if found else ""


class RecordRules:
    """The rules of one operation. tree: the record's shape with settings put in."""

    def __init__(self, description: Tree, operation: Tree, tree: Any) -> None:
        self._whole = description
        self._tree = tree
        self._values: Tree = operation.get("values") or description.get("values") or {}
        self._checks: Tree = (operation.get("attributes") or {}).get("checks") or {}
        self._name: Tree = operation.get("name") or {}
        self._changes = [
            set(part["value"]) | set(part.get("negative") or {})
            for part in (description.get("operators") or {}).values()
            if isinstance(part.get("value"), dict)
        ]

    def problem(self, record: Any) -> str:
        """Return what is wrong with a record, or an empty text."""
        return next(self._problems(record), "")

    def ids(self, record: Any) -> list[str]:
        """Return the ids that a record carries."""
        return [value for name, value in self._leaves(self._tree, record) if name in IDS]

    def key(self, record: Any) -> str | None:
        """Return the key by which a second copy is known."""
        return next((value for name, value in self._leaves(self._tree, record) if name == "key"), None)

    def data(self, record: Any) -> Tree:
        """Return the free attributes of a record."""
        found: Tree = {}
        for name, value in self._leaves(self._tree, record):
            if name in FREE and isinstance(value, dict):
                found |= value
        return found

    def _leaves(self, tree: Any, record: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(tree, dict) and isinstance(record, dict):
            for key, part in tree.items():
                if key == "<<":
                    yield leaf_name(part), {k: v for k, v in record.items() if k not in tree}
                elif key in record:
                    yield from self._leaves(part, record[key])
        elif isinstance(tree, list) and isinstance(record, list):
            for part, entry in zip(tree, record, strict=False):
                yield from self._leaves(part, entry)
        elif leaf_name(tree):
            yield leaf_name(tree), record

    def _problems(self, record: Any) -> Iterator[str]:
        yield from self._shape(self._tree, record, "record")
        if not any(isinstance(one, str) and one for one in self.ids(record)):
            yield "it has no id"

    def _shape(self, tree: Any, value: Any, where: str) -> Iterator[str]:
        if isinstance(tree, dict):
            if not isinstance(value, dict):
                yield f"{where} is no object"
                return
            for key, part in tree.items():
                if key == "<<":
                    rest = {k: v for k, v in value.items() if k not in tree}
                    yield from self._free(rest, where)
                elif key in value:
                    yield from self._shape(part, value[key], f"{where}.{key}")
                elif _is_needed(part):
                    yield f"{where}.{key} is missing"
            unknown = sorted(set(value) - set(tree)) if "<<" not in tree else []
            if unknown:
                yield f"{where}.{unknown[0]} is not known"
        elif isinstance(tree, list):
            if not isinstance(value, list) or len(value) > len(tree):
                yield f"{where} is no such list"
            else:
                for number, part in enumerate(value):
                    yield from self._shape(tree[number], part, f"{where}.{number}")
        elif not (name := leaf_name(tree)):
            if value != tree:
                yield f"{where} must be {tree!r}"
        else:
            yield from self._leaf(name, value, where)

    def _leaf(self, name: str, value: Any, where: str) -> Iterator[str]:
        if name in IDS:
            yield from self._id(value, where)
        elif name == "time":
            if not fits_time(value, (self._whole.get("time") or {}).get("record", "iso")):
                yield f"{where} is no time in the form of this service"
        elif name == "key":
            if not isinstance(value, str) or not 1 <= len(value) <= 64:
                yield f"{where} is no key"
        elif name == "name":
            yield from self._event_name(value, where)
        elif name == "change" and isinstance(value, list):
            if not value or not all(isinstance(entry, str) for entry in value):
                yield f"{where} is no list of names"
        elif name in FREE:
            yield from self._free(value, where)

    def _id(self, value: Any, where: str) -> Iterator[str]:
        part = self._whole.get("identity") or {}
        least, most = part.get("least_characters", 1), part.get("most_characters", 1023)
        if not isinstance(value, str) or not least <= len(value) <= most:
            yield f"{where} is no id of {least} to {most} characters"

    def _event_name(self, value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, str) or not value.strip():
            yield f"{where} is missing"
        elif len(value.encode()) > (self._name.get("bytes") or 10_000):
            yield f"{where} is too long"
        elif set(self._name.get("forbidden") or "") & set(value):
            yield f"{where} has a forbidden character"
        elif value in (self._name.get("reserved") or ()):
            yield f"{where} is a name of the service itself"

    def _free(self, value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        if len(value) > (self._values.get("most_keys") or 100_000):
            yield f"{where} has too many names"
        for key, entry in value.items():
            place = f"{where}.{key}"
            if len(key.encode()) > (self._values.get("key_bytes") or 10_000):
                yield f"{place[:80]} is too long a name"
            if set(self._values.get("forbidden") or "") & set(key) and not key.startswith("$"):
                yield f"{place} has a forbidden character"
            if isinstance(entry, dict) and any(set(entry) <= change for change in self._changes):
                continue
            yield from self._value(key, entry, place)

    def _value(self, key: str, value: Any, where: str) -> Iterator[str]:
        check = self._checks.get(key)
        if check is not None and not _fits(value, check, self._whole):
            yield f"{where} is invalid"
        elif isinstance(value, str) and len(value.encode()) > (self._values.get("value_bytes") or 10**7):
            yield f"{where} is too long"
        elif isinstance(value, dict) and self._values.get("nested", "keep") != "keep" and key[:1] != "$":
            yield f"{where} is nested"
        elif isinstance(value, list):
            if self._values.get("lists", "keep") in ("json", "drop"):
                yield f"{where} is a list"
            elif len(value) > (self._values.get("list_items") or 10**6):
                yield f"{where} is too long a list"


def _is_needed(part: Any) -> bool:
    if isinstance(part, dict):
        return any(_is_needed(inner) for inner in part.values())
    if isinstance(part, list):
        return any(_is_needed(inner) for inner in part)
    return leaf_name(part) in ("", "name", "key", "change")


def fits_time(value: Any, form: str) -> bool:
    """Tell whether a value is a time in one of the forms that descriptions know."""
    if form in ("epoch_s", "epoch_ms"):
        low, high = (10**8, 10**11) if form == "epoch_s" else (10**11, 10**14)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < high
    if form in ("iso", "iso_ms"):
        return isinstance(value, str) and bool(_ISO.match(value)) and ("." in value) == (form == "iso_ms")
    if "%Y" in form:
        try:
            return isinstance(value, str) and bool(datetime.strptime(value, form))
        except ValueError:
            return False
    pattern = re.escape(form).replace(re.escape("{epoch_s}"), r"-?\d{1,11}")
    return isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _fits(value: Any, check: Any, whole: Tree) -> bool:
    if isinstance(check, dict):
        wanted = check.get("one_of") or []
        return value in wanted if wanted else _fits(value, check.get("kind", "text"), whole)
    if check == "email":
        return isinstance(value, str) and bool(_EMAIL.match(value))
    if check == "e164":
        return isinstance(value, str) and bool(_PHONE.match(value))
    if check == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if check == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str | int)
