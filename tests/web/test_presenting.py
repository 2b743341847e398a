"""Stored things in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.model.connection import Connection
from automations.web.app import create_app
from automations.web.presenting import ago, duration, exact, is_sandbox, json_text, plural, size, visible
from tests.engine.conftest import ToyHouse

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=30), "in a moment"),
        (timedelta(minutes=-1), "1 min ago"),
        (timedelta(minutes=-59, seconds=-59), "59 min ago"),
        (timedelta(hours=-3, minutes=-30), "3 h ago"),
        (timedelta(hours=2), "in 2 h"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=-6, hours=-23), "6 days ago"),
        (timedelta(days=-30), "2026-10-23"),
    ],
)
def test_times_are_said_as_people_say_them(toys: ToyHouse, delta: timedelta, words: str) -> None:
    with create_app(toys.assembly).app_context():
        assert ago(NOW + delta) == words


def test_no_time_is_never(toys: ToyHouse) -> None:
    with create_app(toys.assembly).app_context():
        assert ago(None) == "never"
    assert exact(None) == ""
    assert exact(NOW) == "2026-11-22 12:00:00 UTC"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text\nwith\ttabs", "plain text\nwith\ttabs"),
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\u202egpj.exe", "⟨U+202E⟩gpj.exe"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("Zoë 東京 👩", "Zoë 東京 👩"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_turns_text_around_is_left(text: str) -> None:
    assert not set(visible(text)) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x00\x1b"
    )


def test_json_is_spread_over_lines_and_keeps_its_letters() -> None:
    assert json_text({"name": "Zoë", "n": 1}) == '{\n  "name": "Zoë",\n  "n": 1\n}'
    assert json_text("just text") == "just text"
    assert json_text("\ud800") == "⟨U+D800⟩"


def test_amounts() -> None:
    assert [plural(1, "run"), plural(1204, "run")] == ["1 run", "1,204 runs"]
    assert plural(0, "reply", "replies") == "0 replies"
    assert [size(12), size(4_100_000), size(3e15)] == ["12 B", "4.1 MB", "3000.0 TB"]
    assert [duration(41), duration(61_000)] == ["41 ms", "61.0 s"]
    assert [duration(1_578_400), duration(12_600_000)] == ["26 min", "3.5 h"]


@pytest.mark.parametrize(
    ("address", "sandbox"),
    [
        ("http://127.0.0.1:8901", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("https://api.example.com", False),
        ("", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_what_runs_on_this_machine_is_a_sandbox(address: str, sandbox: bool) -> None:
    row = Connection(name="x", kind="y", settings={"base_url": address}, created_at=NOW, updated_at=NOW)
    assert is_sandbox(row) is sandbox
