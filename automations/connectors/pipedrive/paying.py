"""Paying for a call before it is made: short waits are slept here, long ones hold the connection."""

from __future__ import annotations

from time import sleep

from automations.connectors.pipedrive.costs import DAILY, SEARCH, wait_for
from automations.engine.contracts import DirectoryLike, Pool
from automations.errors import UnavailableError

SLEPT_AT_MOST_S = 2.5


def pay(method: str, path: str, directory: DirectoryLike) -> None:
    """Take what a call costs out of the account's budgets, after a short sleep where that is enough.

    Raises UnavailableError when the wait would be longer; nothing was sent then. It holds the whole connection,
    unless this work leaves a part of the budget to others.
    """
    slept_s = 0.0
    while True:
        wait_s, pool = wait_for(method, path, directory)
        if wait_s <= 0:
            return
        if slept_s + wait_s > SLEPT_AT_MOST_S:
            raise _too_long(wait_s, pool, whole_connection=not directory.can_wait)
        sleep(wait_s)
        slept_s += wait_s


def _too_long(wait_s: float, pool: Pool, *, whole_connection: bool) -> UnavailableError:
    if pool is DAILY:
        who = "Everything of this connection" if whole_connection else "Work that can wait"
        words = f"The company's daily budget of Pipedrive calls is used up. {who} waits until midnight UTC."
    else:
        what = "searches" if pool is SEARCH else "calls"
        words = (
            f"Too many {what} for Pipedrive's limit of two seconds. This waits {wait_s:.1f} s for its turn."
        )
    return UnavailableError(words, retry_after_s=wait_s, whole_connection=whole_connection)
