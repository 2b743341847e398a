"""`automations connection …`."""

from __future__ import annotations

import json

import pytest

from automations.sandbox import PipedriveSandbox, SandboxServer
from tests.cli.conftest import TOKEN, Cli
from tests.cli.recipe_texts import GREETING


def test_revealed_connection_has_the_keys_that_its_kind_has(connected: Cli) -> None:
    shown = connected.json("connection", "show", "acme-pipedrive", "--reveal")
    assert list(shown) == ["name", "kind", "settings", "hook_url", "hook_user", "hook_password"]
    assert shown["settings"]["api_token"] == TOKEN
    assert shown["hook_url"].startswith("http://127.0.0.1:8000/hooks/pipedrive/")
    assert len(shown["hook_password"]) >= 24
    assert list(connected.json("connection", "show", "acme-clevertap")) == ["name", "kind", "settings"]


def test_webhook_connection_has_an_address_and_no_password(cli: Cli) -> None:
    made = cli.json("connection", "add", "webhook", "shop")
    assert list(made) == ["name", "kind", "settings", "hook_url"]
    assert "/hooks/in/" in made["hook_url"]


def test_secrets_are_masked_unless_they_are_asked_for(connected: Cli) -> None:
    for words in (("connection", "show", "acme-pipedrive"), ("connection", "list")):
        for more in ((), ("--json",)):
            assert TOKEN not in connected.ok(*words, *more).output
    assert TOKEN in connected.ok("connection", "show", "acme-pipedrive", "--reveal").stdout


def test_adding_again_changes_what_is_given_and_keeps_the_rest(connected: Cli) -> None:
    before = connected.json("connection", "show", "acme-pipedrive", "--reveal")
    connected.ok("connection", "add", "pipedrive", "acme-pipedrive", "--set", "person_match_field=name")
    after = connected.json("connection", "show", "acme-pipedrive", "--reveal")
    assert after["settings"] == {**before["settings"], "person_match_field": "name"}
    assert (after["hook_url"], after["hook_password"]) == (before["hook_url"], before["hook_password"])


def test_dash_asks_without_showing_what_is_typed(cli: Cli) -> None:
    words = (
        "connection",
        "add",
        "pipedrive",
        "acme",
        "--set",
        "domain=acme",
        "--set",
        "api_token=-",
        "--json",
    )
    result = cli.ok(*words, input="typed-secret\n")
    assert json.loads(result.stdout)["name"] == "acme"
    assert "typed-secret" not in result.output
    assert cli.json("connection", "show", "acme", "--reveal")["settings"]["api_token"] == "typed-secret"


def test_value_of_the_environment_is_read_at_use_and_never_stored(
    cli: Cli, pipedrive_server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("connection", "add", "pipedrive", "acme", "--set", f"base_url={pipedrive_server.url}")
    cli.ok(*words, "--set", "api_token=env:ACME_TOKEN")
    result = cli("connection", "test", "acme")
    assert result.exit_code == 1
    assert "ACME_TOKEN, which is not set" in result.stderr
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    cli.ok("connection", "test", "acme")
    shown = cli.json("connection", "show", "acme", "--reveal")
    assert shown["settings"]["api_token"] == "env:ACME_TOKEN"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pipedriv", "a"), "Did you mean 'pipedrive'"),
        (("pipedrive", "a", "--set", "domain=acme", "--set", "api_tokn=x"), "Did you mean 'api_token'"),
        (("pipedrive", "a", "--set", "domain=acme"), "API token: is required"),
        (("pipedrive", "a", "--set", "domain"), "Write it as KEY=VALUE"),
        (("clevertap", "a", "--set", "region=mars"), "Region"),
        (("webhook", " a"), "needs a name"),
    ],
)
def test_wrong_words_exit_with_2_and_name_the_right_ones(cli: Cli, words: tuple[str, ...], said: str) -> None:
    if "region=mars" in words:
        words += ("--set", "account_id=A", "--set", "passcode=p")
    result = cli("connection", "add", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert cli.json("connection", "list") == []


def test_test_asks_the_account(connected: Cli) -> None:
    assert "accepts" in connected.ok("connection", "test", "acme-clevertap").stdout
    report = connected.json("connection", "test", "acme-pipedrive")
    assert (report["name"], report["ok"]) == ("acme-pipedrive", True)
    assert "Company" in report["facts"]


def test_refused_credentials_exit_with_1_and_pause_the_connection(connected: Cli) -> None:
    connected.ok("connection", "add", "pipedrive", "acme-pipedrive", "--set", "api_token=wrong-token")
    result = connected("connection", "test", "acme-pipedrive", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert report["summary"]
    states = {row["name"]: row["state"] for row in connected.json("connection", "list")}
    assert states == {"acme-clevertap": "ok", "acme-pipedrive": "paused"}


def test_unknown_name_exits_with_1_and_names_the_nearest(connected: Cli) -> None:
    for command in ("show", "test", "remove"):
        result = connected("connection", command, "acme-pipedriv")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "Did you mean 'acme-pipedrive'" in result.stderr


def test_connection_that_a_recipe_uses_stays(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING))
    result = cli("connection", "remove", "shop")
    assert result.exit_code == 1
    assert "Greeting" in result.stderr


def test_a_connection_is_renamed_and_its_recipes_follow(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING))
    before = cli.json("connection", "show", "shop")
    assert "shop is now acme shop." in cli.ok("connection", "rename", "shop", "acme shop").stdout
    assert cli.json("connection", "show", "acme shop") == {**before, "name": "acme shop"}
    assert "connection: acme shop" in cli.ok("recipe", "export", "Greeting").stdout
    assert cli.json("connection", "rename", "acme shop", "shop")["name"] == "shop"
    refused = cli("connection", "rename", "shoop", "x")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Did you mean 'shop'" in refused.stderr


def test_removing_a_connection_takes_its_webhooks_back(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("connection", "remove", "acme-pipedrive")
    assert [row["name"] for row in connected.json("connection", "list")] == ["acme-clevertap"]
    assert pipedrive.webhooks == []


def test_empty_list_is_an_empty_document(cli: Cli) -> None:
    assert cli.json("connection", "list") == []
    result = cli.ok("connection", "list")
    assert result.stdout == ""
    assert "no connection yet" in result.stderr
