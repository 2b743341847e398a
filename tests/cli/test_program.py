"""The command as a process of its own: what a script sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cli.recipe_texts import PROFILE


def automations(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    script = "from automations.cli import main; main(prog_name='automations')"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATIONS_")}
    environment = {**kept, "AUTOMATIONS_INSTANCE": str(folder / "instance"), **more}
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_recipe_file_is_tested_in_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text(PROFILE)
    done = automations(tmp_path, "recipe", "test", "profile.yaml", "--sample", "Ana", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["steps"][0]["requests"][0]["body"]["d"][0]["identity"] == "ana@example.com"


def test_document_alone_is_on_standard_output(tmp_path: Path) -> None:
    done = automations(tmp_path, "connection", "add", "webhook", "shop", "--json")
    assert json.loads(done.stdout)["name"] == "shop"
    assert "Made the key file" in done.stderr
    again = automations(tmp_path, "connection", "list", "--json")
    assert (json.loads(again.stdout)[0]["name"], again.stderr) == ("shop", "")


def test_exit_status_tells_failure_from_wrong_words(tmp_path: Path) -> None:
    failed = automations(tmp_path, "run", "show", "7")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1] == "Error: There is no run 7; it may have been pruned."
    wrong = automations(tmp_path, "run", "show", "seven")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_wrong_setting_is_named_without_a_traceback(tmp_path: Path) -> None:
    done = automations(tmp_path, "run", "list", AUTOMATIONS_RETENTION_DAYS="soon")
    assert done.returncode == 1
    assert "AUTOMATIONS_RETENTION_DAYS" in done.stderr
    assert "Traceback" not in done.stderr
    shown = automations(tmp_path, "run", "list", AUTOMATIONS_RETENTION_DAYS="soon", AUTOMATIONS_DEBUG="1")
    assert "Traceback" in shown.stderr
