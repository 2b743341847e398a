"""Patience as a whole: however the tries go, it ends, and not before its time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from automations.engine.retry import HORIZON, RETRY_AFTER_MAX_S, SCHEDULE_S, Park, Retry, after_failure
from automations.errors import OutcomeUnknownError, UnavailableError

SINCE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
jitters = st.lists(st.floats(0, 1, exclude_max=True), min_size=40, max_size=40)


@given(jitters, st.booleans())
def test_eleven_tries_over_two_to_three_and_a_half_days(jitters: list[float], unknown: bool) -> None:
    error = OutcomeUnknownError() if unknown else UnavailableError()
    now, tries, waits = SINCE, 1, []
    while isinstance(
        follow := after_failure(error, attempts=tries, since=SINCE, now=now, jitter=jitters[tries]), Retry
    ):
        waits.append((follow.at - now).total_seconds())
        now, tries = follow.at, tries + 1
        assert follow.hold_until is None
    assert isinstance(follow, Park)
    # Parked because the tries were used up, or because three days were over: never sooner.
    assert tries == len(SCHEDULE_S) + 1 or now - SINCE > HORIZON
    assert now - SINCE >= 0.8 * timedelta(seconds=sum(SCHEDULE_S))
    # The last wait may begin just before the three days are over.
    assert now - SINCE <= HORIZON + timedelta(seconds=1.2 * SCHEDULE_S[-1])
    # Each plan is at least 1.5 times the one before, or as long as the longest: jitter alone never turns them round.
    assert all(later > 0.66 * sooner for sooner, later in itertools.pairwise(waits))


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 200_000)), max_size=60))
def test_a_limit_of_the_whole_account_uses_up_no_tries_but_ends_after_three_days(
    steps: list[tuple[float, int]],
) -> None:
    now, tries = SINCE, 1
    for jitter, asked_s in steps:
        error = UnavailableError(retry_after_s=asked_s, whole_connection=True)
        follow = after_failure(error, attempts=tries, since=SINCE, now=now, jitter=jitter)
        if isinstance(follow, Park):
            assert now - SINCE > HORIZON
            return
        assert isinstance(follow, Retry)
        assert follow.at == follow.hold_until
        assert now < follow.at <= now + timedelta(seconds=RETRY_AFTER_MAX_S)
        assert (follow.at - now).total_seconds() >= min(asked_s, RETRY_AFTER_MAX_S) - 1e-3
        now, tries = follow.at, tries + 1
    assert now - SINCE <= HORIZON + timedelta(seconds=RETRY_AFTER_MAX_S)
