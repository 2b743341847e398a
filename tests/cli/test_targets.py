"""`automations target …`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from automations.cli import main
from automations.connectors.targets.library import shipped

TEXT = (
    shipped()["segment"].replace("target: segment", "target: acme").replace("title: Segment", "title: Acme")
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(tmp_path / "instance"))
    path = tmp_path / "acme.yaml"
    path.write_text(TEXT)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["target", *words])


def test_every_shipped_service_is_listed_and_shown(file: Path) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert {row["name"] for row in listed} == set(shipped())
    assert all(not row["own"] and row["sources"] and row["problem"] == "" for row in listed)
    assert run("show", "braze").stdout == shipped()["braze"]
    assert json.loads(run("show", "braze", "--json").stdout)["name"] == "braze"


def test_an_unknown_name_is_told_with_the_nearest(file: Path) -> None:
    result = run("show", "mixpanl")
    assert result.exit_code == 1
    assert "Did you mean 'mixpanel'?" in result.output


def test_a_checked_file_is_not_kept_and_an_added_one_is(file: Path) -> None:
    assert json.loads(run("check", str(file), "--json").stdout)["name"] == "acme"
    assert "acme" not in run("list").stdout
    assert run("add", str(file)).exit_code == 0
    assert "acme" in run("list").stdout
    assert run("remove", "acme").exit_code == 0
    assert "acme" not in run("list").stdout


def test_everything_wrong_with_a_file_is_told(file: Path) -> None:
    file.write_text(TEXT.replace("settings.write_key", "settings.writekey").replace("title:", "titel:", 1))
    result = run("check", str(file))
    assert result.exit_code == 1
    assert "titel: There is no key 'titel' here. Did you mean 'title'?" in result.output
    file.write_text(TEXT.replace("settings.write_key", "settings.writekey"))
    assert (
        "auth.basic.user: There is no setting 'writekey'. Did you mean 'write_key'?"
        in run("add", str(file)).output
    )


def test_a_shipped_one_cannot_be_replaced_or_removed(file: Path) -> None:
    file.write_text(shipped()["segment"])
    assert "comes with the app" in run("add", str(file)).output
    assert run("remove", "segment").exit_code == 1
