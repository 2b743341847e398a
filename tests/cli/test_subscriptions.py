"""`automations subscription …`."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest

from automations.engine import sweeps
from automations.resources import gallery_folder
from automations.sandbox import PipedriveSandbox
from tests.cli.conftest import Cli

NEW_DEAL = gallery_folder() / "new-deal-to-clevertap-profile.yaml"


def test_webhook_that_was_removed_there_is_made_again(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("recipe", "apply", NEW_DEAL)
    (kept,) = connected.json("subscription", "list")
    assert (kept["connection"], kept["topic"]) == ("acme-pipedrive", "deal")
    pipedrive.hooks.remove(int(kept["remote_id"]))
    (report,) = connected.json("subscription", "sync")
    assert (report["added"], report["problem"]) == (["deal"], "")
    assert len(pipedrive.webhooks) == 1
    assert "acme-pipedrive" in connected.ok("subscription", "list").stdout
    assert "deal" in connected.ok("subscription", "sync", "acme-pipedrive").stdout


def test_problem_exits_with_1_and_is_named(connected: Cli) -> None:
    connected.ok("recipe", "apply", NEW_DEAL)
    connected.ok("connection", "add", "pipedrive", "acme-pipedrive", "--set", "api_token=wrong-token")
    result = connected("subscription", "sync", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["problem"]
    result = connected("subscription", "sync")
    assert result.exit_code == 1
    assert "could not be brought in line" in result.stderr


def test_unknown_connection_is_named(connected: Cli) -> None:
    result = connected("subscription", "sync", "acme")
    assert result.exit_code == 1
    assert "no connection named 'acme'" in result.stderr


def test_without_webhooks_there_is_nothing_to_list(cli: Cli) -> None:
    assert cli.json("subscription", "list") == []
    assert cli.json("subscription", "sync") == []
    assert cli.ok("subscription", "sync").stdout == ""


def test_what_did_not_arrive_is_fetched_and_told(
    connected: Cli, pipedrive: PipedriveSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "AT_REST", timedelta())
    connected.ok("recipe", "apply", NEW_DEAL)
    # Nobody listens at the public address, so none of these webhooks arrives.
    with connected.house() as assembly:
        assembly.sweeps.look()
    # The account's times are whole seconds; what changed in the second of the first look counts as before it.
    time.sleep(1.1)
    person = pipedrive.create("person", {"name": "Ana", "emails": [{"value": "ana@example.com"}]})
    for number in range(3):
        pipedrive.create("deal", {"title": f"Deal {number}", "value": 5000, "person_id": person["id"]})
    said = connected.ok("subscription", "sweep", "acme-pipedrive").stdout
    assert said == "acme-pipedrive: expected 3, received 0, recovered 3.\n"
    with connected.house() as assembly:
        assembly.runner("test/1/a").work_until_idle()
    assert [run["status"] for run in connected.json("run", "list")] == ["succeeded"] * 3
    document = connected.json("subscription", "sweep", "acme-pipedrive")
    assert (document["state"], document["done"], document["skipped"], document["made"]) == ("done", 3, 3, 0)
    assert "received 3, recovered 0" in connected.ok("subscription", "list").stderr
    checks = json.loads(connected("doctor", "--offline", "--json").stdout)["checks"]
    (found,) = [one for one in checks if one["check"] == "missed events"]
    assert (found["state"], found["fact"]) == ("ok", "acme-pipedrive: expected 3, received 3, recovered 0")


def test_a_connection_without_webhooks_has_nothing_to_sweep(connected: Cli) -> None:
    result = connected("subscription", "sweep", "acme-pipedrive")
    assert result.exit_code == 1
    assert "nothing to look through" in result.stderr


def test_a_sweep_right_after_another_is_told_so(connected: Cli) -> None:
    connected.ok("recipe", "apply", NEW_DEAL)
    with connected.house() as assembly:
        assembly.sweeps.look()
    result = connected("subscription", "sweep", "acme-pipedrive")
    assert result.exit_code == 1
    assert "a moment ago" in result.stderr
