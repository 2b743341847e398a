"""`automations token`."""

from __future__ import annotations

from tests.cli.conftest import Cli


def test_token_is_made_shown_once_listed_and_removed(cli: Cli) -> None:
    made = cli.json("token", "add", "reporting", "--role", "viewer")
    assert made["token"].startswith("aut_")
    assert made["token"] not in cli.ok("token", "list").stdout
    assert [row["name"] for row in cli.json("token", "list")] == ["reporting"]
    again = cli("token", "add", "reporting", "--role", "viewer")
    assert again.exit_code == 1
    assert "already" in again.stderr
    cli.ok("token", "remove", "reporting")
    assert cli.json("token", "list") == []
    assert "no token" in cli("token", "remove", "reporting").stderr


def test_text_alone_stands_on_standard_output(cli: Cli) -> None:
    shown = cli.ok("token", "add", "ci", "--role", "editor")
    assert shown.stdout.strip().startswith("aut_")
    assert "not shown again" in shown.stderr
