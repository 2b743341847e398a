"""How a parent knows that a child stands still, and ends it.

A process that is stopped, or hangs where no other of its threads goes on, holds what it has. On SQLite that may be
the one lock under which everything is written, and then nobody else goes on. Dead, it holds nothing, and what was
in its hands is taken up again. So each child sends its number through a pipe every few seconds, and its parent kills
and replaces the one that has sent nothing for a lease's length.

The parent counts its own looks, not time: one that was stopped together with its children (Ctrl-Z, a machine put to
sleep) has not looked meanwhile and kills nobody.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
import time
from collections import Counter

#: A worker's leases last as long (`leases.LEASE`), so whoever is killed has lost its work already.
SILENT_S = 60.0
BEAT_S = 2.0
#: Tells children where to send their beats: the number of the open pipe, and its inode.
LIFELINE = "AUTOMATIONS_LIFELINE"

_BEAT = struct.Struct("=i")


class Lifeline:
    """The parent's end. look_every_s: how often `silent` will be asked."""

    def __init__(self, look_every_s: float) -> None:
        self._looks_allowed = round(SILENT_S / look_every_s)
        self._from, self.to = os.pipe()
        for end in (self._from, self.to):
            os.set_blocking(end, False)
        self._silent_looks: Counter[int] = Counter()

    @property
    def address(self) -> str:
        """What a child finds in its environment as LIFELINE."""
        return f"{self.to}:{os.fstat(self.to).st_ino}"

    def silent(self) -> list[int]:
        """Hear what was sent, and return the children that have been silent for too long by now."""
        for pid in self._silent_looks:
            self._silent_looks[pid] += 1
        for pid in self._heard():
            self._silent_looks[pid] = 0
        for pid in [pid for pid in self._silent_looks if not _is_running_child(pid)]:
            del self._silent_looks[pid]
        return [pid for pid, looks in self._silent_looks.items() if looks > self._looks_allowed]

    def _heard(self) -> set[int]:
        try:
            beats = os.read(self._from, 65_536)
        except BlockingIOError:
            return set()
        return {pid for (pid,) in _BEAT.iter_unpack(beats)}

    def kill_silent(self) -> list[int]:
        """Kill the children that have been silent for too long; return them. Who keeps them alive replaces them."""
        killed = self.silent()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            del self._silent_looks[pid]
        return killed


def _is_running_child(pid: int) -> bool:
    """Whether this number is still that of a child of ours; another process may have got it after one that died."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def keep_beating() -> None:
    """Let the parent hear from this process from now on, when it has one that listens."""
    number, _, inode = os.environ.pop(LIFELINE, "").partition(":")
    if not number:
        return
    pipe = int(number)
    try:
        is_ours = os.fstat(pipe).st_ino == int(inode)
    except OSError:
        is_ours = False
    if is_ours:
        threading.Thread(target=_beat_forever, args=(pipe,), daemon=True, name="lifeline").start()


def _beat_forever(pipe: int) -> None:
    beat = _BEAT.pack(os.getpid())
    while True:
        # A full pipe is that of a parent which does not look.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, beat)
        time.sleep(BEAT_S)
