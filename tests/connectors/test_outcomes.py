import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.connectors.outcomes import parse_json, read_retry_after, what_it_said
from automations.engine.masking import Masker

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("7", 7), (" 120 ", 120), ("999999999", 86_400), ("9999999999", None),
        ("Fri, 01 May 2026 12:00:30 GMT", 30), ("Fri, 01 May 2026 12:00:30 -0000", 30),
        ("Fri, 01 May 2026 12:00:00 GMT", 0), ("Fri, 01 May 2026 11:59:59 GMT", None),
        ("Fri, 01 May 2036 12:00:00 GMT", 86_400), ("Fri, 01 May 2026 14:00:30 +0200", 30),
        (None, None), ("", None), ("-1", None), ("+5", None), ("1.5", None), ("1e3", None), ("soon", None),
        ("٣", None), ("Fri, 99 May 2026 12:00:30 GMT", None), ("0x10", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_ahead(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9} .{0,9}"))
def test_retry_after_never_raises_and_stays_within_a_day(value: str) -> None:
    seconds = read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@given(st.integers(0, 86_400))
def test_retry_after_dates_are_exact(seconds: int) -> None:
    assert read_retry_after(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"success": false, "error": "title is required", "data": {"x": "no"}}', "title is required"),
        ('{"error": {"code": 7, "message": "bad key"}}', "bad key"),
        ('{"error": "Bad Request", "message": "no such field"}', "Bad Request; no such field"),
        ('{"errors": [{"detail": "a"}, "b", {"detail": "a"}]}', "a; b"),
        ('{"errors": {"email": ["is taken"]}}', "is taken"),
        ('{"code": 1}', '{"code": 1}'),
        ("  <h1>Bad\n\tgateway\x00</h1> ", "<h1>Bad gateway </h1>"),
        ("", ""),
        ("x" * 500, "x" * 200),
    ],
)
def test_the_replys_own_words_are_found(text: str, said: str) -> None:
    assert what_it_said(text, Masker(()).excerpt) == said


@given(
    st.text() | st.recursive(st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_what_it_said_is_short_printable_and_never_raises(text: str) -> None:
    said = what_it_said(text, Masker(()).excerpt)
    assert len(said) <= 300
    assert said.isprintable()


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{'a': 1}", "1 2", "", '"\ud800"', "[" * 3000])
def test_loose_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_json(text)


@given(st.integers(-(10**40), 10**40))
def test_whole_numbers_are_read_exactly(number: int) -> None:
    assert parse_json(json.dumps({"n": [number]})) == {"n": [number]}
