"""Published SDKs, installed beside the project and never into it: two versions of one package cannot share a folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Kept with the virtual environment, so that the next run needs no network and `make clean` removes it.
SHELF = ROOT / ".venv" / "sdks"

_SHARED = ("python-dateutil==2.9.0.post0", "six==1.17.0")
#: What each needs besides what the project itself has (requests and what stands below it).
PYTHON_SDKS = {
    "segment-2.4": ("segment-analytics-python==2.4.0", "PyJWT==2.12.0", *_SHARED),
    "segment-2.3": ("segment-analytics-python==2.3.6", "PyJWT==2.12.0", "backoff==2.2.1", *_SHARED),
    "rudder": ("rudder-sdk-python==2.1.9", "backoff==2.2.1", "deprecation==2.1.0", *_SHARED),
}


def python_sdk(name: str) -> Path:
    """Return the folder that holds this SDK, installed at the first call."""
    wanted = PYTHON_SDKS[name]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "--target",
    ]
    return _installed(
        name, wanted, lambda folder: subprocess.run([*command, str(folder), *wanted], check=True)
    )


def node_sdks() -> Path:
    """Return a folder whose `node_modules` has the packages of `node/package.json`."""
    package = ROOT / "tests" / "segment" / "node" / "package.json"

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        shutil.copy(package, folder)
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, check=True, cwd=folder)

    return _installed("node", [package.read_text(encoding="utf-8")], install)


def _installed(name: str, wanted: Sequence[str], install: object) -> Path:
    fingerprint = hashlib.sha256("\n".join((sys.version, *wanted)).encode()).hexdigest()[:12]
    folder = SHELF / f"{name}-{fingerprint}"
    if not folder.is_dir():
        unfinished = SHELF / f"{name}-{fingerprint}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        assert callable(install)
        install(unfinished)
        unfinished.rename(folder)
    return folder
