"""Old events are told from new ones."""

from __future__ import annotations

from typing import Any

import pytest

from automations.connectors.clevertap.timeliness import too_late_for_campaigns

NOW = "2026-11-22T12:00:00.000000Z"
NOON = 1795348800


def event(**more: Any) -> dict[str, Any]:
    return {"type": "event", "identity": "7", "evtName": "Deal Won", "evtData": {}, **more}


@pytest.mark.parametrize("away_s", [0, -7200, 120, -60])
def test_live_campaigns_take_two_hours_before_and_two_minutes_ahead(away_s: int) -> None:
    assert too_late_for_campaigns(event(ts=NOON + away_s), NOW) == ""


@pytest.mark.parametrize(
    ("away_s", "words"),
    [(-7201, "it is 2 hours old"), (-7 * 86400, "it is 7 days old"), (180, "is 3 minutes ahead of now")],
)
def test_what_lies_outside_is_told(away_s: int, words: str) -> None:
    assert words in too_late_for_campaigns(event(ts=NOON + away_s), NOW)


def test_profiles_and_events_without_a_time_are_never_late() -> None:
    assert too_late_for_campaigns({"type": "profile", "ts": 1_000_000_000}, NOW) == ""
    assert too_late_for_campaigns(event(), NOW) == ""
    assert too_late_for_campaigns(event(ts=1_000_000_000), "") == ""
