"""What is printed, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automations.cli.output import plain, print_json, print_table


def test_control_characters_of_a_record_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b[2Jb\tc\nd") == "a�[2Jb c d"
    assert plain("Größe → [bold]x[/bold]") == "Größe → [bold]x[/bold]"
    assert plain(None) == ""
    assert plain(datetime(2026, 11, 22, 9, 5, 7, tzinfo=UTC)) == "2026-11-22 09:05:07"


def test_table_in_a_pipe_has_no_colour_and_folds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "state"), [("[red]x[/red]" + "y" * 300, "parked")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]x[/red]" + "y" * 300 in out


def test_empty_table_says_so_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [], empty="There is none.")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "There is none.\n")


def test_document_is_one_json_with_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 11, 22, 9, 5, tzinfo=UTC), "text": "→"})
    assert capsys.readouterr().out == '{\n  "at": "2026-11-22T09:05:00Z",\n  "text": "→"\n}\n'
