"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from automations.model.packing import guarded, unpack, unpack_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# SQLite counts up only an INTEGER primary key; PostgreSQL needs 64 bits for years of events.
BigKey = BigInteger().with_variant(Integer(), "sqlite")


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970, the stored form of a time."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the aware UTC time of `micros`."""
    return _EPOCH + timedelta(microseconds=value)


KEY_MAX: Final = 200
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text as both databases take it: PostgreSQL refuses U+0000, SQLite half a surrogate pair."""
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


def storable_key(text: str) -> str:
    """Return a text that identifies something, short enough for an index: PostgreSQL's take 2,704 bytes.

    A longer one keeps its beginning and ends with the digest of the whole, so that two stay two.
    """
    kept = storable(text)
    if len(kept) <= KEY_MAX:
        return kept
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kept[: KEY_MAX - 33]}…{digest[:32]}"


def dump_json(value: Any) -> str:
    """Return any value as JSON text; what is no JSON becomes text, what no database takes U+FFFD.

    A text that begins with a blank holds whole numbers of more than 64 bits, which only the slower reader keeps.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=_plain).decode()
    except (TypeError, ValueError, RecursionError):
        return " " + json.dumps(_plain(value), allow_nan=False)


def load_json(text: str) -> Any:
    """Return what `dump_json` wrote, packed or plain."""
    text = unpack_text(text)
    return json.loads(text) if text.startswith(" ") else orjson.loads(text)


def _plain(value: Any, levels: int = 100) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping | list | tuple | set | frozenset) and levels == 0:
        return "…"
    if isinstance(value, Mapping):
        return {_whole(str(key)): _plain(entry, levels - 1) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry, levels - 1) for entry in value]
    return _whole(str(value))


def _whole(text: str) -> str:
    """Return a text without half surrogate pairs. In JSON, U+0000 is written in signs that any database takes."""
    return text if text.isascii() else _HALF_A_PAIR.sub("\ufffd", text)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970: sorts and compares alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """Any JSON value, kept as text.

    Text and not `jsonb`: PostgreSQL's `jsonb` refuses U+0000 and forgets the order of keys.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else load_json(value)


class Packable(TypeDecorator[bytes]):
    """Bytes from outside, which a chore may pack when they are old; they read alike before and after."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else guarded(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else unpack(bytes(value))
