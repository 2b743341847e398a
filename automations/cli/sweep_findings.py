"""What `automations doctor` says of events that did not arrive by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from automations.cli.finding import Finding

if TYPE_CHECKING:
    from automations.assembly import Assembly

LATE_AFTER = timedelta(hours=3)


def missed_events(assembly: Assembly) -> Iterator[Finding]:
    """Tell when each account was looked through last and what was found; nobody looks while no worker runs."""
    stopped = {
        job.connection_id: job for job in assembly.jobs.list(200, kind="sweep") if job.state == "failed"
    }
    for result in assembly.sweeps.results():
        fact = f"{result.connection}: {result.sentence}"
        failed = stopped.get(result.connection_id)
        if failed is not None and failed.finished_at is not None and failed.finished_at > result.at:
            advice = f"automations job resume {failed.id}"
            yield Finding("missed events", "warning", f"{result.connection}: {failed.reason}", advice)
        elif assembly.clock.now() - result.at > LATE_AFTER:
            advice = "Start a worker, then: automations subscription sweep " + repr(result.connection)
            yield Finding(
                "missed events", "warning", f"{fact}; nobody looked since {result.at:%Y-%m-%d %H:%M}", advice
            )
        else:
            yield Finding("missed events", "ok", fact)
