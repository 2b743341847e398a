"""How much room the database takes and has, and giving back what it needs no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from automations.clock import Clock
from automations.errors import InputError
from automations.model.database import Database

RESERVE_BYTES: Final = 200 * 10**6
RESERVE_SHARE: Final = 0.05
_LOOK_EVERY_S: Final = 1.0
_ESTIMATED_FOR_S: Final = 2.0
_PAGES_AT_ONCE: Final = 1_000
_KEPT_FREE_PAGES: Final = 256
_HEAVY: Final = ("event", "run", "delivery", "attempt")
# What indexes and row heads add to the rows themselves.
_BESIDE_THE_ROW: Final = 1.4


class Disk:
    """The room of one installation. folder: where SQLite's file is; None for a database elsewhere."""

    def __init__(self, database: Database, clock: Clock, folder: Path | None) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._looked_s = float("-inf")
        self._has_room = True
        self._estimated_s = float("-inf")
        self._estimated = 0

    # -- taking

    def used_bytes(self) -> int:
        """Return what the rows take, free pages not counted: exact on SQLite, an estimate on PostgreSQL."""
        if not self._database.on_sqlite:
            return self._estimate()
        pages, free, size = (
            self._pragma("page_count"),
            self._pragma("freelist_count"),
            self._pragma("page_size"),
        )
        return (pages - free) * size

    def file_bytes(self) -> int | None:
        """Return what SQLite's files take on the disk; None for PostgreSQL."""
        if self._folder is None:
            return None
        sizes = []
        for path in self._folder.glob("*.db*"):
            with suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
        return sum(sizes)

    def _estimate(self) -> int:
        now_s = self._clock.monotonic_s()
        if now_s - self._estimated_s < _ESTIMATED_FOR_S:
            return self._estimated
        total = 0.0
        with self._database.connect_for_read() as connection:
            for table in _HEAVY:
                rows = connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar()  # noqa: S608 - our names
                newest = f"(SELECT * FROM {table} ORDER BY id DESC LIMIT 500)"  # noqa: S608 - as above
                mean = connection.exec_driver_sql(f"SELECT AVG(pg_column_size(t.*)) FROM {newest} t").scalar()  # noqa: S608
                total += float(rows or 0) * float(mean or 0)
        self._estimated_s, self._estimated = now_s, int(total * _BESIDE_THE_ROW)
        return self._estimated

    # -- having

    def free_bytes(self) -> int | None:
        """Return what is free on the disk of the folder; None for a database elsewhere."""
        return None if self._folder is None else shutil.disk_usage(self._folder).free

    def has_room(self) -> bool:
        """Tell whether new events may be taken: below the reserve, only what they led to may still be written."""
        if self._folder is None:
            return True
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            found = os.statvfs(self._folder)
            free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
            self._has_room = free >= min(RESERVE_BYTES, RESERVE_SHARE * whole)
            self._looked_s = now_s
        return self._has_room

    # -- giving back

    def gives_back(self) -> bool:
        """Tell whether freed pages can go back to the disk without writing the whole file anew."""
        return not self._database.on_sqlite or self._pragma("auto_vacuum") == 2

    def give_back(self) -> Iterator[int]:
        """Return freed pages to the disk, some at a time; yields the bytes of each step.

        PostgreSQL does so by itself (autovacuum).
        """
        if not self._database.on_sqlite or not self.gives_back():
            return
        size = self._pragma("page_size")
        while (free := self._pragma("freelist_count")) > _KEPT_FREE_PAGES:
            step = min(_PAGES_AT_ONCE, free - _KEPT_FREE_PAGES)
            with self._database.bare() as cursor:
                cursor.execute(f"PRAGMA incremental_vacuum({step})").fetchall()
            yield step * size
        with self._database.bare() as cursor:
            # Passive first: a reader that stays would make the other one wait for it.
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def compact(self) -> None:
        """Write the whole SQLite file anew, without gaps; nothing else can be written meanwhile.

        Raises InputError on PostgreSQL, and where the disk has no room for a second copy.
        """
        if not self._database.on_sqlite:
            raise InputError(
                "PostgreSQL looks after its own space. There, use its VACUUM FULL in a quiet hour."
            )
        free, needed = self.free_bytes(), self.used_bytes()
        if free is not None and free < 2 * needed:
            raise InputError(
                f"Compacting writes everything anew and needs {2 * needed:,} bytes; {free:,} are free. Make room first."
            )
        with self._database.bare() as cursor:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # -- SQLite's own words

    def _pragma(self, name: str) -> int:
        with self._database.connect_for_read() as connection:
            return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
