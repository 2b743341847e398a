"""`automations recipe test`."""

from __future__ import annotations

import json
import socket
from typing import Any, NoReturn

import pytest

from automations.resources import gallery_folder
from automations.sandbox import ClevertapSandbox, PipedriveSandbox
from tests.cli.conftest import Cli
from tests.cli.recipe_texts import BROKEN, GREETING, PROFILE
from tests.connectors.pipedrive import webhooks

NEW_DEAL = gallery_folder() / "new-deal-to-clevertap-profile.yaml"


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def tried(cli: Cli, *words: object, status: int = 0) -> Any:
    result = cli("recipe", "test", *words, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("no_sockets")
def test_document_has_exactly_the_promised_shape(cli: Cli) -> None:
    sample = cli.file("ana.json", '{"id": 7, "name": "Ana", "email": "ana@example.com"}')
    document = tried(cli, cli.file("profile.yaml", PROFILE), "--sample", sample)
    assert list(document) == ["outcome", "why", "steps"]
    (step,) = document["steps"]
    assert list(step) == ["name", "status", "fields", "requests", "outputs", "error"]
    (request,) = step["requests"]
    assert list(request) == ["method", "url", "headers", "body"]
    assert request["body"]["d"][0]["profileData"] == {"Name": "Ana"}
    assert (document["outcome"], step["status"], step["error"]) == ("ok", "succeeded", None)


@pytest.mark.usefixtures("no_sockets")
def test_own_tests_run_on_a_fresh_machine(cli: Cli) -> None:
    result = cli.ok("recipe", "test", cli.file("profile.yaml", PROFILE))
    assert "2 of 2 tests passed" in result.stdout
    assert "Stood in for, because they are not there yet: acme-clevertap, shop" in result.stderr
    document = tried(cli, cli.folder / "profile.yaml")
    assert [one["passed"] for one in document["tests"]] == [True, True]
    assert document["steps"][0]["requests"][0]["url"] == "https://api.clevertap.com/1/upload"


def test_failing_test_exits_with_1_and_says_what_differs(cli: Cli) -> None:
    text = PROFILE.replace("profileData: {Name: Ana}", "profileData: {Name: Anna}")
    result = cli("recipe", "test", cli.file("profile.yaml", text))
    assert result.exit_code == 1
    assert "requests[0].body.d[0].profileData.Name is 'Ana', expected 'Anna'" in result.stdout
    assert "1 of 2 tests passed" in result.stdout
    document = tried(cli, cli.folder / "profile.yaml", status=1)
    assert [one["passed"] for one in document["tests"]] == [False, True]
    assert document["outcome"] == "ok"


def test_test_of_a_sample_that_is_not_there_fails(cli: Cli) -> None:
    text = PROFILE.replace("- sample: Nobody", "- sample: Nobdy")
    document = tried(cli, cli.file("profile.yaml", text), status=1)
    assert "Did you mean 'Nobody'" in document["tests"][1]["differences"][0]


def test_filtered_sample_is_no_failure(cli: Cli) -> None:
    document = tried(cli, cli.file("profile.yaml", PROFILE), "--sample", "Nobody")
    assert (document["outcome"], document["steps"]) == ("filtered", [])
    assert "filtered" in cli.ok("recipe", "test", cli.folder / "profile.yaml", "--sample", "Nobody").stdout


def test_step_that_cannot_be_rendered_is_an_error(cli: Cli) -> None:
    sample = cli.file("bad.json", '{"id": 7, "email": "no address"}')
    document = tried(cli, cli.file("profile.yaml", PROFILE), "--sample", sample, status=1)
    assert document["outcome"] == "error"
    assert set(document["steps"][0]["error"]) == {"kind", "step", "field", "message"}
    result = cli("recipe", "test", cli.folder / "profile.yaml", "--sample", sample)
    assert "no address" in result.stdout


def test_recipe_with_mistakes_is_an_error_that_lists_them(cli: Cli) -> None:
    document = tried(cli, cli.file("broken.yaml", BROKEN), status=1)
    assert (document["outcome"], document["steps"]) == ("error", [])
    assert any(line.startswith("trigger.key: There is no trigger") for line in document["why"])


def test_recipe_without_tests_is_tried_on_its_first_sample(cli: Cli) -> None:
    result = cli.ok("recipe", "test", cli.file("greeting.yaml", GREETING))
    assert "no tests of its own" in result.stderr
    assert result.stdout.startswith("ok")


def test_stored_recipe_is_tested_by_its_name_on_a_stored_event(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING))
    event_id = cli.post("shop", {"id": 7, "name": "Ana"})
    document = tried(cli, "Greeting", "--sample", event_id)
    assert document["steps"][0]["outputs"] == {"hello": "Hello Ana"}
    result = cli("recipe", "test", "Greeting", "--sample", "999")
    assert result.exit_code == 1
    assert "no event 999" in result.stderr


