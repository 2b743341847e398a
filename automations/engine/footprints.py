"""Footprints: what we are about to write, taken down before the call leaves, shared by all workers.

A webhook may come back before our reply does, so the row is committed first. Values are kept as digests only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from automations.clock import Clock
from automations.engine.contracts import Became, Imprint
from automations.errors import OutcomeUnknownError, StorageUnavailableError
from automations.made_often import made_often
from automations.model.columns import dump_json, load_json, micros, moment, storable_key
from automations.model.database import Database
from automations.model.many import among

KEPT_FOR = timedelta(hours=1)
_CHUNK = 500
_log = structlog.get_logger("footprints")


@made_often
@dataclass(frozen=True)
class Author:
    """Who writes. run_id, recipe_id: 0 for a test-run. chain, depth: of the event that the run is about."""

    run_id: int = 0
    recipe_id: int = 0
    chain: str = ""
    depth: int = 0


NOBODY = Author()


@dataclass(frozen=True)
class Footprint:
    """A write of ours. subject: the record's key, or its entity and a colon while its id is not known."""

    subject: str
    verb: str
    digests: Mapping[str, str]
    author: Author
    answered: bool
    written_at: datetime


def subject_of(imprint: Imprint) -> str:
    """Return the record's key, or the entity and a colon for what has no id yet."""
    return storable_key(imprint.record_key) if imprint.record_key else f"{imprint.entity}:"


def digests_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return a short digest of each value; equal values give equal ones, whatever the order of their keys."""
    return {
        name: hashlib.blake2b(_plain(value), digest_size=12).hexdigest() for name, value in values.items()
    }


def _plain(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return repr(value).encode(errors="replace")


class Footprints:
    """Thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def writing(self, connection_id: int, imprints: Sequence[Imprint], author: Author) -> Iterator[Became]:
        """Take down what the block writes; forget it again when the block shows that nothing was written."""
        left = self._leave(connection_id, imprints, author) if imprints else []
        nameless = [number for number, imprint in zip(left, imprints, strict=True) if not imprint.record_key]
        made = ""

        def became(record_key: str) -> None:
            nonlocal made
            made = storable_key(record_key)

        try:
            yield became
        except OutcomeUnknownError:
            self._answered(nameless, "")
            raise
        except BaseException:
            self._lift(left)
            raise
        self._answered(nameless, made)

    def recent(
        self, connection_id: int, subjects: Collection[str], since: datetime
    ) -> dict[str, list[Footprint]]:
        """Return what was written on these subjects since then, by subject, oldest first."""
        found: dict[str, list[Footprint]] = {}
        wanted = sorted(subjects)
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            with self._database.read_plain() as connection:
                which, values = among(connection, "subject", chunk)
                sql, parameters = _RECENT.format(which=which), (connection_id, micros(since), *values)
                for row in connection.exec_driver_sql(self._database.sql(sql), parameters):
                    found.setdefault(row[0], []).append(_footprint(row))
        return found

    def forget_old(self) -> int:
        """Remove what is older than an hour; return how many."""
        sql = self._database.sql("DELETE FROM footprint WHERE written_at<?")
        with self._database.connect_for_write() as connection:
            return connection.exec_driver_sql(sql, (micros(self._clock.now() - KEPT_FOR),)).rowcount

    def _leave(self, connection_id: int, imprints: Sequence[Imprint], author: Author) -> list[int]:
        now = micros(self._clock.now())
        sql = self._database.sql(_LEAVE)
        ids: list[int] = []
        with self._database.connect_for_write() as connection:
            for imprint in imprints:
                row = connection.exec_driver_sql(
                    sql,
                    (
                        connection_id, subject_of(imprint), str(imprint.verb), dump_json(digests_of(imprint.values)),
                        author.run_id, author.recipe_id, author.chain, author.depth, False, now,
                    ),
                ).one()  # fmt: skip
                ids.append(row[0])
        return ids

    def _answered(self, ids: Sequence[int], record_key: str) -> None:
        """Note that the call is over, and whose key the new record got."""
        sql = "UPDATE footprint SET answered=?, subject=CASE WHEN ?='' THEN subject ELSE ? END WHERE id=?"
        self._quietly(sql, [(True, record_key, record_key, number) for number in ids])

    def _lift(self, ids: Sequence[int]) -> None:
        self._quietly("DELETE FROM footprint WHERE id=?", [(number,) for number in ids])

    def _quietly(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Write what came of a call. That it cannot be written must not change what came of the call itself."""
        if not rows:
            return
        try:
            with self._database.connect_for_write() as connection:
                connection.exec_driver_sql(self._database.sql(sql), rows)
        except StorageUnavailableError as error:
            _log.warning("footprint.not_updated", message=error.message)


def _footprint(row: Any) -> Footprint:
    subject, verb, digests, run_id, recipe_id, chain, depth, answered, written_at = row
    author = Author(run_id, recipe_id, chain, depth)
    return Footprint(subject, verb, load_json(digests), author, bool(answered), moment(written_at))


_LEAVE = """
INSERT INTO footprint (connection_id, subject, verb, digests, run_id, recipe_id, chain, depth, answered, written_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""

_RECENT = """
SELECT subject, verb, digests, run_id, recipe_id, chain, depth, answered, written_at FROM footprint
WHERE connection_id=? AND written_at>=? AND {which} ORDER BY id
"""
