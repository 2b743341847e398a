"""The filter of the runs' list, as its addresses have it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from automations.engine.run_filter import RunFilter

PERIODS = {"day": ("the last 24 hours", timedelta(days=1)), "week": ("the last 7 days", timedelta(days=7))}
FILTERS = ("recipe", "status", "since", "search")


def filter_of(chosen: Mapping[str, str], now: datetime) -> RunFilter:
    """Return the filter that these words of an address mean; `since` is a word of `PERIODS`."""
    period = PERIODS.get(chosen.get("since", ""))
    status = chosen.get("status", "")
    return RunFilter(
        recipe=chosen.get("recipe", ""),
        statuses=(status,) if status else (),
        search=chosen.get("search", ""),
        since=now - period[1] if period else None,
    )
