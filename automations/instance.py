"""Where the installation is: the one thing that the parent of all processes has to know by itself."""

from __future__ import annotations

import os
from pathlib import Path

from automations.errors import SettingsError


def instance_folder(chosen: Path | None = None) -> Path:
    """Return the instance folder, absolute; it is made (0700) where it is not there.

    chosen: overrides the environment, for commands that name a folder.
    Raises SettingsError when it cannot be used.
    """
    folder = chosen or Path(os.environ.get("AUTOMATIONS_INSTANCE", "instance"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(folder, error) from error
    return folder.absolute()


def unusable(folder: Path, error: OSError) -> SettingsError:
    """Return what to say about an instance folder that the system refuses."""
    return SettingsError(
        f"The instance folder {folder} cannot be used ({error.strerror}). Choose another with AUTOMATIONS_INSTANCE."
    )
