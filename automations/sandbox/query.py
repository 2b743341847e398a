"""Query parameters, checked as strictly as bodies, and the two ways of paging."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from . import schema
from .errors import invalid, refused_v1
from .state import Record, stamp

PAGE = 100
LARGEST_PAGE = 500


class Query:
    """The parameters of one request. Names that are not `allowed` are refused, as v2 does."""

    def __init__(self, args: Mapping[str, str], allowed: Sequence[str]) -> None:
        unknown = [name for name in args if name not in allowed]
        if unknown:
            raise invalid([f"Parameter '{name}' is not allowed for this request" for name in unknown])
        self._args = args

    def text(self, name: str) -> str | None:
        return self._args.get(name)

    def integer(self, name: str) -> int | None:
        value = self._args.get(name)
        if value is None:
            return None
        if not value.isascii() or not value.isdigit():
            raise invalid([f"{name}: must be an integer"])
        return int(value)

    def boolean(self, name: str) -> bool | None:
        value = self._args.get(name)
        if value is None:
            return None
        if value not in ("true", "false", "1", "0"):
            raise invalid([f"{name}: must be a boolean"])
        return value in ("true", "1")

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self._args.get(name, default)
        if value not in choices:
            raise invalid([f"{name}: must be one of {', '.join(choices)}"])
        return value

    def words(self, name: str, choices: Sequence[str] | None = None, at_most: int = 100) -> list[str] | None:
        """A comma-separated list; None when it is not there."""
        value = self._args.get(name)
        if value is None:
            return None
        words = [word.strip() for word in value.split(",") if word.strip()]
        if len(words) > at_most:
            raise invalid([f"{name}: must not hold more than {at_most} items"])
        unknown = [word for word in words if choices is not None and word not in choices]
        if unknown:
            raise invalid([f"{name}: '{word}' is not allowed" for word in unknown])
        return words

    def ids(self, name: str) -> list[int] | None:
        words = self.words(name)
        if words is None:
            return None
        if not all(word.isascii() and word.isdigit() for word in words):
            raise invalid([f"{name}: must be a comma-separated list of integers"])
        return [int(word) for word in words]

    def time(self, name: str) -> str | None:
        """An RFC 3339 time as records hold it, in UTC."""
        value = self._args.get(name)
        if value is None:
            return None
        problem = schema.rfc3339(value)
        if problem:
            raise invalid([f"{name}: {problem}"])
        return stamp(datetime.fromisoformat(value).astimezone(UTC))

    def limit(self, largest: int = LARGEST_PAGE) -> int:
        limit = self.integer("limit")
        if limit is None:
            return min(PAGE, largest)
        if not 1 <= limit <= largest:
            raise invalid([f"limit: must be between 1 and {largest}"])
        return limit


def encode_cursor(position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str) -> Any:
    try:
        return orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise invalid(["cursor: is not a cursor of this request"]) from None


def sorted_page(
    rows: list[Record], sort_by: str, direction: str, limit: int, cursor: str | None
) -> tuple[list[Record], str | None]:
    """One page in a stable order, and the cursor of the next; rows made meanwhile disturb nothing."""

    def place(row: Record) -> tuple[str | int | float, int]:
        value = row[sort_by]
        return ("" if value is None else value), row["id"]

    rows.sort(key=place, reverse=direction == "desc")
    if cursor is not None:
        after = _position(decode_cursor(cursor), sort_by, direction)
        is_later: Callable[[Record], bool] = (
            (lambda row: place(row) < after) if direction == "desc" else (lambda row: place(row) > after)
        )
        rows = [row for row in rows if is_later(row)]
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, encode_cursor({"by": sort_by, "to": direction, "at": list(place(page[-1]))})


def _position(decoded: Any, sort_by: str, direction: str) -> tuple[Any, ...]:
    is_ours = isinstance(decoded, dict) and decoded.get("by") == sort_by and decoded.get("to") == direction
    at = decoded.get("at") if is_ours else None
    if not isinstance(at, list) or len(at) != 2 or not isinstance(at[1], int):
        raise invalid(["cursor: is not a cursor of this request"])
    return tuple(at)


def counted_page(rows: list[Any], limit: int, cursor: str | None) -> tuple[list[Any], str | None]:
    """A page of a list whose order never changes; the cursor holds a position."""
    start = 0
    if cursor is not None:
        decoded = decode_cursor(cursor)
        if not isinstance(decoded, dict) or not schema.is_integer(decoded.get("from")):
            raise invalid(["cursor: is not a cursor of this request"])
        start = decoded["from"]
    page = rows[start : start + limit]
    more = start + limit < len(rows)
    return page, encode_cursor({"from": start + limit}) if more else None


def page_v1(rows: list[Any], args: Mapping[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """v1 paging by `start` and `limit`; returns the page and its `additional_data`."""
    start, limit = _whole(args, "start", 0), min(_whole(args, "limit", PAGE), LARGEST_PAGE)
    more = start + limit < len(rows)
    pagination = {"start": start, "limit": limit, "more_items_in_collection": more}
    if more:
        pagination["next_start"] = start + limit
    return rows[start : start + limit], {"pagination": pagination}


def sorted_v1(rows: list[Record], args: Mapping[str, str], allowed: Sequence[str]) -> list[Record]:
    """The rows as v1's `sort` says: `add_time DESC, id ASC`; unsorted keys keep the order of creation."""
    for part in reversed([part.split() for part in args.get("sort", "").split(",") if part.strip()]):
        key, direction = part[0], (part[1] if len(part) > 1 else "ASC").upper()
        if key not in allowed or direction not in ("ASC", "DESC") or len(part) > 2:
            raise refused_v1(f"sort: cannot sort by '{' '.join(part)}'")
        rows = sorted(rows, key=lambda row: _place(row[key]), reverse=direction == "DESC")
    return rows


def _place(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def _whole(args: Mapping[str, str], name: str, default: int) -> int:
    value = args.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else default
