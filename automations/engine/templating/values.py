"""Plain JSON values: reading inside them, writing them as text, and the check before they leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Final, NoReturn

from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import LoopContext, StrictUndefined

from automations.engine.templating.limits import (
    INTEGER_BOUND,
    MAX_ITEMS,
    MAX_NESTING,
    MAX_VALUE_BYTES,
    MAX_WORK_CHARACTERS,
)
from automations.engine.templating.missing import MISSING, AbsentPartError
from automations.errors import MappingError

LOOP_COUNTERS: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
SHOWN_CHARACTERS: Final = 60


class LazyMapping(Mapping[str, Any]):
    """An object some of whose values are fetched at first sight, each at most once.

    present: values already here. lazy: the other keys. load: gives the value of a lazy key; whatever it
    raises reaches the caller of `render`. Not to be shared between threads.
    """

    def __init__(self, present: Mapping[str, Any], lazy: Collection[str], load: Callable[[str], Any]) -> None:
        self._values = dict(present)
        self._lazy = dict.fromkeys(key for key in lazy if key not in present)
        self._load = load

    def __getitem__(self, key: str) -> Any:
        if key not in self._values and key in self._lazy:
            self._values[key] = self._load(key)
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values or key in self._lazy

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from [key for key in self._lazy if key not in self._values]

    def __len__(self) -> int:
        return len(self._values.keys() | self._lazy.keys())


class UnknownNameError(TemplateRuntimeError):
    """A top-level name that the context does not have; never leaves this package."""


class Unknown(StrictUndefined):
    """Stands for an unknown top-level name until something uses it."""

    def __init__(
        self, hint: str | None = None, obj: Any = None, name: str | None = None, exc: Any = None
    ) -> None:
        super().__init__(hint=name or hint, obj=obj, name=name, exc=UnknownNameError)

    def refuse(self) -> NoReturn:
        raise UnknownNameError(self._undefined_name or "")


def member(holder: Any, key: Any) -> Any:
    """Return what stands under `key`: an object's own keys, a list's indexes, a text's characters.

    Anything else is `MISSING`, also one hop behind something missing. Never a Python attribute.
    """
    kind = type(holder)
    if kind is dict or isinstance(holder, Mapping):
        return _under_key(holder, key)
    if kind is list or kind is tuple or kind is str:
        if type(key) is int and -len(holder) <= key < len(holder):
            return holder[key]
        return MISSING
    if kind is LoopContext:
        return getattr(holder, key) if key in LOOP_COUNTERS else MISSING
    if kind is Unknown:
        holder.refuse()
    return MISSING


def _under_key(holder: Mapping[Any, Any], key: Any) -> Any:
    kind = type(key)
    if kind is str or kind is int or kind is bool or kind is float:
        if key in holder:
            return holder[key]
        if kind is int and str(key) in holder:
            return holder[str(key)]
    elif kind is Unknown:
        key.refuse()
    return MISSING


def kind_of(value: Any) -> str:
    """Return the kind of a value in words for people: `a text`, `a number`, `a list` …"""
    if value is None or value is MISSING:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "an object" if isinstance(value, Mapping) else "something unreadable"


def shown(value: Any) -> str:
    """Return a value for a message, cut short; lists and objects only by their kind."""
    if isinstance(value, str):
        cut = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
        return f"'{cut}'"
    if value is None or value is MISSING or isinstance(value, (list, tuple, Mapping)):
        return kind_of(value)
    return as_text(value) if isinstance(value, (bool, int, float)) else kind_of(value)


def listed(value: Any, name: str) -> list[Any]:
    """Return the items of a list or the keys of an object; raises MappingError for anything else.

    name: of the filter or construct that needs them.
    """
    if isinstance(value, (list, tuple, Mapping)):
        if len(value) > MAX_ITEMS:
            raise MappingError(f"'{name}' takes at most {MAX_ITEMS:,} items.")
        return list(value)
    raise MappingError(f"'{name}' needs a list, but found {shown(value)}. Use a field that holds a list.")


def as_text(value: Any) -> str:
    """Return a value as it is written inside a text.

    true and false as JSON has them, 5000.0 as `5000`, never an exponent; lists and objects as JSON.
    Raises AbsentPartError for what is missing.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(whole(value))
    if kind is float:
        return _float_text(value)
    if value is None or value is MISSING:
        raise AbsentPartError
    if kind is Unknown:
        value.refuse()
    return as_json(value)


