"""The operations of a condition: what each is called, what it takes, and when it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from automations.engine.templating.comparing import alike, nothing, order
from automations.engine.templating.filters.numbers import read_boolean
from automations.engine.templating.missing import MISSING
from automations.engine.templating.values import as_text, shown
from automations.errors import MappingError

LONGEST_PATTERN: Final = 1_000
PATTERN_MEMORY_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Operands:
    """What one comparison compares. old: the value before the change, `MISSING` where it did not change."""

    left: Any
    right: Any
    ignore_case: bool = False
    old: Any = MISSING


@dataclass(frozen=True)
class OpDoc:
    """One operation, as the form and the reference page show it.

    words: what stands between the two sides in a sentence for people. doc: one sentence. example: a left side,
    and a right side where it takes one, for which it holds.
    """

    name: str
    words: str
    doc: str
    takes_right: bool
    example: tuple[Any, ...]
    holds: Callable[[Operands], bool]
    about_change: bool = False


def _present(holds: Callable[[Operands], bool]) -> Callable[[Operands], bool]:
    """A missing left side makes an operation false; a missing right side is like nothing there is."""
    return lambda given: not nothing(given.left) and not nothing(given.right) and holds(given)


def _opposite(holds: Callable[[Operands], bool]) -> Callable[[Operands], bool]:
    return lambda given: not holds(given)


def _texts(given: Operands) -> tuple[str, str] | None:
    sides = (given.left, given.right)
    if any(isinstance(side, (list, tuple, Mapping)) for side in sides):
        return None
    left, right = map(as_text, sides)
    return (left.casefold(), right.casefold()) if given.ignore_case else (left, right)


def _equals(given: Operands) -> bool:
    return alike(given.left, given.right, ignore_case=given.ignore_case)


def _contains(given: Operands) -> bool:
    if isinstance(given.left, (list, tuple)):
        return any(alike(item, given.right, ignore_case=given.ignore_case) for item in given.left)
    if isinstance(given.left, Mapping):
        return any(alike(key, given.right, ignore_case=given.ignore_case) for key in given.left)
    texts = _texts(given)
    return texts is not None and texts[1] in texts[0]


def _starts(given: Operands) -> bool:
    texts = _texts(given)
    return texts is not None and texts[0].startswith(texts[1])


def _ends(given: Operands) -> bool:
    texts = _texts(given)
    return texts is not None and texts[0].endswith(texts[1])


def _matches(given: Operands) -> bool:
    if isinstance(given.left, (list, tuple, Mapping)):
        return False
    pattern = pattern_of(given.right, given.ignore_case)
    # Only well-formed UTF-8 reaches the engine; half a character can match nothing anyway.
    return pattern.search(as_text(given.left).encode(errors="replace").decode()) is not None


@lru_cache(maxsize=512)
def _compiled_pattern(source: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    options.case_sensitive = not ignore_case
    return re2.compile(source, options)


def pattern_of(source: Any, ignore_case: bool) -> Any:
    """Return a compiled pattern of the linear-time RE2 syntax; raises MappingError saying what is wrong."""
    if not isinstance(source, str) or len(source) > LONGEST_PATTERN:
        raise MappingError(
            f"'matches' needs a pattern of at most {LONGEST_PATTERN} characters, but found {shown(source)}."
        )
    try:
        return _compiled_pattern(source, ignore_case)
    except (re2.error, UnicodeEncodeError) as error:
        fact = error.args[0] if error.args else ""
        words = fact.decode(errors="replace") if isinstance(fact, bytes) else "it cannot be read"
        raise MappingError(
            f"{shown(source)} is not a pattern: {words}. Look-around and back references do not exist here."
        ) from None


def _in(given: Operands) -> bool:
    if not isinstance(given.right, (list, tuple)):
        raise MappingError(f"'in' needs a list on its right, but found {shown(given.right)}. Write [a, b].")
    return any(alike(given.left, item, ignore_case=given.ignore_case) for item in given.right)


def _ordered(accept: Callable[[int], bool]) -> Callable[[Operands], bool]:
    def holds(given: Operands) -> bool:
        found = order(*_folded(given))
        return found is not None and accept(found)

    return _present(holds)


def _folded(given: Operands) -> tuple[Any, Any]:
    sides = (given.left, given.right)
    if given.ignore_case and all(isinstance(side, str) for side in sides):
        return given.left.casefold(), given.right.casefold()
    return sides


def _changed(given: Operands) -> bool:
    """A field that was filled or cleared has changed too."""
    return given.old is not MISSING and not alike(given.old, given.left)


def _changed_from(given: Operands) -> bool:
    return _changed(given) and alike(given.old, given.right, ignore_case=given.ignore_case)


def _changed_to(given: Operands) -> bool:
    return _changed(given) and not nothing(given.left) and _equals(given)


def _one_sided(holds: Callable[[Any], bool]) -> Callable[[Operands], bool]:
    return lambda given: holds(given.left)


_DOCS: Final = (
    OpDoc("equals", "equals", "Both sides are the same; a number also equals its numeric text.", True,
          (5, "5"), _present(_equals)),
    OpDoc("not_equals", "does not equal", "The sides differ, or the left one is missing.", True,
          ("a", "b"), _opposite(_present(_equals))),
    OpDoc("contains", "contains", "The text has this part, the list this item, the object this key.", True,
          ("Office chairs", "chair"), _present(_contains)),
    OpDoc("not_contains", "does not contain", "It does not contain this, or is missing.", True,
          (["a"], "b"), _opposite(_present(_contains))),
    OpDoc("starts_with", "starts with", "The text begins like this.", True, ("Office", "Off"), _present(_starts)),
    OpDoc("ends_with", "ends with", "The text ends like this.", True, ("Office", "ice"), _present(_ends)),
    OpDoc("matches", "matches", "The pattern (RE2) is found in the text; ^ and $ hold it to the ends.", True,
          ("DE-1234", "^DE-[0-9]+$"), _present(_matches)),
    OpDoc("in", "is one of", "The list on the right has this.", True, ("b", ["a", "b"]), _present(_in)),
    OpDoc("not_in", "is none of", "The list on the right does not have this, or it is missing.", True,
          ("c", ["a", "b"]), _opposite(_present(_in))),
    OpDoc("gt", "is greater than", "A number is greater, a date later; text is compared by its characters.", True,
          (6, 5), _ordered(lambda sign: sign > 0)),
    OpDoc("gte", "is at least", "A number is as great or greater, a date the same or later.", True,
          ("2027-03-31", "2027-03-31"), _ordered(lambda sign: sign >= 0)),
    OpDoc("lt", "is less than", "A number is less, a date earlier.", True, ("4", 5), _ordered(lambda sign: sign < 0)),
    OpDoc("lte", "is at most", "A number is as small or less, a date the same or earlier.", True,
          (5, 5), _ordered(lambda sign: sign <= 0)),
    OpDoc("exists", "exists", "There is a value; 0, false and empty text are values.", False,
          (0,), _one_sided(lambda left: not nothing(left))),
    OpDoc("missing", "is missing", "There is no such field, or null in it.", False, (None,), _one_sided(nothing)),
    OpDoc("empty", "is empty", "An empty text, list or object; what is missing is not empty.", False,
          ("",), _one_sided(lambda left: isinstance(left, (str, list, tuple, Mapping)) and len(left) == 0)),
    OpDoc("is_true", "is true", "True, 1, or a text such as yes, on, true.", False,
          ("yes",), _one_sided(lambda left: read_boolean(left) is True)),
    OpDoc("is_false", "is false", "False, 0, or a text such as no, off, false.", False,
          (0,), _one_sided(lambda left: read_boolean(left) is False)),
    OpDoc("changed", "changed", "The event changed this field of the record.", False, (2,), _changed, True),
    OpDoc("changed_from", "changed from", "The event changed this field, and this was its value before.", True,
          (2, 1), _changed_from, True),
    OpDoc("changed_to", "changed to", "The event changed this field, and this is its value now.", True,
          (2, 2), _changed_to, True),
)  # fmt: skip
OPS: Final[Mapping[str, OpDoc]] = MappingProxyType({doc.name: doc for doc in _DOCS})


def check_right(op: str, right: Any, ignore_case: bool) -> str | None:
    """Return what is wrong with a right side that is constant; None when all is well."""
    if op in ("in", "not_in") and not isinstance(right, (list, tuple)):
        return f"'{op}' needs a list on its right. Write [a, b]."
    if op == "matches":
        try:
            pattern_of(right, ignore_case)
        except MappingError as error:
            return error.message
    return None
