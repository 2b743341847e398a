"""Logs: one JSON line an event, whatever is in it; no secret; no line that stops a worker."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import structlog

from automations.logs import set_up_logs

Lines = Callable[[], str]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    set_up_logs()
    yield lambda: capsys.readouterr().err
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def entries(written: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in written.splitlines()]


def test_an_event_is_one_line_of_json_with_time_and_level(lines: Lines) -> None:
    structlog.get_logger("x").info("run.ended", run_id=5)
    (entry,) = entries(lines())
    assert (entry["event"], entry["run_id"], entry["level"]) == ("run.ended", 5, "info")
    assert entry["time"].endswith("Z")


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        '"}\n{"event": "forged"}',
        "\x1b[2J",
        "\x9b2J",
        "\u202e",
        "\ud800",
        10**40,
        {1: {2}},
        object(),
        b"\xff",
    ],
)
def test_whatever_is_logged_stays_in_its_line(lines: Lines, value: Any) -> None:
    structlog.get_logger("x").warning("odd", value=value)
    logging.getLogger("library").warning("odd %s", value)
    text = lines()
    assert len(entries(text)) == 2
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\u202e" not in text


def test_secrets_are_masked_by_name_at_any_depth(lines: Lines) -> None:
    structlog.get_logger("x").info(
        "call",
        api_token="hidden-1",
        headers={"Authorization": "hidden-2", "list": [{"password": "hidden-3"}]},
    )
    text = lines()
    assert "hidden" not in text
    assert entries(text)[0]["api_token"] == "•••"


def test_an_exception_tells_its_place_and_no_secret_of_its_text(lines: Lines) -> None:
    try:
        raise ValueError("GET https://x.example/?api_token=hidden-4 failed")
    except ValueError:
        structlog.get_logger("x").exception("call.failed")
    text = lines()
    (entry,) = entries(text)
    assert "ValueError" in entry["exception"]
    assert "test_logs.py" in entry["exception"]
    # The source line that raised it is quoted as well.
    assert "hidden" not in text


def test_a_line_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space left")

    monkeypatch.setattr(sys, "stderr", Full())
    structlog.get_logger("x").info("lost")


def test_libraries_speak_from_warnings_up(lines: Lines) -> None:
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    (entry,) = entries(lines())
    assert entry["event"] == "trouble"
    assert entry["logger"] == "library"
