"""The tests, written after `is`: `{% if deal.value is number %}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from automations.engine.templating.comparing import is_number
from automations.engine.templating.context import GuardedContext
from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.missing import MISSING
from automations.engine.templating.operators import compare
from automations.engine.templating.values import Unknown, shown
from automations.errors import MappingError

_tests = FilterTable("Tests")


@_tests.add("defined", "Whether there is such a key, even with null in it.", "{{ 1 is defined }}", True,
            cures_missing=True)  # fmt: skip
def _defined(value: Any) -> bool:
    return value is not MISSING and type(value) is not Unknown


@_tests.add("undefined", "Whether there is no such key.", "{{ 1 is undefined }}", False, cures_missing=True)
def _undefined(value: Any) -> bool:
    return not _defined(value)


@_tests.add("none", "Whether there is no value: null, or no such key.", "{{ none is none }}", True,
            cures_missing=True)  # fmt: skip
def _none(value: Any) -> bool:
    if type(value) is Unknown:
        value.refuse()
    return value is None or value is MISSING


@_tests.add("string", "Whether it is a text.", "{{ 'a' is string }}", True)
def _string(value: Any) -> bool:
    return isinstance(value, str)


@_tests.add("number", "Whether it is a number; true and false are not.", "{{ '5' is number }}", False)
def _number(value: Any) -> bool:
    return is_number(value)


@_tests.add("integer", "Whether it is a whole number.", "{{ 5 is integer }}", True)
def _integer(value: Any) -> bool:
    return type(value) is int


@_tests.add("float", "Whether it is a number written with a point.", "{{ 5.5 is float }}", True)
def _float(value: Any) -> bool:
    return type(value) is float


@_tests.add("boolean", "Whether it is true or false.", "{{ true is boolean }}", True)
def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


@_tests.add("true", "Whether it is true itself.", "{{ true is true }}", True)
def _true(value: Any) -> bool:
    return value is True


@_tests.add("false", "Whether it is false itself.", "{{ 0 is false }}", False)
def _false(value: Any) -> bool:
    return value is False


@_tests.add("mapping", "Whether it is an object.", "{{ {'a': 1} is mapping }}", True)
def _mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


@_tests.add("sequence", "Whether it is a list.", "{{ [1] is sequence }}", True)
def _sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple))


@_tests.add(
    "iterable", "Whether a loop can go through it: a list or an object.", "{{ [1] is iterable }}", True
)
def _iterable(value: Any) -> bool:
    return isinstance(value, (list, tuple, Mapping))


@_tests.add("lower", "Whether a text has no capital letters.", "{{ 'abc' is lower }}", True)
def _lower(value: Any) -> bool:
    return isinstance(value, str) and value.islower()


@_tests.add("upper", "Whether a text has no small letters.", "{{ 'ABC' is upper }}", True)
def _upper(value: Any) -> bool:
    return isinstance(value, str) and value.isupper()


def _whole(value: Any, name: str) -> int:
    if type(value) is not int:
        raise MappingError(
            f"'is {name}' needs a whole number, but found {shown(value)}. Use 'as_integer' first."
        )
    return value


@_tests.add("even", "Whether a whole number is even.", "{{ 4 is even }}", True)
def _even(value: Any) -> bool:
    return _whole(value, "even") % 2 == 0


@_tests.add("odd", "Whether a whole number is odd.", "{{ 4 is odd }}", False)
def _odd(value: Any) -> bool:
    return _whole(value, "odd") % 2 == 1


@_tests.add(
    "divisibleby(number)", "Whether a whole number divides without rest.", "{{ 9 is divisibleby(3) }}", True
)
def _divisibleby(value: Any, number: Any) -> bool:
    if number == 0:
        raise MappingError("'is divisibleby' cannot divide by 0.")
    return _whole(value, "divisibleby") % _whole(number, "divisibleby") == 0


def _comparison(sign: str) -> Callable[[GuardedContext, Any, Any], bool]:
    def holds(context: GuardedContext, value: Any, other: Any) -> bool:
        return compare(context.budget, value, sign, other)

    return holds


for _name, _sign, _words, _aliases, _example in (
    ("eq", "eq", "equals", ("equalto", "=="), 2),
    ("ne", "ne", "differs from", ("!=",), 3),
    ("gt", "gt", "is greater than", ("greaterthan", ">"), 1),
    ("ge", "gteq", "is at least", (">=",), 2),
    ("lt", "lt", "is less than", ("lessthan", "<"), 3),
    ("le", "lteq", "is at most", ("<=",), 2),
):
    _tests.add(
        f"{_name}(other)", f"Whether it {_words} the other value.", f"{{{{ 2 is {_name}({_example}) }}}}", True,
        aliases=_aliases, cures_missing=True, needs_context=True,
    )(_comparison(_sign))  # fmt: skip


@_tests.add("in(list)", "Whether it is one of a list, or a part of a text.", "{{ 2 is in([1, 2]) }}", True,
            needs_context=True)  # fmt: skip
def _in(context: GuardedContext, value: Any, holder: Any) -> bool:
    return compare(context.budget, value, "in", holder)


TESTS: Final[Mapping[str, FilterDoc]] = _tests.docs
