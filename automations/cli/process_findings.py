"""What `automations doctor` says of the processes of an installation, on all machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from automations.cli.finding import Finding
from automations.model.process import Process
from automations.model.states import ProcessRole

if TYPE_CHECKING:
    from automations.assembly import Assembly


def processes(assembly: Assembly) -> Iterator[Finding]:
    """Say who lives, and what they do not have in common: their version, their secret keys."""
    from automations.engine.presence import live

    rows = live(assembly.database, assembly.clock)
    workers = [row for row in rows if row.role == ProcessRole.WORKER]
    waiting = assembly.history.undecided()
    if not workers and waiting:
        advice = "Start one: automations serve (or automations worker)."
        yield Finding("processes", "failed", f"no worker runs, and {waiting} events wait", advice)
    elif rows:
        machines = len({row.host for row in rows})
        where = f"on {machines} machines" if machines > 1 else f"on {rows[0].host}"
        fact = f"{len(workers)} workers and {len(rows) - len(workers)} web processes run {where}"
        yield Finding("processes", "ok", fact)
    else:
        yield Finding("processes", "ok", "none runs just now")
    yield from _different(rows, assembly.sealer.fingerprints)


def _different(rows: Sequence[Process], keys: Sequence[str]) -> Iterator[Finding]:
    versions = Counter(row.version for row in rows)
    if len(versions) > 1:
        told = ", ".join(f"{count} of {version}" for version, count in sorted(versions.items()))
        yield Finding(
            "processes", "warning", f"they are of different versions: {told}", "Restart the older ones."
        )
    for row in rows:
        if not set(row.keys.split()) & set(keys):
            yield Finding(
                "processes",
                "failed",
                f"the {row.role} on {row.host} (process {row.pid}) has other secret keys than this machine",
                "Give both the same AUTOMATIONS_SECRET_KEYS, or the same file secret.keys, and restart them.",
            )
