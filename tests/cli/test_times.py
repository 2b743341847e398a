"""Times as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from automations.cli.times import Moment


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
    ],
)
def test_a_date_is_read_as_utc_unless_it_says_another_zone(text: str, wanted: datetime) -> None:
    assert Moment().convert(text, None, None) == wanted


@pytest.mark.parametrize(("text", "ago"), [("90m", 5400), ("2h", 7200), ("3d", 259_200), ("1w", 604_800)])
def test_how_long_ago_counts_back_from_now(text: str, ago: int) -> None:
    wanted = datetime.now(UTC) - timedelta(seconds=ago)
    assert abs(Moment().convert(text, None, None) - wanted) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["", "yesterday", "3y", "99999999999d", "2026-13-01"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="3d"):
        Moment().convert(text, None, None)
