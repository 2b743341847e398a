"""Attributes fitted to what a target takes; everything that was changed on the way is noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.connectors.targets.checks import as_text, fitting
from automations.connectors.targets.target import Operation, Target
from automations.connectors.targets.times import read_moment
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def misfit(name: str, value: Any, wanted: str) -> FieldsError:
    """Return the error for a value that the target would refuse. wanted: in words that follow "is not"."""
    shown = as_text(value)[:200]
    return FieldsError(
        f"{shown!r} is not {wanted}. Change the template, or leave the field out where there is none.",
        field=name,
        value=shown,
        wanted=wanted,
    )


def cut(text: str, size: int | None) -> str:
    """Return the longest beginning of at most `size` bytes; no character is broken."""
    if size is None or len(text) * 4 <= size:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")


def clean_name(name: str, forbidden: str, instead: str, size: int | None) -> str:
    """Return a name without what is forbidden in it, cut to `size` bytes."""
    if forbidden and not set(forbidden).isdisjoint(name):
        name = "".join(instead if letter in forbidden else letter for letter in name)
    return cut(name.strip(), size)


@dataclass
class Fitted:
    """The attributes of one record. data: free ones. top: those that stand outside. to_unset: what null removes.

    notes: what was changed or left out, one short sentence each.
    """

    data: JsonObject = field(default_factory=dict)
    top: JsonObject = field(default_factory=dict)
    to_unset: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Fitter:
    """Fits the attributes of one record."""

    def __init__(self, target: Target, operation: Operation) -> None:
        self.target = target
        self.part = operation.part.attributes
        self.checks = operation.checks
        self.values = operation.values
        self.found = Fitted()

    def fit(self, properties: Mapping[str, Any]) -> Fitted:
        """Return them fitted. Raises FieldsError for what the target would refuse."""
        for key, value in properties.items():
            self._take(self.part.rename.get(key, key), value, f"properties.{key}")
        most = self.values.most_keys
        if most is not None and len(self.found.data) > most:
            raise misfit("properties", f"{len(self.found.data)} names", f"at most {most}, which it takes")
        return self.found

    def _take(self, name: str, value: Any, where: str) -> None:
        if name in self.part.reserved:
            if self.part.if_invalid == "refuse":
                raise misfit(where, name, "free: the service keeps this name for itself")
            self.found.notes.append(f"{name!r} was left out: the service keeps this name for itself")
            return
        if value is None:
            self._take_null(name, where)
            return
        value = self._own_form(name, value)
        if name in self.checks:
            check, wanted = self.checks[name]
            value = self._checked(name, value, where, fitting(value, check), wanted)
            if value is None:
                return
        value = self._timed(value)
        if name in self.part.top:
            self.found.top[name] = value
            return
        self._lay(name, value, where)

    def _take_null(self, name: str, where: str) -> None:
        policy = self.values.null
        if policy == "send":
            self.put(name, None, where)
        elif policy == "unset" and "unset" in self.target.operators:
            self.found.to_unset.append(self.key(name, where))

    def _own_form(self, name: str, value: Any) -> Any:
        words = self.part.values.get(name)
        if words is None or isinstance(value, dict | list):
            return value
        known = {word.lower(): theirs for word, theirs in words.items()}
        return known.get(as_text(value).strip().lower(), value)

    def _checked(self, name: str, given: Any, where: str, fit: Any, wanted: str) -> Any:
        if fit is None:
            self._unfit(name, given, where, wanted)
        elif fit != given:
            self.found.notes.append(f"{name!r} was sent as {fit!r}")
        return fit

    def _unfit(self, name: str, value: Any, where: str, wanted: str) -> None:
        if self.part.if_invalid == "refuse":
            raise misfit(where, value, wanted)
        self.found.notes.append(f"{name!r} was left out: it is not {wanted}")

    def _timed(self, value: Any) -> Any:
        write = self.target.data_time
        if write is None:
            return value
        if isinstance(value, list):
            return [self._timed(entry) for entry in value]
        if isinstance(value, dict):
            return {key: self._timed(entry) for key, entry in value.items()}
        moment = read_moment(value)
        return value if moment is None else write(moment)

    def _lay(self, name: str, value: Any, where: str) -> None:
        """Put a value by the policy for what is nested."""
        plain_list = isinstance(value, list) and not any(isinstance(entry, dict | list) for entry in value)
        policy = self.values.lists if plain_list else self.values.nested
        if plain_list and policy in ("keep", "text"):
            self.put(name, self._listed(name, value, policy == "text"), where)
        elif not isinstance(value, dict | list) or (policy == "keep" and not plain_list):
            self.put(name, value, where)
        elif policy == "drop":
            self.found.notes.append(f"{name!r} was left out: nested values are not taken")
        elif policy == "flatten":
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            for key, entry in parts:
                if entry is not None:
                    self._lay(f"{name}{self.values.separator}{key}", entry, where)
        else:
            self.found.notes.append(f"{name!r} was sent as JSON text")
            self.put(name, as_text(value), where)

    def _listed(self, name: str, values: list[Any], as_texts: bool) -> list[Any]:
        entries = [self._short(name, entry) for entry in values if entry is not None]
        if as_texts:
            entries = list(dict.fromkeys(as_text(entry) for entry in entries))
        most = self.values.list_items
        if most is not None and len(entries) > most:
            self.found.notes.append(f"{name!r} was cut to its last {most} values")
            entries = entries[-most:]
        return entries

    def _short(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        short = cut(value, self.values.value_bytes)
        if short != value:
            self.found.notes.append(f"{name!r} was cut to {self.values.value_bytes} bytes")
        return short

    def key(self, name: str, where: str) -> str:
        """Return a name as the target takes it. Raises FieldsError when nothing is left of it."""
        values = self.values
        plain = _NO_WORD.sub("_", _BEFORE_CAPITAL.sub("_", name).lower()).strip("_")
        base = plain if values.case == "snake" else name
        clean = clean_name(base, values.forbidden, values.instead, values.key_bytes)
        if not clean.strip(values.instead or " "):
            raise misfit(where, name, "a name that the service can keep")
        if clean != name:
            self.found.notes.append(f"{name[:60]!r} was sent as {clean[:60]!r}")
        return clean

    def put(self, name: str, value: Any, where: str) -> None:
        """Set a name that must be new. Raises FieldsError when two names come to the same."""
        key = self.key(name, where)
        if key in self.found.data:
            raise FieldsError(
                f"Two fields are sent as {key!r}, so one would be lost. Rename one of them.",
                field=where,
                wanted="a name of its own",
            )
        self.found.data[key] = self._short(name, value)
