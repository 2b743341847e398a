"""Turn what a client wants to send into exact bytes and headers, or say why it cannot be sent."""

from __future__ import annotations

import base64
import json as stdlib_json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from automations import __version__
from automations.errors import RejectedError
from automations.made_often import made_often

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
LARGEST_BODY: Final = 5 * 2**20

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\xa1-\xff]*")
# These say where a message ends, who is asked, or what the connection does: the door's own business.
_RESERVED: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"}
    | {"expect", "cookie", "proxy-authorization", "proxy-connection"}
)
_DEFAULTS: Final = {
    "user-agent": ("User-Agent", f"automations/{__version__}"),
    "accept": ("Accept", "*/*"),
    "accept-encoding": ("Accept-Encoding", "gzip, deflate"),
}


@made_often
@dataclass(frozen=True)
class Payload:
    """A body as bytes. is_json: it was made from a JSON value. content_type: empty without a body."""

    content: bytes | None
    is_json: bool
    content_type: str


def read_method(method: str) -> str:
    """Return the method in capitals. Raises RejectedError if it is not one of `METHODS`."""
    if method.upper() not in METHODS:
        raise RejectedError(
            f"The method {method!r:.40} is not supported. Use one of {', '.join(sorted(METHODS))}."
        )
    return method.upper()


def make_payload(json: Any, content: bytes | str | None, content_type: str | None) -> Payload:
    """Return the body. `json` wins; None means that there is none, so JSON's null is sent as content.

    Raises RejectedError when the value is not JSON (NaN, infinity, lone surrogates) or above 5 MiB.
    """
    if json is not None:
        payload = Payload(write_json(json), True, content_type or "application/json")
    elif content is None:
        payload = Payload(None, False, "")
    elif isinstance(content, str):
        payload = Payload(_utf8(content), False, content_type or "text/plain; charset=utf-8")
    else:
        payload = Payload(content, False, content_type or "application/octet-stream")
    if payload.content is not None and len(payload.content) > LARGEST_BODY:
        raise RejectedError(
            f"The body has {len(payload.content):,} bytes; at most {LARGEST_BODY:,} are sent. Send less at once."
        )
    return payload


def write_json(value: Any) -> bytes:
    """Return compact UTF-8 JSON; whole numbers of any size stay exact.

    Raises RejectedError for NaN, infinity, lone surrogates and anything that is not JSON.
    """
    try:
        written = orjson.dumps(value)
    except TypeError:
        # orjson knows no integers above 64 bits; the standard library writes them.
        return _write_slowly(value)
    # orjson writes NaN and infinity as null, so without a null there is nothing to look for.
    if b"null" in written and _holds_unfinite(value):
        raise _not_json("it holds a number that is not finite")
    return written


def _write_slowly(value: Any) -> bytes:
    try:
        return _utf8(stdlib_json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError) as error:
        raise _not_json(str(error)) from error


def _holds_unfinite(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_holds_unfinite, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_unfinite, value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _not_json("a text in it holds half a character (a lone surrogate)") from error


def _not_json(fact: str) -> RejectedError:
    return RejectedError(f"The body cannot be written: {fact:.200}. Correct the field that made it.")


def make_headers(
    given: Mapping[str, str] | None, content_type: str, auth: tuple[str, str] | None
) -> dict[str, str]:
    """Return all headers but the framing ones; names keep their spelling, the last of two spellings wins.

    auth: user name and password for HTTP Basic, as UTF-8; replaces an Authorization header.
    Raises RejectedError for a name that is no token or belongs to the door, and for a value that holds
    control characters or cannot be written as Latin-1.
    """
    headers = dict(_DEFAULTS)
    if content_type:
        headers["content-type"] = ("Content-Type", content_type)
    for name, value in (given or {}).items():
        headers[name.lower()] = (name, value)
    if auth is not None:
        pair = base64.b64encode(":".join(auth).encode("utf-8", "replace")).decode("ascii")
        headers["authorization"] = ("Authorization", f"Basic {pair}")
    for name, value in headers.values():
        _check_header(name, value)
    return dict(headers.values())


def may_be_set(header: str) -> bool:
    """Tell whether a call may set a header of this name."""
    return bool(_TOKEN.fullmatch(header)) and header.lower() not in _RESERVED


def _check_header(name: str, value: str) -> None:
    if not may_be_set(name):
        raise RejectedError(f"The header {name!r:.60} cannot be set. Remove it or choose another name.")
    if not _VALUE.fullmatch(value):
        raise RejectedError(
            f"The value of the header {name} holds a control character or one that headers cannot carry."
            " Correct the field that made it."
        )
