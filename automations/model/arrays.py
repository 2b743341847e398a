"""Columns of values as PostgreSQL's arrays, written in its binary form.

psycopg writes them element by element in Python, which took a tenth of a worker's time. Most columns of a statement
hold one value again and again, or nothing; those are written once and repeated.

The form: https://www.postgresql.org/docs/current/arrays.html and `array_send` in the server's source (2026-11): five
words (dimensions, whether any is NULL, the element's type, length, lower bound), then each element with its length,
-1 for NULL.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Final

_WORD: Final = struct.Struct(">i").pack
_HEAD: Final = struct.Struct(">iiIii").pack
_LONG: Final = struct.Struct(">iq").pack
_NULL: Final = b"\xff\xff\xff\xff"


class Bigints(bytes):
    """An array of `bigint`."""

    OID: Final = 1016


class Texts(bytes):
    """An array of `text`."""

    OID: Final = 1009


class Blobs(bytes):
    """An array of `bytea`."""

    OID: Final = 1001


def bigints(values: Sequence[int | None]) -> Bigints:
    """Return whole numbers of up to 64 bits, or None. Raises `struct.error` for a larger one."""
    count = len(values)
    if count and values.count(values[0]) == count:
        return Bigints(_alike(20, count, None if values[0] is None else _LONG(8, values[0])))
    if None not in values:
        longs = chain.from_iterable(zip(repeat(8), values, strict=False))
        return Bigints(_head(20, count) + struct.pack(f">{'iq' * count}", *longs))
    found = [_NULL if value is None else _LONG(8, value) for value in values]
    return Bigints(_head(20, count, with_null=True) + b"".join(found))


def texts(values: Sequence[str | None]) -> Texts:
    """Return texts, or None."""
    count = len(values)
    if count and values.count(values[0]) == count:
        return Texts(_alike(25, count, None if values[0] is None else _measured(values[0].encode())))
    return Texts(_of_bytes(25, [None if value is None else value.encode() for value in values]))


def blobs(values: Sequence[bytes | None]) -> Blobs:
    """Return bytes, or None."""
    return Blobs(_of_bytes(17, values))


def array_of(values: Sequence[Any]) -> Bigints | Texts:
    """Return whole numbers or texts, whichever they are; nothing counts as numbers."""
    return texts(values) if values and isinstance(values[0], str) else bigints(values)


def register(dbapi: Any) -> None:
    """Teach a connection of psycopg to send what is made here."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    for one in (Bigints, Texts, Blobs):
        facts = {"oid": one.OID, "format": Format.BINARY, "dump": lambda _self, array: array}
        dbapi.adapters.register_dumper(one, type(f"{one.__name__}Dumper", (Dumper,), facts))


def _head(oid: int, count: int, *, with_null: bool = False) -> bytes:
    # An empty array has no dimension.
    return _HEAD(1, with_null, oid, count, 1) if count else struct.pack(">iiI", 0, 0, oid)


def _alike(oid: int, count: int, element: bytes | None) -> bytes:
    return _head(oid, count, with_null=element is None) + (_NULL if element is None else element) * count


def _measured(content: bytes) -> bytes:
    return _WORD(len(content)) + content


def _of_bytes(oid: int, values: Sequence[bytes | None]) -> bytes:
    if None in values:
        found = b"".join(_NULL if value is None else _measured(value) for value in values)
        return _head(oid, len(values), with_null=True) + found
    pieces = chain.from_iterable(zip(map(_WORD, map(len, values)), values, strict=True))  # type: ignore[arg-type]
    return _head(oid, len(values)) + b"".join(pieces)  # type: ignore[arg-type]
