"""What the addresses have in common that other programs call: reading a request before anything is believed of it."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from automations.errors import InputError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PIECE: Final = 2**16
_NOT_PASSED_ON: Final = frozenset({"authorization", "cookie", "proxy"})
_STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class RefusedError(InputError):
    """A request that gets no further. headers: what the answer carries beside its body."""

    def __init__(
        self, status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.headers = headers


class InboundHeaders(Mapping[str, str]):
    """The request's headers by lower-case name, read from the environment when asked for; no credentials."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        if name in _NOT_PASSED_ON:
            raise KeyError(name)
        key = name.upper().replace("-", "_")
        value: str = self._environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"]
        return value

    def __iter__(self) -> Iterator[str]:
        names = (key[5:].lower().replace("_", "-") for key in self._environ if key.startswith("HTTP_"))
        return (name for name in names if name not in _NOT_PASSED_ON)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def status_line(status: int) -> str:
    return _STATUS_LINES.get(status, str(status))


def body_of(environ: WSGIEnvironment, largest: int) -> bytes:
    """Return the request's body decompressed. Raises RefusedError for one that is no more than it says.

    largest: bytes, of the body as it comes and as it is decompressed.
    """
    return _decoded(_read(environ, largest), environ.get("HTTP_CONTENT_ENCODING", ""), largest)


def basic_of(header: str) -> tuple[bytes, bytes] | None:
    """Return user and password of an `Authorization` header, or None where it is no such one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _read(environ: WSGIEnvironment, largest: int) -> bytes:
    """Return the body, with or without a declared length. Raises RefusedError as soon as it is too large."""
    declared: str = environ.get("CONTENT_LENGTH") or ""
    if declared and not declared.isdecimal():
        raise RefusedError(400, "bad_length", "Content-Length is not a number.")
    if declared and int(declared) > largest:
        raise _too_large(largest)
    if not declared and not (environ.get("wsgi.input_terminated") or environ.get("HTTP_TRANSFER_ENCODING")):
        return b""
    wanted = int(declared) if declared else largest + 1
    stream: Any = environ["wsgi.input"]
    body: bytes = stream.read(wanted)
    if len(body) < wanted:
        pieces = [body]
        missing = wanted - len(body)
        while missing and (piece := stream.read(min(missing, _PIECE))):
            pieces.append(piece)
            missing -= len(piece)
        body = b"".join(pieces)
    if len(body) > largest:
        raise _too_large(largest)
    if declared and len(body) < wanted:
        raise RefusedError(400, "cut_off", "The body is shorter than it was declared.")
    return body


def _decoded(body: bytes, encoding: str, largest: int) -> bytes:
    """Return the body decompressed. Raises RefusedError for anything but one gzip member that stays in bounds."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise RefusedError(415, "wrong_encoding", "Send the body as it is, or compressed with gzip alone.")
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, largest + 1)
    except zlib.error:
        raise _not_gzip() from None
    if len(unpacked) > largest:
        raise _too_large(largest)
    if not unpacker.eof or unpacker.unused_data:
        raise _not_gzip()
    return unpacked


def _too_large(largest: int) -> RefusedError:
    return RefusedError(413, "too_large", f"The body is larger than {largest // 2**20} MiB.")


def _not_gzip() -> RefusedError:
    return RefusedError(400, "bad_encoding", "The body is not one whole gzip stream.")
