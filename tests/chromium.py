"""Find the Chromium of this machine. Run as a program, it prints the path, or says what to do and exits with 1."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OVERRIDE = "TEST_CHROMIUM"

# As a test needs it: no GPU, no sandbox (root has none), and not a word to anyone but this machine.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


class ChromiumMissingError(Exception):
    """There is no Chromium on this machine.

    `make test` installs one where it may (as root, with apt-get). Elsewhere install the package `chromium`, or set
    TEST_CHROMIUM to the path of a Chromium or Chrome.
    """

    def __str__(self) -> str:
        return " ".join((self.__doc__ or "").split())


def find_chromium() -> Path:
    """Return the path of the browser; raises `ChromiumMissingError`."""
    chosen = os.environ.get(_OVERRIDE)
    if chosen:
        if not Path(chosen).is_file():
            raise ChromiumMissingError
        return Path(chosen)
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise ChromiumMissingError


if __name__ == "__main__":
    try:
        print(find_chromium())
    except ChromiumMissingError as missing:
        print(missing, file=sys.stderr)
        sys.exit(1)
