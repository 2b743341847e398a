"""The wheel carries everything that is not Python, and what is installed finds it from any folder."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Folder of the checkout -> its place in the wheel.
CARRIED = {
    "templates": "automations/_templates",
    "static": "automations/_static",
    "automations/gallery": "automations/gallery",
    "automations/model/migrations": "automations/model/migrations",
}
ASK = """import sys; sys.path.insert(0, sys.argv[1])
from automations.resources import gallery_folder, static_folder, templates_folder
print(templates_folder(), static_folder(), gallery_folder(), sep="\\n")"""


def run_pip(*words: str | Path) -> None:
    """Run pip without asking any index; what it said is in the failure."""
    command = [sys.executable, "-m", "pip", *words, "--no-index", "--no-deps", "--disable-pip-version-check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run_pip("wheel", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.parametrize("folder", CARRIED)
def test_wheel_carries_every_file_of(folder: str, wheel: Path) -> None:
    files = [
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert files, f"{folder}/ is empty."
    wanted = {f"{CARRIED[folder]}/{path.relative_to(ROOT / folder).as_posix()}" for path in files}
    with zipfile.ZipFile(wheel) as archive:
        missing = wanted - set(archive.namelist())
    assert not missing


def test_wheel_carries_neither_tests_nor_an_instance(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"automations"}


def test_installed_package_finds_its_folders_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "a place with spaces"
    run_pip("install", "--quiet", "--target", target, wheel)
    answer = subprocess.run(
        [sys.executable, "-I", "-c", ASK, target], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    package = target / "automations"
    assert answer.stdout.splitlines() == [
        str(package / "_templates"),
        str(package / "_static"),
        str(package / "gallery"),
    ]


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {_normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in wanted}
    pinned = {
        _normal(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert names <= pinned, f"Run `make pins`: constraints.txt lacks {', '.join(sorted(names - pinned))}."


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
