"""`automations retention`: ten thousand runs go, the file becomes smaller, and it says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automations.cli import retention
from bench.many_runs import multiply
from tests.cli.conftest import Cli
from tests.cli.watched import Watched, rises

RECIPE = """
name: Note it
enabled: true
trigger: {key: webhook.received, connection: in}
steps:
  - {name: keep, action: engine.set, fields: {values: {text: "{{ record.text }}", more: "{{ record.more }}"}}}
"""
RUNS = 10_000
DAY_US = 86_400_000_000


def filled(cli: Cli, *, days: int) -> Path:
    """Give the file of an installation with ten thousand ended runs, spread over so many days until now."""
    cli.ok("connection", "add", "webhook", "in")
    cli.ok("recipe", "apply", cli.file("recipe.yaml", RECIPE))
    for number in range(40):
        cli.post("in", {"text": f"number {number}", "more": "words that fill a record " * 20})
    with cli.house() as assembly:
        multiply(assembly.database, RUNS // 40, days * DAY_US * 40 // RUNS)
    return cli.instance / "automations.db"


def taken(file: Path) -> int:
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


def test_ten_thousand_old_runs_go_and_the_disk_gets_their_room(cli: Cli) -> None:
    file = filled(cli, days=60)
    before = cli.json("retention", "show")
    assert [(one["recipe"], one["runs"]) for one in before["recipes"]] == [("Note it", RUNS)]
    size = taken(file)
    done = cli.json("retention", "run")
    assert 4_500 < done["runs"] < 5_500
    assert done["runs"] == done["events"]
    assert done["packed"] > 10_000
    assert taken(file) < 0.4 * size
    assert cli.json("retention", "show")["recipes"][0]["runs"] == RUNS - done["runs"]
    assert cli.json("retention", "run")["runs"] == 0
    newest = cli.json("run", "list", "--limit", 1)[0]
    assert cli.json("run", "show", newest["id"])["event_id"] == newest["event_id"]


def removed(text: str) -> list[int]:
    """Return the numbers of removed runs that were shown, in order."""
    return [
        int(count.replace(",", "")) for count in re.findall(r"([\d,]+) runs and [\d,]+ events removed", text)
    ]


def test_its_progress_is_shown_and_what_a_killed_one_left_is_done_by_the_next(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(cli, days=60)
    with Watched("retention", "run") as command:
        command.until(lambda: any(count >= 1_000 for count in removed(command.shown)))
        command.kill()
    left = cli.json("retention", "show")["recipes"][0]["runs"]
    assert 5_500 < left <= RUNS - max(removed(command.shown))
    monkeypatch.setattr(retention, "TELL_EVERY_S", 0.0)
    said = cli.ok("retention", "run")
    line_by_line = removed(said.stderr)
    assert rises(line_by_line)
    assert 4_500 < RUNS - left + line_by_line[-1] < 5_500
    assert "rows packed" in said.stderr
    assert cli.json("retention", "show")["recipes"][0]["runs"] == left - line_by_line[-1]


def test_over_its_budget_history_shrinks_to_it(cli: Cli) -> None:
    filled(cli, days=5)
    used = cli.json("retention", "show")["used_bytes"]
    cli.instance.joinpath("settings.env").write_text(f"AUTOMATIONS_DISK_BUDGET={used // 2}B\n")
    done = cli.json("retention", "run")
    assert done["usage"]["used_bytes"] <= used // 2
    assert 0 < done["runs"] < RUNS
    oldest = cli.json("run", "list", "--limit", 1000)[-1]
    assert oldest["id"] > 1


def test_it_is_said_in_words(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "in")
    shown = cli.ok("retention", "show")
    assert "of 5.0 GB" in shown.stdout
    assert "Removed 0 runs" in cli.ok("retention", "run", "--compact").stdout
