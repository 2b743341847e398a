"""`automations doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automations.cli.findings import judged_address
from automations.resources import gallery_folder
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.recipe_texts import GREETING

NEW_DEAL = gallery_folder() / "new-deal-to-clevertap-profile.yaml"
DEMANDING = GREETING.replace("Hello {{ record.name }}", "{{ record.age | as_number }}")


def states(cli: Cli, *words: str) -> tuple[int, dict[str, list[Any]]]:
    result = cli("doctor", "--json", *words)
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    found: dict[str, list[Any]] = {}
    for check in document["checks"]:
        assert list(check) == ["check", "state", "fact", "advice"]
        assert (
            check["state"] == "ok" or check["advice"] or check["check"] in ("keys", "connectors", "webhooks")
        )
        found.setdefault(check["check"], []).append(check["state"])
    return result.exit_code, found


def test_fresh_installation_only_lacks_a_public_address(cli: Cli) -> None:
    status, found = states(cli)
    assert status == 0
    assert found.pop("public address") == ["warning"]
    assert {state for listed in found.values() for state in listed} == {"ok"}
    assert {"database", "keys", "clock", "connectors", "queue", "parked work", "disk"} <= found.keys()
    assert "AUTOMATIONS_PUBLIC_URL" in cli.ok("doctor").stdout


def test_connections_and_webhooks_are_asked(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("recipe", "apply", NEW_DEAL)
    status, found = states(connected)
    assert (status, found["connections"], found["webhooks"]) == (0, ["ok", "ok"], ["ok"])
    pipedrive.hooks.remove(int(connected.json("subscription", "list")[0]["remote_id"]))
    assert states(connected, "--offline")[1]["webhooks"] == ["ok"]
    status, found = states(connected)
    assert (status, found["webhooks"]) == (1, ["failed"])
    assert "automations subscription sync 'acme-pipedrive'" in connected("doctor").stdout


def test_refused_credentials_are_found_and_remembered(connected: Cli) -> None:
    connected.ok("connection", "add", "pipedrive", "acme-pipedrive", "--set", "api_token=wrong-token")
    assert states(connected, "--offline")[1]["connections"] == ["ok", "ok"]
    status, found = states(connected)
    assert (status, sorted(found["connections"])) == (1, ["failed", "ok"])
    assert sorted(states(connected, "--offline")[1]["connections"]) == ["failed", "ok"]


def test_secret_that_no_key_opens_is_found(connected: Cli) -> None:
    from cryptography.fernet import Fernet

    (connected.instance / "secret.keys").write_bytes(Fernet.generate_key() + b"\n")
    status, found = states(connected, "--offline")
    assert status == 1
    assert found["keys"].count("failed") == 2


def test_parked_run_is_a_warning(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("demanding.yaml", DEMANDING))
    cli.post("shop", {"id": 1, "name": "Ana", "age": "many"})
    status, found = states(cli)
    assert (status, found["parked work"]) == (0, ["warning"])


def test_event_that_nobody_decides_is_found(cli: Cli) -> None:
    from datetime import timedelta

    from sqlmodel import select

    from automations.model.history import Event

    cli.ok("connection", "add", "webhook", "shop")
    cli.post("shop", {"id": 1, "name": "Ana"})
    for age, state in (
        (timedelta(), "ok"),
        (timedelta(minutes=5), "warning"),
        (timedelta(hours=1), "failed"),
    ):
        with cli.house() as assembly, assembly.database.write() as session:
            event = session.exec(select(Event)).one()
            event.decided_at, event.received_at = None, assembly.clock.now() - age
            session.add(event)
        assert states(cli)[1]["queue"] == [state]


def test_clock_behind_the_newest_event_is_found(cli: Cli) -> None:
    from datetime import timedelta

    from sqlmodel import select

    from automations.model.history import Event

    cli.ok("connection", "add", "webhook", "shop")
    cli.post("shop", {"id": 1, "name": "Ana"})
    with cli.house() as assembly, assembly.database.write() as session:
        event = session.exec(select(Event)).one()
        event.received_at = assembly.clock.now() + timedelta(hours=3)
        session.add(event)
    assert states(cli)[1]["clock"] == ["failed"]


def test_installation_that_does_not_open_is_a_finding(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATIONS_WORKERS", "none")
    result = cli("doctor", "--json")
    assert result.exit_code == 1
    (check,) = json.loads(result.stdout)["checks"]
    assert check["state"] == "failed"
    assert "AUTOMATIONS_WORKERS" in check["fact"]


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("https://automations.example.com", "ok"),
        ("http://automations.example.com", "warning"),
        ("http://127.0.0.1:8000", "warning"),
        ("http://localhost:8000", "warning"),
        ("https://10.1.2.3", "warning"),
        ("https://[::1]", "warning"),
        ("https://8.8.8.8", "ok"),
        ("https://server", "warning"),
        ("automations.example.com", "failed"),
        ("ftp://automations.example.com", "failed"),
    ],
)
def test_public_address_is_judged(url: str, state: str, tmp_path: Path) -> None:
    assert judged_address(Settings(instance=tmp_path, public_url=url)).state == state
