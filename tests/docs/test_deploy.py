"""What stands ready in docs/deploy names commands, options, settings and files that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from automations.cli import main
from automations.settings import Settings
from tests.docs.markdown import DOCS, ROOT, blocks

DEPLOY = DOCS / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
SETTINGS = {f"AUTOMATIONS_{name.upper()}" for name in Settings.model_fields}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def parses(words: list[str]) -> None:
    """Let the command line read these words as it would, without doing anything."""
    context = main.make_context("automations", list(words), resilient_parsing=False)
    name, command, rest = main.resolve_command(context, context._protected_args + context.args)
    assert command is not None, name
    command.make_context(name or "", rest, parent=context, resilient_parsing=False)


def services() -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"AUTOMATIONS_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS


def test_compose_is_one_database_two_webs_and_three_workers() -> None:
    assert services()["web"]["deploy"]["replicas"] == 2
    assert services()["worker"]["deploy"]["replicas"] == 3
    assert "postgres" in services()["database"]["image"]
    for name in ("web", "worker"):
        service = services()[name]
        parses(service["command"])
        assert (ROOT / "docs/deploy" / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert int(service["stop_grace_period"].removesuffix("s")) > 30


def test_compose_mounts_only_what_is_there() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


def test_every_value_that_compose_asks_for_stands_in_the_example() -> None:
    example = (DEPLOY / "automations.env.example").read_text(encoding="utf-8")
    given = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert asked <= given


def test_health_is_asked_at_an_address_that_answers() -> None:
    from automations.web.health import READY

    assert READY in " ".join(services()["web"]["healthcheck"]["test"])
    compile(services()["web"]["healthcheck"]["test"][-1], "healthcheck", "exec")


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (.+)$", text, re.MULTILINE)]
    sources = [name for names in copied for name in names]
    assert all((ROOT / name).exists() for name in sources)
    assert {"pyproject.toml", "constraints.txt", "README.md", "automations", "templates", "static"} <= set(
        sources
    )
    (command,) = re.findall(r"^CMD (\[.+\])$", text, re.MULTILINE)
    parses(yaml.safe_load(command))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_start_commands_that_exist(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (started,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    parses(started.replace("%i", "1").split()[1:])
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(patience) > 30


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("this machine has no systemd-analyze")
    text = re.sub(
        r"/opt/automations/\.venv/bin/automations", sys.executable, unit.read_text(encoding="utf-8")
    )
    name = unit.name.replace("@.", "@1.")
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if name in line]
    assert told == []


def test_commands_of_the_guide_exist() -> None:
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    for block in blocks(DOCS / "scaling.md", "sh"):
        for line in block.text.splitlines():
            if line.startswith("automations "):
                parses(line.split()[1:])
    for words in re.findall(r"`automations ([a-z ]+)`", text):
        command: click.Command = main
        result = CliRunner().invoke(command, [*words.split(), "--help"])
        assert result.exit_code == 0, words
