"""Where the files that are not Python stand: templates, static files, the gallery.

In a checkout `templates/` and `static/` stand at the top, beside the package; a wheel carries copies of both
inside the package, so an installed one works from any folder.
"""

from __future__ import annotations

from pathlib import Path

from automations.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """Return the folder of the page templates; raises `SettingsError` when the installation lacks it."""
    return _folder("templates", carried="_templates")


def static_folder() -> Path:
    """Return the folder served as `/static`; raises `SettingsError` when the installation lacks it."""
    return _folder("static", carried="_static")


def gallery_folder() -> Path:
    """Return the folder of the ready recipes, YAML files; raises `SettingsError` when it is missing."""
    return _existing(_PACKAGE / "gallery", name="gallery")


def _folder(name: str, *, carried: str) -> Path:
    inside = _PACKAGE / carried
    return inside if inside.is_dir() else _existing(_PACKAGE.parent / name, name=name)


def _existing(folder: Path, *, name: str) -> Path:
    if not folder.is_dir():
        raise SettingsError(
            f"The folder {name!r} is missing: there is no {folder}. Install the package again from its wheel."
        )
    return folder
