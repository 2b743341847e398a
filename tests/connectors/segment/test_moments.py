"""When a message happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from automations.connectors.segment.moments import happened_at, moment, written

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T12:00:00.000Z", NOON),
        ("2026-11-20T12:00:00+00:00", NOON),
        ("2026-11-20T13:00:00.000000+01:00", NOON),
        ("2026-11-20T12:00:00", NOON),
        (" 2026-11-20 12:00:00Z ", NOON),
        (1795176000, NOON),
        (1795176000000, NOON),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (-5, None),
        (1e300, None),
        ("0001-01-01T00:00:00+10:00", None),
        ({"at": 1}, None),
    ],
)
def test_times_are_read_as_sdks_write_them(value: Any, expected: datetime | None) -> None:
    assert moment(value) == expected


def test_senders_own_timestamp_is_kept() -> None:
    message = {
        "timestamp": "2025-01-01T00:00:00Z",
        "originalTimestamp": "2026-11-20T11:00:00Z",
        "sentAt": "2026-11-20T11:50:00Z",
        "receivedAt": "2026-11-20T12:00:00Z",
    }
    assert written(happened_at(message)) == "2025-01-01T00:00:00.000Z"


def test_slow_clock_is_put_right() -> None:
    message = {
        "originalTimestamp": "2026-11-20T11:49:30Z",
        "sentAt": "2026-11-20T11:50:00Z",
        "receivedAt": "2026-11-20T12:00:00Z",
    }
    assert written(happened_at(message)) == "2026-11-20T11:59:30.000Z"


def test_message_never_happened_after_it_came() -> None:
    message = {
        "originalTimestamp": "2026-11-20T11:55:00Z",
        "sentAt": "2026-11-20T11:50:00Z",
        "receivedAt": "2026-11-20T12:00:00Z",
    }
    assert happened_at(message) == NOON


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"receivedAt": "2026-11-20T12:00:00Z"}, NOON),
        ({"timestamp": "soon", "receivedAt": "2026-11-20T12:00:00Z"}, NOON),
        ({"originalTimestamp": "2026-11-20T12:00:00Z", "receivedAt": "2026-11-21T12:00:00Z"}, NOON),
        ({"originalTimestamp": "2026-11-20T12:00:00Z", "sentAt": "2026-11-20T12:00:09Z"}, NOON),
        ({}, None),
    ],
)
def test_without_the_sending_clock_the_nearest_word_counts(
    message: dict[str, Any], expected: datetime | None
) -> None:
    assert happened_at(message) == expected