def _float_text(value: float) -> str:
    finite(value)
    if value.is_integer() and abs(value) < INTEGER_BOUND:
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def as_json(value: Any) -> str:
    """Return a finished value as compact JSON text."""
    finished = finish(value)
    text = json.dumps(
        None if finished is MISSING else finished, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return bounded_text(text)


def whole(value: int) -> int:
    """Return the whole number, or raise MappingError when it has more than 30 digits."""
    if -INTEGER_BOUND < value < INTEGER_BOUND:
        return value
    raise MappingError("A whole number has more than 30 digits. Keep long identifiers as text.")


def finite(value: float) -> float:
    """Return the number, or raise MappingError when it is infinite or not a number."""
    if isfinite(value):
        return value
    raise MappingError("A number is too large or not a number at all, which no service accepts.")


def bounded_text(text: str) -> str:
    if len(text) > MAX_WORK_CHARACTERS:
        raise MappingError("A text in this template grows beyond a million characters. Shorten it first.")
    return text


def bounded(value: Any) -> Any:
    """Return the result of one operation, or raise MappingError when no later step may hold it."""
    kind = type(value)
    if kind is str:
        return value if len(value) <= MAX_WORK_CHARACTERS else bounded_text(value)
    if kind is int:
        return whole(value)
    if kind is float:
        return finite(value)
    if (kind is list or kind is dict) and len(value) > MAX_ITEMS:
        raise MappingError(f"A list has more than {MAX_ITEMS:,} items. Take a part of it first.")
    return value


def finish(value: Any) -> Any:
    """Return the value as plain JSON of its own, fit to be sent, or `MISSING`.

    Inside a list or an object, what is missing is left out. Lone surrogates become U+FFFD. Raises
    MappingError for numbers, sizes and nesting beyond the bounds.
    """
    kind = type(value)
    if kind is str:
        if value.isascii() and len(value) <= MAX_VALUE_BYTES:
            return value
        return _Finisher().text(value)
    if kind is int:
        return whole(value)
    if kind is float:
        return finite(value)
    if kind is bool or value is None or value is MISSING:
        return value
    return _Finisher().value(value, 1)


class _Finisher:
    """One walk over one value, counting its bytes."""

    __slots__ = ("bytes_left", "items_left")

    def __init__(self) -> None:
        self.bytes_left = MAX_VALUE_BYTES
        self.items_left = MAX_ITEMS

    def value(self, value: Any, depth: int) -> Any:
        self._spend(1)
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is int:
            return whole(value)
        if kind is float:
            return finite(value)
        if kind is bool or value is None or value is MISSING:
            return value
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if depth > MAX_NESTING:
            raise MappingError(f"The value is nested more than {MAX_NESTING} deep. Choose a part of it.")
        if isinstance(value, Mapping):
            self._count(len(value))
            pairs = [(self._key(key), self.value(entry, depth + 1)) for key, entry in value.items()]
            return {key: entry for key, entry in pairs if entry is not MISSING}
        if isinstance(value, (list, tuple)):
            self._count(len(value))
            entries = [self.value(entry, depth + 1) for entry in value]
            return [entry for entry in entries if entry is not MISSING]
        if type(value) is Unknown:
            value.refuse()
        raise MappingError("The template gives something that is not a value. Choose a field inside it.")

    def text(self, text: str) -> str:
        try:
            size = len(text) if text.isascii() else len(text.encode())
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            size = len(text.encode())
        self._spend(size)
        return text

    def _key(self, key: Any) -> str:
        return self.text(key if type(key) is str else as_text(key))

    def _count(self, items: int) -> None:
        self.items_left -= items
        if self.items_left < 0:
            raise MappingError(f"The value holds more than {MAX_ITEMS:,} items. Choose a part of it.")

    def _spend(self, size: int) -> None:
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise MappingError(
                f"The value is larger than {MAX_VALUE_BYTES // 1024} KB. Choose a part of it or shorten it."
            )
