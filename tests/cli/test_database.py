"""`automations database copy`: an installation moves from SQLite to PostgreSQL and back, and goes on there."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from automations.engine import presence
from automations.engine.presence import Me, Presence
from automations.model.states import ProcessRole
from tests.cli.conftest import TOKEN, Cli
from tests.cli.recipe_texts import GREETING

DEMANDING = GREETING.replace("name: Greeting", "name: Demanding").replace(
    "Hello {{ record.name }}", "{{ record.age | as_number }}"
)
PATIENT = GREETING.replace("name: Greeting", "name: Patient").replace(
    "    action: engine.set", "    action: engine.set\n    wait: 3d"
)


@pytest.fixture
def lived_in(connected: Cli) -> Cli:
    """An installation with secrets, with one run that is done, one parked and one that waits."""
    connected.ok("connection", "add", "webhook", "shop")
    for name, text in (("greeting", GREETING), ("demanding", DEMANDING), ("patient", PATIENT)):
        connected.ok("recipe", "apply", connected.file(f"{name}.yaml", text))
    connected.post("shop", {"id": 1, "name": "Ana", "age": "many"})
    return connected


def statuses(cli: Cli) -> dict[str, str]:
    return {run["recipe"]: run["status"] for run in cli.json("run", "list")}


EXPECTED = {"Greeting": "succeeded", "Demanding": "parked", "Patient": "waiting"}


@pytest.mark.postgres
def test_an_installation_moves_to_postgresql_and_back_with_parked_waiting_and_sealed(
    lived_in: Cli, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: lived_in.json("run", "show", number) for name, number in (("a", 1), ("b", 2), ("c", 3))}
    assert statuses(lived_in) == EXPECTED
    monkeypatch.setenv("ELSEWHERE", postgres_url)
    result = lived_in.ok("database", "copy", "--to", "env:ELSEWHERE")
    assert "counted and the same" in result.stderr
    password = postgres_url.split(":")[2].split("@")[0]
    assert password not in result.output

    monkeypatch.setenv("AUTOMATIONS_DATABASE_URL", postgres_url)
    assert statuses(lived_in) == EXPECTED
    assert {
        name: lived_in.json("run", "show", number) for name, number in (("a", 1), ("b", 2), ("c", 3))
    } == before
    assert lived_in.json("connection", "show", "acme-pipedrive", "--reveal")["settings"]["api_token"] == TOKEN
    lived_in.ok("connection", "test", "acme-pipedrive")
    parked = next(run["id"] for run in lived_in.json("run", "list", "--status", "parked"))
    lived_in.ok("run", "cancel", parked)
    lived_in.post("shop", {"id": 2, "name": "Ben", "age": 41})

    back = lived_in.folder / "back.db"
    document = lived_in.json("database", "copy", "--to", f"sqlite:///{back}")
    assert next(one["rows"] for one in document["tables"] if one["table"] == "run") == 6
    assert back.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("AUTOMATIONS_DATABASE_URL", f"sqlite:///{back}")
    assert sorted(run["status"] for run in lived_in.json("run", "list")) == sorted(
        ["succeeded", "cancelled", "waiting", "succeeded", "succeeded", "waiting"]
    )
    lived_in.ok("connection", "test", "acme-clevertap")


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT_S", 0.2)


@pytest.mark.usefixtures("quick_beats")
def test_a_running_app_is_refused_and_a_dead_one_is_not(cli: Cli) -> None:
    target = f"sqlite:///{cli.folder / 'new.db'}"
    with cli.house() as assembly:
        worker = Presence(assembly.database, assembly.clock, Me(ProcessRole.WORKER, "a/1/"))
        worker.enter()
        ends = threading.Event()

        def beat() -> None:
            while not ends.wait(0.05):
                worker.beat()

        beating = threading.Thread(target=beat)
        beating.start()
        try:
            result = cli("database", "copy", "--to", target)
        finally:
            ends.set()
            beating.join()
        assert result.exit_code == 1
        assert "The app still runs: worker on" in result.stderr
        # Killed: its row is there, and its beats stand still.
        cli.ok("database", "copy", "--to", target)


def test_a_target_that_is_not_empty_is_refused(lived_in: Cli) -> None:
    target = f"sqlite:///{lived_in.folder / 'new.db'}"
    lived_in.ok("database", "copy", "--to", target)
    result = lived_in("database", "copy", "--to", target)
    assert result.exit_code == 1
    assert "not empty" in result.stderr


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("mysql://127.0.0.1/x", "--to is no address here"),
        ("env:NOT_SET_ANYWHERE", "The variable NOT_SET_ANYWHERE is not set"),
        ("postgresql+psycopg://nobody@127.0.0.1:9/x", "cannot be used just now"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(cli: Cli, to: str, words: str) -> None:
    result = cli("database", "copy", "--to", to)
    assert result.exit_code == 1
    assert words in result.stderr


def test_one_document_and_nothing_else(cli: Cli) -> None:
    result = cli.ok("database", "copy", "--to", f"sqlite:///{cli.folder / 'new.db'}", "--json")
    assert set(json.loads(result.stdout)) == {"to", "tables"}
    assert Path(cli.folder / "new.db").exists()
