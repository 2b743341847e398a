"""Answers as RFC 9112 has them, where Python's own reading is more lenient than a kept connection can bear.

What is taken for an answer and is none, or ends elsewhere than it says, becomes the beginning of the next call's.
"""

from __future__ import annotations

import http.client
from typing import Any, Final

_SWITCHED: Final = 101
_LONGEST_LINE: Final = 2**16
_HEADERS_MAX: Final = 100


class Answer(http.client.HTTPResponse):
    """Passes over every 1xx, which is no answer yet (section 15.2 of RFC 9110), and believes no two lengths.

    `begin` raises HTTPException, beside what it always raises, for a protocol that nobody asked for and for lengths
    that contradict each other (RFC 9112, section 6.3): nobody can know then where the next answer begins.
    """

    def begin(self) -> None:
        super().begin()
        lengths = {length.strip() for length in self.headers.get_all("content-length", [])}
        if len(lengths) > 1:
            raise http.client.HTTPException("an answer with two lengths")

    def _read_status(self) -> tuple[str, int, str]:
        """Python's own passes over 100 alone, once this has told it of that."""
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            status = found[1]
            if status == _SWITCHED:
                raise http.client.HTTPException("another protocol, which nobody asked for")
            if not http.client.CONTINUE < status < http.client.OK:
                return found
            self._pass_over_headers()

    def _pass_over_headers(self) -> None:
        stream: Any = self.fp
        for _ in range(_HEADERS_MAX + 1):
            line = stream.readline(_LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n"):
                return
            if not line or len(line) > _LONGEST_LINE:
                break
        raise http.client.HTTPException("headers that do not end")
