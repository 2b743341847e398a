"""Columns mean the same on both databases, and keep whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from automations.model.columns import (
    KEY_MAX,
    dump_json,
    load_json,
    micros,
    moment,
    storable,
    storable_key,
)

times = st.datetimes(datetime(1, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))
clean = st.text(st.characters(exclude_categories=("Cs",)))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | clean,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(clean, inner, max_size=4),
    max_leaves=10,
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    | st.frozensets(st.integers(), max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(times)
def test_a_time_comes_back_to_the_microsecond(at: datetime) -> None:
    assert moment(micros(at)) == at


@given(times, st.timedeltas(timedelta(microseconds=1), timedelta(days=9)))
def test_later_times_sort_later(at: datetime, later: timedelta) -> None:
    assert micros(at) < micros(at + later)


@given(json_values)
@example({"\x00": 10**30})
def test_json_comes_back_as_it_went_every_digit(value: Any) -> None:
    assert load_json(dump_json(value)) == value


@given(anything)
def test_whatever_is_given_becomes_text_that_any_database_takes(value: Any) -> None:
    text = dump_json(value)
    text.encode("utf-8")
    assert "\x00" not in text
    load_json(text)


def test_what_is_nested_without_end_is_cut() -> None:
    value: list[Any] = []
    value.append(value)
    assert "…" in str(load_json(dump_json(value)))


@given(st.text())
def test_storable_texts_are_left_alone_and_others_mended(text: str) -> None:
    kept = storable(text)
    kept.encode("utf-8")
    assert "\x00" not in kept
    assert len(kept) == len(text)
    assert storable(kept) == kept


@given(st.text(min_size=KEY_MAX - 5, max_size=KEY_MAX + 300), st.text(min_size=1, max_size=5))
def test_keys_are_short_and_stay_apart(text: str, more: str) -> None:
    assert len(storable_key(text)) <= KEY_MAX
    assert storable_key(storable_key(text)) == storable_key(text)
    if "\x00" not in text + more and storable(text + more) == text + more:
        assert storable_key(text) != storable_key(text + more)
