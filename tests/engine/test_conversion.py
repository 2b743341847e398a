"""A value is fitted to a field's type, or refused in words; digits are never lost in silence."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine.conversion import convert, type_words, value_words

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TYPES = [str, int, float, bool, date, datetime, list[str], list[int], dict[str, Any], Literal["a", "b"], int | str,
         str | None, list[str] | None, Any]  # fmt: skip


@given(json_values, st.sampled_from(TYPES))
def test_anything_is_converted_or_refused_in_words(value: Any, wanted: Any) -> None:
    said = type_words(wanted)
    try:
        convert(value, wanted)
    except ValueError as error:
        said = str(error)
    assert said == type_words(wanted)


@given(json_values, st.sampled_from(TYPES))
def test_converting_twice_is_converting_once(value: Any, wanted: Any) -> None:
    try:
        once = convert(value, wanted)
    except ValueError:
        return
    if not isinstance(once, datetime) and once == once:
        assert convert(once, wanted) == once


@given(st.integers(-(10**300), 10**300))
def test_whole_numbers_come_through_as_numbers_and_as_text(number: int) -> None:
    assert convert(str(number), int) == number
    assert convert(number, str) == str(number)
    assert convert(f" {number} ", float) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_through_as_text_and_back(number: float) -> None:
    assert convert(convert(number, str), float) == number


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "nan", "inf", "1e999", "Infinity", "1_000", ""]
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a number"):
        convert(value, float)


@pytest.mark.parametrize(
    ("value", "wanted", "result"),
    [
        (5.0, int, 5),
        ("+7", int, 7),
        (True, str, "true"),
        (5.0, str, "5"),
        (1e300, str, "1e+300"),
        ("YES", bool, True),
        (0, bool, False),
        ("one", list[str], ["one"]),
        (["1", 2], list[int], [1, 2]),
        ("OLDEST", Literal["stop", "oldest"], "oldest"),
        ("2026-11-22T23:30:00+02:00", date, "2026-11-22"),
        (1_000_000_000, datetime, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (5, int | str, 5),
        ("5", int | str, "5"),
        (None, str | None, None),
    ],
)
def test_what_a_person_would_accept_is_accepted(value: Any, wanted: Any, result: Any) -> None:
    found = convert(value, wanted)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, int),
        (1.5, int),
        ("1.5", int),
        (2, bool),
        ("maybe", bool),
        (["a"], str),
        ({"a": 1}, str),
        ("2026-13-01", date),
        ("2026-11-22T10:00:00", datetime),
        (1e18, datetime),
        (10**400, datetime),
        (True, datetime),
        (None, str),
        ("c", Literal["a", "b"]),
        (True, Literal[1, 2]),
        ([1], dict[str, Any]),
        (["x", {}], list[str]),
    ],
)
def test_a_guess_that_would_hide_a_mistake_is_refused(value: Any, wanted: Any) -> None:
    with pytest.raises(ValueError, match=type_words(wanted).replace("(", r"\(").replace(")", r"\)")):
        convert(value, wanted)


def test_types_and_values_have_words_for_people() -> None:
    assert type_words(int | None) == "a whole number"
    assert type_words(list[str]) == "a list (each a text)"
    assert type_words(Literal["stop", "oldest"]) == "one of stop, oldest"
    said = [value_words(value) for value in (None, True, 5, 0.5, "x", [1, 2], {})]
    assert said == [
        "nothing (null)",
        "yes or no",
        "whole number",
        "number",
        "text",
        "list of 2",
        "named values",
    ]
