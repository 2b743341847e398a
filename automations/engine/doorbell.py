"""A bell that every process of one machine may ring: a datagram socket in the instance folder."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from pathlib import Path

ADDRESS_MAX = 100


class Doorbell:
    """A socket that anybody on this machine may ring. Ringing one that nobody hears is no error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._path: Path | None = None
        self._folder_handle: int | None = None

    def listen(self, name: str) -> None:
        """Hear rings from now on, as `name`; one process a name."""
        path = self._folder / f"bell-{name}.sock"
        path.unlink(missing_ok=True)
        self._socket.bind(self._address(path))
        self._path = path

    def wait(self, timeout_s: float, *others: int) -> None:
        """Return when it rings, when one of these other file handles can be read, or after the time."""
        # `poll` and not `select`, which knows no file beyond the 1,024th.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        for handle in others:
            poll.register(handle, select.POLLIN)
        if poll.poll(timeout_s * 1000):
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(64):
                    pass

    def ring(self) -> None:
        for path in self._folder.glob("bell-*.sock"):
            try:
                self._socket.sendto(b"!", self._address(path))
            except (BlockingIOError, FileNotFoundError):
                continue
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)

    def _address(self, path: Path) -> str:
        """Return the path as a socket address takes it: 108 bytes; a longer one goes by the open folder."""
        text = str(path)
        if len(text.encode()) < ADDRESS_MAX:
            return text
        if self._folder_handle is None:
            self._folder_handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder_handle}/{path.name}"

    def close(self) -> None:
        self._socket.close()
        if self._folder_handle is not None:
            os.close(self._folder_handle)
            self._folder_handle = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
