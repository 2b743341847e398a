"""The operators of the template language, each bounded before it computes.

Arithmetic works on numbers only; a missing side makes the result missing. Results of decimal arithmetic are
kept to 15 significant digits, as a spreadsheet does, so that 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from automations.engine.templating.budget import Budget
from automations.engine.templating.comparing import is_number, nothing, order
from automations.engine.templating.limits import MAX_ITEMS, MAX_RANGE, MAX_WORK_CHARACTERS
from automations.engine.templating.missing import MISSING
from automations.engine.templating.values import Unknown, as_text, bounded, finite, kind_of, shown, whole
from automations.errors import MappingError

_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
BINARY: Final = frozenset(_ARITHMETIC)
UNARY: Final = frozenset({"+", "-"})
_LARGEST_EXPONENT: Final = 100
_TESTS: Final[Mapping[str, Callable[[int], bool]]] = {
    "gt": lambda sign: sign > 0,
    "gteq": lambda sign: sign >= 0,
    "lt": lambda sign: sign < 0,
    "lteq": lambda sign: sign <= 0,
}
_SIGNS: Final = {"gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}


def refuse_unknown(value: Any) -> None:
    if type(value) is Unknown:
        value.refuse()


def calculate(budget: Budget, sign: str, left: Any, right: Any) -> Any:
    """Return `left sign right`; raises MappingError for what is not a number or grows too large."""
    budget.spend(1)
    refuse_unknown(left)
    refuse_unknown(right)
    if nothing(left) or nothing(right):
        return MISSING
    if is_number(left) and is_number(right):
        return _number(sign, left, right)
    if sign == "+":
        return _joined(budget, left, right)
    raise _not_numbers(sign, left, right)


def negate(budget: Budget, sign: str, value: Any) -> Any:
    budget.spend(1)
    refuse_unknown(value)
    if nothing(value):
        return MISSING
    if not is_number(value):
        raise MappingError(f"'{sign}' needs a number, but found {shown(value)}. Use 'as_number' first.")
    return -value if sign == "-" else value


def _number(sign: str, left: Any, right: Any) -> Any:
    if isinstance(left, int):
        whole(left)
    if isinstance(right, int):
        whole(right)
    if sign == "**" and abs(right) > _LARGEST_EXPONENT:
        raise MappingError(f"An exponent above {_LARGEST_EXPONENT} is too large.")
    try:
        result = _ARITHMETIC[sign](left, right)
    except ZeroDivisionError:
        raise MappingError(
            f"{shown(left)} cannot be divided by zero. Check the divisor with 'if' first."
        ) from None
    except OverflowError:
        raise MappingError(f"The result of '{sign}' is too large.") from None
    if isinstance(result, complex):
        raise MappingError(f"{shown(left)} {sign} {shown(right)} has no real result.")
    return float(format(finite(result), ".15g")) if isinstance(result, float) else whole(result)


def _joined(budget: Budget, left: Any, right: Any) -> Any:
    texts = isinstance(left, str) and isinstance(right, str)
    if texts or (isinstance(left, list) and isinstance(right, list)):
        budget.look_at(left)
        budget.look_at(right)
        if len(left) + len(right) > (MAX_WORK_CHARACTERS if texts else MAX_ITEMS):
            raise MappingError("The result of '+' is too large. Shorten its parts first.")
        return left + right
    raise _not_numbers("+", left, right)


def _not_numbers(sign: str, left: Any, right: Any) -> MappingError:
    wrong = right if is_number(left) else left
    hint = "Join texts with '~', or use 'as_number' first." if sign == "+" else "Use 'as_number' first."
    return MappingError(f"'{sign}' needs numbers, but found {shown(wrong)}. {hint}")


def compare(budget: Budget, left: Any, *tests: Any) -> bool:
    """Return whether a chain of comparisons holds; tests: sign, value, sign, value …"""
    for sign, right in zip(tests[::2], tests[1::2], strict=True):
        refuse_unknown(left)
        refuse_unknown(right)
        if not _holds(budget, sign, left, right):
            return False
        left = right
    return True


def _holds(budget: Budget, sign: str, left: Any, right: Any) -> bool:
    if sign in ("eq", "ne"):
        budget.look_through(left)
        budget.look_through(right)
        same = nothing(left) and nothing(right) if nothing(left) or nothing(right) else left == right
        return bool(same) is (sign == "eq")
    if sign in ("in", "notin"):
        return _is_in(budget, left, right) is (sign == "in")
    budget.look_at(left)
    budget.look_at(right)
    if nothing(left) or nothing(right):
        return False
    found = order(left, right)
    if found is None:
        raise MappingError(
            f"'{_SIGNS[sign]}' cannot compare {kind_of(left)} with {kind_of(right)}: {shown(left)} and {shown(right)}."
        )
    return _TESTS[sign](found)


def _is_in(budget: Budget, left: Any, right: Any) -> bool:
    budget.look_through(right)
    if nothing(right):
        return False
    if isinstance(right, (list, tuple)):
        return any(nothing(left) if nothing(entry) else entry == left for entry in right)
    if nothing(left):
        return False
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    if isinstance(right, Mapping):
        return isinstance(left, (str, int, float)) and (left in right or as_text(left) in right)
    raise MappingError(f"'in' needs a list, a text or an object on its right, but found {shown(right)}.")


def concatenate(budget: Budget, *parts: Any) -> Any:
    """Return the parts of `a ~ b` as one text, or `MISSING` when one of them is."""
    size = 0
    texts = []
    for part in parts:
        refuse_unknown(part)
        if nothing(part):
            return MISSING
        budget.look_through(part)
        texts.append(as_text(part))
        size += len(texts[-1])
        if size > MAX_WORK_CHARACTERS:
            raise MappingError("The result of '~' is too long. Shorten its parts first.")
    return "".join(texts)


def cut(budget: Budget, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Return `value[start:stop:step]` of a list or text."""
    budget.look_at(value)
    for bound in (value, start, stop, step):
        refuse_unknown(bound)
        if bound is MISSING:
            return MISSING
    if value is None:
        return MISSING
    if not isinstance(value, (list, tuple, str)):
        raise MappingError(f"Only a list or a text can be cut with [from:to], but found {shown(value)}.")
    for bound in (start, stop, step):
        if bound is not None and type(bound) is not int:
            raise MappingError(f"[from:to] needs whole numbers, but found {shown(bound)}.")
    if step == 0:
        raise MappingError("The step of [from:to:step] cannot be 0.")
    return bounded(value[start:stop:step])


def count_up(budget: Budget, *bounds: Any) -> Any:
    """Return `range(…)` as a list of at most `MAX_RANGE` numbers."""
    budget.spend(1)
    for bound in bounds:
        refuse_unknown(bound)
        if nothing(bound):
            return []
        if type(bound) is not int:
            raise MappingError(
                f"'range' needs whole numbers, but found {shown(bound)}. Use 'as_integer' first."
            )
        whole(bound)
    if not 1 <= len(bounds) <= 3 or bounds[2:] == (0,):
        raise MappingError("'range' is written range(stop), range(start, stop) or range(start, stop, step).")
    numbers = range(*bounds)
    if numbers[MAX_RANGE : MAX_RANGE + 1]:
        raise MappingError(f"'range' gives at most {MAX_RANGE:,} numbers.")
    return list(numbers)
