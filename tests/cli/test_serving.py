"""The parent of all processes lives as long as the app, and loads nothing that only its children use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HEAVY = ("pydantic", "sqlalchemy", "rich", "greenlet", "flask", "cryptography", "requests")


def test_the_parent_stays_small() -> None:
    code = (
        "import sys, granian, automations.cli, automations.cli.serving;"
        f"print(sorted(set({_HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_preparing_says_how_many_workers_are_set(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "automations.cli.processes"],
        env={"AUTOMATIONS_INSTANCE": str(tmp_path / "instance"), "AUTOMATIONS_WORKERS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"


def test_a_wrong_setting_ends_the_start_with_its_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "automations", "serve"],
        env={"AUTOMATIONS_INSTANCE": str(tmp_path / "instance"), "AUTOMATIONS_WORKERS": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "AUTOMATIONS_WORKERS" in done.stderr
