"""Fit names and values to what CleverTap takes, and note everything that was changed.

Sources: CleverTap, "Upload User Profiles", "Upload Events", "Platform considerations" (2020), read 2026-11-22:
forbidden characters; 120 bytes a key, 512 a value; lists of at most 100 texts; no nested values unless an account
has them enabled. Its own SDKs mend in the same way instead of losing the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from automations.connectors.clevertap.policies import Nested
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

KEY_BYTES: Final = 120
VALUE_BYTES: Final = 512
LIST_ITEMS: Final = 100

_FORBIDDEN_IN_EVENTS: Final = re.compile(r"[%><!|&.:;$'\"\\]")
_FORBIDDEN_IN_PROFILES: Final = re.compile(r"[%><!|&.:;$'\"\\#]")
_LARGEST_INTEGER: Final = 2**63 - 1


def misfit(field: str, value: Any, wanted: str) -> FieldsError:
    """Return the error for a value that CleverTap would refuse. wanted: in words that follow "is not"."""
    shown = str(value)[:200]
    return FieldsError(
        f"{shown!r} is not {wanted}. Change the template, or leave the field out where there is none.",
        field=field,
        value=shown,
        wanted=wanted,
    )


class Mender:
    """Mends the parts of one record. notes: what was changed, one short sentence each.

    in_profile: profile keys have one more forbidden character than event properties. nested: what becomes of
    objects and lists where a single value belongs.
    """

    def __init__(self, *, in_profile: bool, nested: Nested = "json") -> None:
        self.notes: list[str] = []
        self._nested = nested
        self._forbidden = _FORBIDDEN_IN_PROFILES if in_profile else _FORBIDDEN_IN_EVENTS

    def name(self, name: str, field: str) -> str:
        """Return a key or event name with forbidden characters as `_`, cut to 120 bytes.

        Raises FieldsError when nothing is left of it.
        """
        clean = cut(self._forbidden.sub("_", name).strip(), KEY_BYTES)
        if not clean.strip("_"):
            raise misfit(field, name, "a name that CleverTap can keep")
        if clean != name:
            self.notes.append(f"{name[:60]!r} was sent as {clean[:60]!r}")
        return clean

    def unfolded(self, key: str, value: Any, field: str) -> Iterator[tuple[str, Any]]:
        """Yield what is sent in place of a nested value, as (name, value): nothing, itself, or its parts.

        Raises FieldsError where the step refuses nested values.
        """
        if self._nested == "refuse":
            raise misfit(field, value, "a single value, and this step refuses nested ones")
        if self._nested == "drop":
            self.notes.append(f"{key!r} was left out, because it is nested")
        elif self._nested == "flatten":
            self.notes.append(f"{key!r} was sent in parts")
            yield from _parts(key, value)
        else:
            yield key, value

    def scalar(self, key: str, value: Any) -> Any:
        """Return a text, number or boolean that fits; what is nested becomes JSON text."""
        if isinstance(value, dict | list):
            self.notes.append(f"{key!r} was sent as JSON text")
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INTEGER:
            self.notes.append(f"{key!r} was sent as text: the number is too large")
            value = str(value)
        return self.text(key, value) if isinstance(value, str) else value

    def text(self, key: str, value: str) -> str:
        short = cut(value, VALUE_BYTES)
        if short != value:
            self.notes.append(f"{key!r} was cut to {VALUE_BYTES} bytes")
        return short

    def texts(self, key: str, values: list[Any]) -> list[str]:
        """Return plain values as distinct texts, the last 100; the first go, as CleverTap itself would do it."""
        distinct = list(
            dict.fromkeys(self.text(key, as_text(value)) for value in values if value is not None)
        )
        if len(distinct) > LIST_ITEMS:
            self.notes.append(f"{key!r} was cut to its last {LIST_ITEMS} values")
        return distinct[-LIST_ITEMS:]

    def put(self, data: JsonObject, name: str, value: Any, field: str) -> None:
        """Set a key that must be new. Raises FieldsError when two names come to the same key."""
        if name in data:
            raise FieldsError(
                f"Two fields are sent as {name!r}, so one would be lost. Rename one of them.",
                field=field,
                wanted="a name of its own",
            )
        data[name] = value


def is_plain_list(value: Any) -> bool:
    """Say whether it is a list without anything nested in it."""
    return isinstance(value, list) and not any(isinstance(entry, dict | list) for entry in value)


def _parts(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the single values inside a nested one under joined names; null ones say nothing and are left out."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in inner:
            yield from _parts(f"{key}_{name}", part)
    elif value is not None:
        yield key, value


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def cut(text: str, size: int) -> str:
    """Return the longest beginning of at most `size` UTF-8 bytes; no character is broken."""
    if len(text) * 4 <= size:
        return text
    raw = text.encode("utf-8")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")


def table(value: Any, field: str) -> Mapping[str, Any]:
    """Return an object of the author's. Raises FieldsError for anything else."""
    if not isinstance(value, dict):
        raise misfit(field, value, "a set of named values")
    return value
