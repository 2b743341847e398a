"""Which connection a write key belongs to. Kept in memory for two seconds, so that a batch costs no look-up."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlmodel import col, select

from automations.engine.contracts import ConnectionKind
from automations.errors import AutomationError
from automations.model.connection import Connection
from automations.web.services import Services

REMEMBERED_FOR_S: Final = 2.0
#: A key that nobody knows may be new; looking for it again waits this long, however often it is tried.
LOOKED_AGAIN_AFTER_S: Final = 0.2
_log = structlog.get_logger("intake")


@dataclass(frozen=True)
class Source:
    """One connection that takes events with its write key. origins: web pages that may send, `*` for all."""

    connection_id: int
    kind: ConnectionKind
    origins: frozenset[str]


class WriteKeys:
    """Finds sources. Thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kinds = {name: kind for name, kind in services.registry.kinds.items() if kind.write_key_paths}
        self.paths = frozenset(path for kind in self._kinds.values() for path in kind.write_key_paths)
        self._by_print: Mapping[bytes, Source] = {}
        self._read_at_s = float("-inf")
        self._reading = threading.Lock()

    def find(self, path: str, key: bytes) -> Source | None:
        """Return the source with this key whose kind receives at this path; None where there is none."""
        if not key:
            return None
        # Keys are looked up by a fingerprint: how long it takes says nothing about a key that is nearly right.
        fingerprint = hashlib.sha256(key).digest()
        found = self._sources(REMEMBERED_FOR_S).get(fingerprint)
        if found is None:
            found = self._sources(LOOKED_AGAIN_AFTER_S).get(fingerprint)
        return found if found is not None and path in found.kind.write_key_paths else None

    def origins(self) -> frozenset[str]:
        """Return every origin that some connection takes events from."""
        return frozenset().union(*(source.origins for source in self._sources(REMEMBERED_FOR_S).values()))

    def _sources(self, at_most_s: float) -> Mapping[bytes, Source]:
        """Return fingerprint of the key -> source, read no longer ago than `at_most_s` seconds."""
        with self._reading:
            now_s = self._services.clock.monotonic_s()
            if now_s - self._read_at_s > at_most_s:
                self._by_print, self._read_at_s = self._read(), now_s
            return self._by_print

    def _read(self) -> Mapping[bytes, Source]:
        with self._services.database.read() as session:
            query = select(Connection.id).where(col(Connection.kind).in_(self._kinds))
            ids = list(session.exec(query))
        found: dict[bytes, Source] = {}
        for connection_id in ids:
            try:
                opened = self._services.connections.open(connection_id or 0)
            except AutomationError as error:
                _log.warning("intake.source_unusable", connection=connection_id, reason=error.kind)
                continue
            if opened.write_key:
                fingerprint = hashlib.sha256(opened.write_key.encode()).digest()
                found[fingerprint] = Source(opened.id, opened.kind, opened.kind.origins(opened.settings))
        return found