def test_stored_recipe_is_tested_as_its_draft_stands(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING))
    cli.ok("recipe", "apply", cli.file("new.yaml", GREETING.replace("Hello", "Good day")), "--draft")
    sample = cli.file("ana.json", '{"id": 7, "name": "Ana"}')
    assert tried(cli, "Greeting", "--sample", sample)["steps"][0]["outputs"] == {"hello": "Good day Ana"}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("nowhere.yaml",), 2, "There is no file 'nowhere.yaml'"),
        (("Greting",), 1, "no recipe named 'Greting'"),
        (("profile.yaml", "--sample", "nowhere.json"), 2, "There is no file 'nowhere.json'"),
        (("profile.yaml", "--sample", "Anna"), 1, "Did you mean 'Ana'"),
        (("profile.yaml", "--mode", "live", "--yes"), 2, "--mode live needs --sample"),
        (("profile.yaml", "--mode", "sideways"), 2, "sideways"),
        (("profile.yaml", "--sample", "Ana", "--mode", "lookups"), 1, "There is no connection named"),
    ],
)
def test_what_cannot_be_tested_is_named(cli: Cli, words: tuple[str, ...], status: int, said: str) -> None:
    cli.file("profile.yaml", PROFILE)
    result = cli("recipe", "test", *words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr


def test_live_test_asks_first_and_then_sends(connected: Cli, clevertap: ClevertapSandbox) -> None:
    connected.ok("connection", "add", "webhook", "shop")
    words = ("recipe", "test", connected.file("profile.yaml", PROFILE), "--sample", "Ana", "--mode", "live")
    refused = connected(*words, input="n\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert clevertap.profiles == {}
    connected.ok(*words, input="y\n")
    assert list(clevertap.profiles) == ["ana@example.com"]


def test_live_test_in_a_script_says_yes_beforehand(connected: Cli, clevertap: ClevertapSandbox) -> None:
    connected.ok("connection", "add", "webhook", "shop")
    path = connected.file("profile.yaml", PROFILE)
    document = tried(connected, path, "--sample", "Ana", "--mode", "live", "--yes")
    assert document["outcome"] == "ok"
    assert list(clevertap.profiles) == ["ana@example.com"]


def test_check_asks_the_target_and_sends_nothing_that_it_would_keep(
    connected: Cli, clevertap: ClevertapSandbox
) -> None:
    connected.ok("connection", "add", "webhook", "shop")
    removal = """
  - name: removal
    action: clevertap.delete_profile
    connection: acme-clevertap
    fields: {identity: bo@example.com}
samples:"""
    path = connected.file("profile.yaml", PROFILE.split("tests:")[0].replace("\nsamples:", removal, 1))
    document = tried(connected, path, "--sample", "Ana", "--mode", "live", "--validate")
    assert document["outcome"] == "ok"
    assert [call.dry_run for call in clevertap.calls] == [True]
    assert clevertap.profiles == {}
    assert [seen.path for seen in clevertap.requests] == ["/1/upload"]
    assert document["why"][-1] == "removal cannot be checked without doing it, so it was not sent"
    refused = connected("recipe", "test", path, "--sample", "Ana", "--validate")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "needs --mode live" in refused.stderr


def test_offline_test_with_real_connections_sends_nothing(
    connected: Cli, clevertap: ClevertapSandbox
) -> None:
    connected.ok("connection", "add", "webhook", "shop")
    result = connected.ok("recipe", "test", connected.file("profile.yaml", PROFILE), "--sample", "Ana")
    assert "Stood in" not in result.stderr
    assert clevertap.profiles == {}
    document = tried(connected, connected.folder / "profile.yaml", "--sample", "Ana")
    request = document["steps"][0]["requests"][0]
    assert request["url"].startswith("http://127.0.0.1:")
    assert "a-passcode" not in json.dumps(document)


def test_lookups_show_what_the_account_really_has(
    connected: Cli, pipedrive: PipedriveSandbox, clevertap: ClevertapSandbox
) -> None:
    person = pipedrive.create(
        "person", {"name": "Ana Real", "emails": [{"value": "ana@real.example", "primary": True}]}
    )
    deal = pipedrive.create(
        "deal", {"title": "Real deal", "value": 70, "currency": "EUR", "person_id": person["id"]}
    )
    sample = connected.file("deal.json", json.dumps(deal, default=str))
    document = tried(connected, NEW_DEAL, "--sample", sample, "--mode", "lookups")
    assert document["outcome"] == "ok"
    (request,) = document["steps"][0]["requests"]
    sent = request["body"]["d"][0]
    assert (sent["identity"], sent["profileData"]["Name"]) == ("ana@real.example", "Ana Real")
    assert sent["profileData"]["Pipeline stage"]
    assert clevertap.profiles == {}


def test_stored_event_brings_what_its_run_had_looked_up(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("recipe", "apply", NEW_DEAL)
    person = pipedrive.create(
        "person", {"name": "Ana Real", "emails": [{"value": "ana@real.example", "primary": True}]}
    )
    deal = webhooks.deal(title="Real deal", person_id=person["id"])
    event_id = connected.post("acme-pipedrive", webhooks.v2("deal", "create", deal))
    document = tried(connected, "New deal → CleverTap profile", "--sample", event_id)
    assert document["outcome"] == "ok"
    assert document["steps"][0]["fields"]["identity"] == "ana@real.example"


def test_offline_test_says_what_the_sample_does_not_bring(cli: Cli) -> None:
    sample = cli.file("deal.json", '{"id": 5120, "title": "Office chairs", "person_id": 745}')
    result = cli.ok("recipe", "test", NEW_DEAL, "--sample", sample)
    assert "the sample does not bring: organization, owner, person, stage" in result.stderr
    assert result.stdout.startswith("filtered")
