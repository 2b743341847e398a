"""Imports that do without libraries which happen to be installed.

Some libraries load another wherever they find it, for a part of theirs that is not in use here; each such guest
stays in the memory of every process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Let imports in the block find these modules missing; what was loaded before stays there for all.

    Not for a block in which other threads import something.
    """
    hidden = [name for name in names if name not in sys.modules]
    # The documented way to make an import fail: docs.python.org/3/reference/import.html#the-module-cache
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
