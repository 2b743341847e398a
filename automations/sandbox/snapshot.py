"""A state file: one JSON document, replaced as a whole some moments after each change."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

SAVE_AFTER_S = 0.3


class StateFile:
    """Saves `snapshot()` to `path`; without a path it does nothing at all."""

    def __init__(self, path: Path | None, snapshot: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._snapshot = snapshot
        # Two locks: `touch` runs under the account's lock, which `snapshot` takes while a save is under way.
        self._timer_lock = threading.Lock()
        self._save_lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def load(self) -> dict[str, Any] | None:
        """What was saved, or None when there is nothing yet."""
        if self._path is None or not self._path.exists():
            return None
        saved: dict[str, Any] = orjson.loads(self._path.read_bytes())
        return saved

    def touch(self) -> None:
        """Save soon; several changes share one save."""
        if self._path is None:
            return
        with self._timer_lock:
            if self._timer is None:
                self._timer = threading.Timer(SAVE_AFTER_S, self.save_now)
                self._timer.daemon = True
                self._timer.start()

    def save_now(self) -> None:
        """Write beside the file, then rename over it: a reader sees the old document or the new one."""
        if self._path is None:
            return
        with self._timer_lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        with self._save_lock:
            beside = self._path.with_suffix(".new")
            # Only for the owner: it holds the passwords of registered webhooks.
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(orjson.dumps(self._snapshot()))
                out.flush()
                os.fsync(out.fileno())
            beside.replace(self._path)
