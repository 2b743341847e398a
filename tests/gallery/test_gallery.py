"""Every recipe of the gallery passes its own tests on a fresh machine, with the network blocked."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

import automations.assembly  # noqa: F401 - its modules must be loaded before sockets are blocked
from automations.cli import main
from automations.engine.definition import read_definition
from automations.resources import gallery_folder

FILES = sorted(gallery_folder().glob("*.yaml"))
NEW_DEAL = gallery_folder() / "new-deal-to-clevertap-profile.yaml"


@pytest.fixture(autouse=True)
def fresh_machine_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a socket was opened")

    for name in [name for name in os.environ if name.startswith("AUTOMATIONS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def tried(*words: str) -> Any:
    result = CliRunner().invoke(main, ["recipe", "test", *words, "--mode", "offline", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_gallery_has_the_recipes_of_the_demo() -> None:
    names = {read_definition(path.read_text()).name for path in FILES}
    assert {"New deal → CleverTap profile", "Deal stage changed → CleverTap event"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recipe_passes_its_own_tests(path: Path) -> None:
    tests = tried(str(path))["tests"]
    assert [one["differences"] for one in tests] == [[] for _ in tests]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recipe_says_what_it_does_and_tests_sending(path: Path) -> None:
    definition = read_definition(path.read_text(), file=path.name)
    assert definition.description
    assert definition.enabled
    assert {test.sample for test in definition.tests} == {sample.name for sample in definition.samples}
    sending = [test for test in definition.tests if test.expect.get("outcome") == "ok"]
    assert sending
    assert all(test.expect["requests"] for test in sending)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recipe_also_fits_the_built_in_sample_of_its_trigger(path: Path, tmp_path: Path) -> None:
    definition = read_definition(path.read_text())
    bare = definition.model_copy(update={"samples": [], "tests": []})
    file = tmp_path / "bare.json"
    file.write_text(json.dumps(bare.as_tree()))
    assert tried(str(file))["outcome"] in ("ok", "filtered")


def test_new_deal_prints_the_exact_request(tmp_path: Path) -> None:
    deal = {
        "id": 5120,
        "title": "Office chairs",
        "value": 18400,
        "currency": "EUR",
        "person": {
            "id": 745,
            "name": "Ingrid Solberg",
            "email": "Ingrid@Fjord.example",
            "phone": "030 901820",
        },
        "organization": {"id": 310, "name": "Fjord Furniture"},
        "stage": {"id": 11, "name": "Lead in"},
        "owner": {"id": 1204, "name": "Maja Holm"},
    }
    sample = tmp_path / "deal.json"
    sample.write_text(json.dumps(deal))
    document = tried(str(NEW_DEAL), "--sample", str(sample))
    (step,) = document["steps"]
    (request,) = step["requests"]
    assert (document["outcome"], step["status"]) == ("ok", "succeeded")
    assert (request["method"], request["url"]) == ("POST", "https://api.clevertap.com/1/upload")
    assert request["headers"]["X-CleverTap-Passcode"] == "•••"
    assert request["body"] == {
        "d": [
            {
                "type": "profile",
                "identity": "ingrid@fjord.example",
                "profileData": {
                    "Name": "Ingrid Solberg",
                    "Email": "ingrid@fjord.example",
                    "Phone": "+4930901820",
                    "Company": "Fjord Furniture",
                    "Deal title": "Office chairs",
                    "Deal value": 18400,
                    "Deal currency": "EUR",
                    "Pipeline stage": "Lead in",
                    "Deal owner": "Maja Holm",
                },
            }
        ]
    }
