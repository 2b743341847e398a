"""One call and its answer: what a client reads, and what is kept of it with secrets masked."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

import requests
from urllib3.exceptions import DecodeError, HTTPError

from automations.connectors.outcomes import Effect, parse_json, unreadable
from automations.engine.masking import Masker
from automations.made_often import made_often

LARGEST_REPLY: Final = 2**20
LARGEST_RECORD: Final = 16 * 2**10

_PIECE: Final = 2**16
_CHARSET: Final = re.compile(
    r"charset=[\"']?(us-ascii|iso-8859-\d{1,2}|windows-125\d|utf-16)\b", re.IGNORECASE
)


@made_often
@dataclass(frozen=True)
class Exchange:
    """One call as it was, or would be, made; secrets masked, safe to store and show.

    body, reply: a JSON value, or text cut to 16 KiB. sent: bytes may have left. note: why nothing was sent.
    status: None without an answer. error: what the caller was told; empty when all went well.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: Any
    sent: bool
    note: str = ""
    status: int | None = None
    reply_headers: dict[str, str] | None = None
    reply: Any = None
    duration_ms: float = 0.0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _EXCHANGE}


_EXCHANGE: Final = tuple(field.name for field in fields(Exchange))


@made_often
@dataclass(frozen=True)
class Reply:
    """What came back, unmasked: for clients, not for storing.

    headers: names without regard to case. text: at most 1 MiB. held: nothing was sent; the text is what the
    caller presumed. host, effect: of the call. fault: why the text is not the whole body, or empty.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    held: bool = False
    host: str = ""
    effect: Effect = "read"
    fault: str = ""

    def json(self) -> Any:
        """Return the body's JSON value.

        Raises ReplyUnreadable, which is an OutcomeUnknownError after a write and an UnavailableError after a
        read, when the body was cut or is not strict JSON.
        """
        if self.fault:
            raise unreadable(self.effect, self.host, self.fault)
        try:
            return parse_json(self.text)
        except ValueError as error:
            raise unreadable(self.effect, self.host, "is not JSON") from error


@lru_cache(maxsize=256)
def masker_for(secrets: frozenset[str]) -> Masker:
    """Return a masker for these secrets; preparing one takes longer than using it."""
    return Masker(secrets)


def shown(text: str, masker: Masker) -> Any:
    """Return a body as it may be stored: its JSON value or its text, masked, cut to 16 KiB."""
    if len(text) > LARGEST_RECORD:
        return masker.excerpt(text, LARGEST_RECORD)
    if text[:1] not in ("{", "["):
        return masker.text(text)
    try:
        value = parse_json(text)
    except ValueError:
        return masker.text(text)
    # Escapes such as \\u0061 could hide a secret from a look at the text.
    return value if "\\" not in text and masker.is_clean(text) else masker.value(value)


def receive(response: requests.Response, *, effect: Effect, host: str) -> tuple[Reply, bool]:
    """Read the body, at most 1 MiB after decompression; say too whether it broke off before its end.

    Never raises for what the other side does: the status alone may already tell enough.
    """
    raw = response.raw
    pieces: list[bytes] = []
    size, fault, lost = 0, "", False
    try:
        while size <= LARGEST_REPLY and (piece := _next_piece(raw)):
            pieces.append(piece)
            size += len(piece)
        if size > LARGEST_REPLY:
            fault = "is longer than 1 MiB"
    except DecodeError:
        fault = "is compressed in a way that cannot be read"
    except (HTTPError, http.client.HTTPException, OSError):
        fault, lost = "broke off", True
    if fault:
        leave_unread(raw)
    text = _text(b"".join(pieces)[:LARGEST_REPLY], response.headers.get("Content-Type", ""))
    status: int = response.status_code
    return Reply(status, response.headers, text, host=host, effect=effect, fault=fault), lost


def leave_unread(raw: Any) -> None:
    """End an answer whose rest is still on its way, so that its connection carries no other call."""
    if isinstance(raw, http.client.HTTPResponse):
        # Closing it closes only what reads from the connection; this says that nothing more will be read.
        raw.will_close = True
    raw.close()


def _next_piece(raw: Any) -> bytes:
    """Return what comes next of a body, empty at its end. Raises what the two libraries raise.

    `read1` keeps what came before a break, where `read` would throw it away.
    """
    if not isinstance(raw, http.client.HTTPResponse):
        unpacked: bytes = raw.read1(_PIECE, decode_content=True)
        return unpacked
    piece = raw.read1(_PIECE)
    if not piece:
        if raw.length:
            raise http.client.IncompleteRead(b"", raw.length)
        # Only a body that was read to its end leaves the connection free for the next call.
        raw.close()
    return piece


def _text(body: bytes, content_type: str) -> str:
    """Decode as UTF-8, or as one of a few harmless other charsets; broken bytes become U+FFFD."""
    match = _CHARSET.search(content_type)
    try:
        return body.decode(match[1] if match else "utf-8", "replace")
    except LookupError:
        # Some numbers of these families name no charset.
        return body.decode("utf-8", "replace")
