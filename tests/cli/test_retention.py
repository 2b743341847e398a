"""`automations retention`: ten thousand runs go, the file becomes smaller, and it says so."""

from __future__ import annotations

from pathlib import Path

from bench.many_runs import multiply
from tests.cli.conftest import Cli

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
