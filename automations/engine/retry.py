"""When to try again: a decision, returned as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from automations.errors import AutomationError, CredentialsError, OutcomeUnknownError, UnavailableError

#: Seconds after each failed try: eleven tries over about 70 hours, longer than a daily budget's reset.
SCHEDULE_S = (10, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400)
AFTER_OVERLOAD_S = 60
RETRY_AFTER_MAX_S = 86_400
HORIZON = timedelta(hours=72)
JITTER = 0.2


@dataclass(frozen=True)
class Retry:
    """at: aware, UTC, when to try again. hold_until: nothing of the whole connection leaves before it."""

    at: datetime
    hold_until: datetime | None = None


@dataclass(frozen=True)
class Pause:
    """The connection pauses until its owner mends it; the work keeps its place."""


@dataclass(frozen=True)
class Park:
    """A person must act."""


def after_failure(
    error: AutomationError, *, attempts: int, since: datetime, now: datetime, jitter: float
) -> Retry | Pause | Park:
    """Return what follows a failed attempt; decided by the error's class alone.

    attempts: attempts already made, at least 1. since: when the first was made.
    now: aware, UTC. jitter: drawn by the caller, 0 <= jitter < 1.
    The n-th failure waits `SCHEDULE_S[n-1]`, stretched or shortened by up to 20 %, or what the other side asked
    for when that is longer, up to a day. A fact of the whole connection (429, maintenance) waits as long as was
    asked, else a minute, and uses up no tries: it parks only what has waited 72 hours.
    """
    if isinstance(error, CredentialsError):
        return Pause()
    if not isinstance(error, (UnavailableError, OutcomeUnknownError)):
        return Park()
    whole = isinstance(error, UnavailableError) and error.whole_connection
    if now - since > HORIZON or (attempts > len(SCHEDULE_S) and not whole):
        return Park()
    # Compared this way round, what is negative or no number at all counts as nothing asked for.
    asked_s = error.retry_after_s or 0.0
    asked_s = min(asked_s, RETRY_AFTER_MAX_S) if asked_s > 0 else 0.0
    if whole:
        hold_s = asked_s or AFTER_OVERLOAD_S * (1 + JITTER * jitter)
        until = now + timedelta(seconds=hold_s)
        return Retry(until, hold_until=until)
    delay_s = SCHEDULE_S[min(attempts, len(SCHEDULE_S)) - 1] * (1 - JITTER + 2 * JITTER * jitter)
    return Retry(now + timedelta(seconds=max(delay_s, asked_s)))
