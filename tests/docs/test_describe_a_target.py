"""`docs/describe-a-target.md`, followed to the letter: its file, its commands, its recipe, against a strict service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from automations.assembly import Assembly
from automations.cli import main
from automations.connectors.targets.parts import DescriptionPart, OperationPart
from automations.engine.contracts import DoorMode
from automations.engine.definition import read_definition
from automations.sandbox.described import DescribedSandbox
from automations.settings import Settings
from tests.docs.markdown import DOCS, blocks

PAGE = DOCS / "describe-a-target.md"
FILE, RECIPE = (block.text for block in blocks(PAGE, "yaml"))
LIST, COMMANDS = (block.text.strip().splitlines() for block in blocks(PAGE, "sh"))
KEY = "acme-key-4f0c77aa1c5e"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.setenv("AUTOMATIONS_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("ACME_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme_events.yaml").write_text(FILE, encoding="utf-8")
    (tmp_path / "instance").mkdir()
    return tmp_path / "instance"


@pytest.fixture
def service() -> Iterator[tuple[DescribedSandbox, str]]:
    sandbox = DescribedSandbox(FILE, {"api_key": KEY, "region": "events.acme.example"})
    with sandbox.serve(port=0) as server:
        yield sandbox, server.url


def test_its_commands_do_what_they_say(instance: Path, service: tuple[DescribedSandbox, str]) -> None:
    sandbox, url = service
    for command in [*LIST, *COMMANDS]:
        program, *words = command.split()
        assert program == "automations"
        if words[:2] == ["connection", "add"]:
            words += ["--set", f"base_url={url}"]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        assert KEY not in result.output
    assert [seen.path for seen in sandbox.requests] == ["/v1/me"]


def test_its_recipe_sends_what_the_page_says(instance: Path, service: tuple[DescribedSandbox, str]) -> None:
    sandbox, url = service
    assembly = Assembly.make(Settings(instance=instance, allowed_networks="127.0.0.0/8"))
    try:
        assembly.own_descriptions.keep("target", FILE)
        given = {"target": "acme_events", "api_key": KEY, "base_url": url}
        assembly.connections.save("target", "my-acme", given)
        assembly.connections.save("pipedrive", "acme-pipedrive", {"domain": "acme", "api_token": "t-123"})
        recipe = assembly.recipes.compile(read_definition(RECIPE), file="")
        answer = assembly.test_runs.run(recipe, recipe.trigger.sample, DoorMode.OFFLINE)
        (request,) = answer["steps"][0]["requests"]
        (record,) = request["body"]["batch"]
        assert record["kind"] == "profile"
        assert record["attributes"]["deals"] == {"add": 1}
        assert {"first_name", "deal_id"} <= record["attributes"].keys()
        assert sandbox.requests == []
    finally:
        assembly.close()


def test_every_key_of_the_format_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in {*DescriptionPart.model_fields, *OperationPart.model_fields} - {"target", "title", "about"}:
        assert name in page, name
    assert set(yaml.safe_load(FILE)) <= set(DescriptionPart.model_fields)
