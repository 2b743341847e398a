"""`automations backfill`, `automations recipe enable --import` and `automations job …`, over a sandbox account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from automations.sandbox import PipedriveSandbox
from tests.cli.conftest import TOKEN, Cli

RECIPE = """
name: Everybody
trigger: {key: pipedrive.person_created, connection: acme}
steps:
  - name: keep
    action: engine.set
    fields: {values: {who: "{{ person.name }}"}}
"""


@pytest.fixture
def account() -> Iterator[tuple[PipedriveSandbox, str]]:
    sandbox = PipedriveSandbox(api_token=TOKEN, company_domain="acme")
    with sandbox.serve() as server:
        yield sandbox, server.url


@pytest.fixture
def acme(
    cli: Cli, account: tuple[PipedriveSandbox, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Cli, PipedriveSandbox]:
    monkeypatch.setenv("AUTOMATIONS_ALLOWED_NETWORKS", "127.0.0.0/8")
    sandbox, url = account
    for number in range(12):
        sandbox.create("person", {"name": f"Person {number}"})
    cli.ok(
        "connection", "add", "pipedrive", "acme", "--set", f"base_url={url}", "--set", f"api_token={TOKEN}"
    )
    cli.ok("recipe", "apply", cli.file("everybody.yaml", RECIPE))
    return cli, sandbox


def drained(cli: Cli) -> list[dict[str, Any]]:
    with cli.house() as assembly:
        assembly.runner("test/1/a").work_until_idle()
    found: list[dict[str, Any]] = cli.json("run", "list", "--limit", 1000)
    return found


def test_existing_records_go_through_the_recipe(acme: tuple[Cli, PipedriveSandbox]) -> None:
    cli, _ = acme
    document = cli.json("backfill", "Everybody")
    assert (document["state"], document["expected"], document["done"], document["made"]) == (
        "done",
        12,
        12,
        12,
    )
    assert {run["status"] for run in drained(cli)} == {"succeeded"}
    text = cli.ok("backfill", "Everybody").stdout
    assert "12 of 12 (100 %) looked at, 0 sent through the recipe" in text


def test_a_dry_run_counts_and_shows_ten_and_stores_nothing(acme: tuple[Cli, PipedriveSandbox]) -> None:
    cli, sandbox = acme
    text = cli.ok("backfill", "Everybody", "--dry-run").output
    assert "12 of 12 records would go through the recipe." in text
    assert "Nothing was stored and nothing sent." in text
    document = cli.json("backfill", "Everybody", "--dry-run", "--limit", 11)
    assert (document["wanted"], len(document["samples"]), document["complete"]) == (11, 10, True)
    assert drained(cli) == []
    assert cli.json("job", "list") == []
    assert {one.method for one in sandbox.requests if "/persons" in one.path} == {"GET"}


def test_a_job_is_left_to_the_workers_paused_resumed_and_followed(acme: tuple[Cli, PipedriveSandbox]) -> None:
    cli, _ = acme
    assert "Job 1 does it" in cli.ok("backfill", "Everybody", "--detach", "--limit", 5, "--rate", 6000).stdout
    assert cli("backfill", "Everybody", "--detach").exit_code == 1
    cli.ok("job", "pause", 1)
    assert cli.json("job", "show", 1)["state"] == "paused"
    cli.ok("job", "resume", 1)
    followed = cli.json("job", "show", 1, "--follow")
    assert (followed["state"], followed["made"], followed["created_by"]) == ("done", 5, "command line")
    (row,) = cli.json("job", "list")
    assert row["what"] == "existing records through 'Everybody', at most 5"
    assert "5 of 5 (100 %)" in cli.ok("job", "list").stdout
    refused = cli("job", "cancel", 1)
    assert refused.exit_code == 1
    assert "is done and cannot become cancelled" in refused.output


def test_a_recipe_is_switched_on_with_what_exists(acme: tuple[Cli, PipedriveSandbox]) -> None:
    cli, _ = acme
    cli.ok("recipe", "disable", "Everybody")
    assert "is off" in cli("backfill", "Everybody").output
    assert "Job 1" in cli.ok("recipe", "enable", "Everybody", "--import").stdout
    cli.ok("job", "show", 1, "--follow")
    assert len(drained(cli)) == 12


def test_a_job_that_is_cancelled_leaves_the_rest(acme: tuple[Cli, PipedriveSandbox]) -> None:
    cli, _ = acme
    cli.ok("backfill", "Everybody", "--detach")
    assert "what it made stays" in cli.ok("job", "cancel", 1).stdout
    assert drained(cli) == []
    assert cli("job", "show", 99).exit_code == 1
