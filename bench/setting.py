"""What every measurement is given: where to measure, on what, how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.installation import Installation
from bench.processes import Target
from bench.speed import Machine
from tests.postgres_server import running_postgres


@dataclass(frozen=True)
class Setting:
    """sink: the cheap target. sandbox: the strict CleverTap. quick: shorter rounds, for a first look."""

    installation: Installation
    sink: Target
    sandbox: Target
    machine: Machine
    quick: bool = False

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        """Length of a round that is measured by time."""
        return 0.7 if self.quick else 2.0

    def scaled(self, count: int) -> int:
        """Length of a round that is measured by count."""
        return count // 5 if self.quick else count

    @contextmanager
    def on_postgres(self) -> Iterator[Setting]:
        """Give the same on a PostgreSQL of its own, whose commits wait for the disk."""
        folder = self.installation.folder / "postgres"
        folder.mkdir()
        with running_postgres(durable=True) as server, server.fresh_database() as url:
            home = Installation(
                folder, sink_port=self.sink.port, sandbox_port=self.sandbox.port, database_url=url
            )
            yield replace(self, installation=home)
