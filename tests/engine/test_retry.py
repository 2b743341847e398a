"""The schedule: when a failed attempt is made again, and when a person must act."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine.retry import (
    HORIZON,
    JITTER,
    RETRY_AFTER_MAX_S,
    SCHEDULE_S,
    Park,
    Pause,
    Retry,
    after_failure,
)
from automations.errors import (
    AutomationError,
    CredentialsError,
    InputError,
    MappingError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


def delay_s(error: AutomationError, attempts: int = 1, jitter: float = 0.5) -> float:
    follow = after_failure(error, attempts=attempts, since=NOW, now=NOW, jitter=jitter)
    assert isinstance(follow, Retry)
    return (follow.at - NOW).total_seconds()


@given(st.integers(1, len(SCHEDULE_S)), jitters)
def test_every_delay_stays_within_a_fifth_of_the_schedule(attempts: int, jitter: float) -> None:
    planned = SCHEDULE_S[attempts - 1]
    for error in (UnavailableError(), OutcomeUnknownError()):
        found = delay_s(error, attempts, jitter)
        assert planned * (1 - JITTER) - 1e-6 <= found <= planned * (1 + JITTER) + 1e-6


@given(st.integers(1, len(SCHEDULE_S) - 1), jitters)
def test_a_later_try_never_waits_less(attempts: int, jitter: float) -> None:
    assert delay_s(UnavailableError(), attempts, jitter) <= delay_s(UnavailableError(), attempts + 1, jitter)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none(), st.booleans(), jitters)
def test_what_the_other_side_asks_for_is_kept_within_a_day(
    asked_s: float | None, whole: bool, jitter: float
) -> None:
    error = UnavailableError(retry_after_s=asked_s, whole_connection=whole)
    found = delay_s(error, 1, jitter)
    assert 0 <= found <= RETRY_AFTER_MAX_S + 1
    if asked_s is not None and math.isfinite(asked_s) and 0 < asked_s <= RETRY_AFTER_MAX_S:
        assert found >= asked_s - 1e-6


def test_eleven_tries_are_made_over_about_seventy_hours() -> None:
    assert sum(SCHEDULE_S) == pytest.approx(70 * 3600, rel=0.1)
    for attempts in range(1, len(SCHEDULE_S) + 1):
        delay_s(UnavailableError(), attempts)
    last = after_failure(UnavailableError(), attempts=len(SCHEDULE_S) + 1, since=NOW, now=NOW, jitter=0)
    assert last == Park()


def test_a_fact_of_the_whole_connection_uses_up_no_tries_but_ends_too() -> None:
    limited = UnavailableError(whole_connection=True)
    follow = after_failure(limited, attempts=500, since=NOW - timedelta(hours=71), now=NOW, jitter=0)
    assert isinstance(follow, Retry)
    assert follow.hold_until == follow.at
    late = after_failure(limited, attempts=1, since=NOW - HORIZON - timedelta(seconds=1), now=NOW, jitter=0)
    assert late == Park()


@pytest.mark.parametrize(
    "error", [RejectedError(), MappingError(), InputError(), AutomationError(), RejectedError(code="513")]
)
def test_what_trying_again_cannot_help_waits_for_a_person(error: AutomationError) -> None:
    assert after_failure(error, attempts=1, since=NOW, now=NOW, jitter=0) == Park()


def test_wrong_credentials_pause_however_long_it_has_been() -> None:
    long_ago = NOW - timedelta(days=30)
    assert after_failure(CredentialsError(), attempts=99, since=long_ago, now=NOW, jitter=0) == Pause()
