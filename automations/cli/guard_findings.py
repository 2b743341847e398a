"""What `automations doctor` says of recipes held back, circles that were cut and connections that do not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from automations.cli.finding import Finding

if TYPE_CHECKING:
    from automations.assembly import Assembly


def guards(assembly: Assembly) -> Iterator[Finding]:
    stops, silent = assembly.stops.open(), assembly.breakers.all()
    for stop in stops:
        if stop.kind == "fuse":
            fact = f"{stop.recipe} is held back: {stop.reason}; {stop.waiting} runs wait"
            advice = f"Look at its runs, then: automations recipe resume {stop.recipe!r} (or with --drop)"
        else:
            fact = f"{stop.recipe}: {stop.reason}, {stop.count} times"
            advice = f"Change one of these recipes, then: automations recipe resume {stop.recipe!r}"
        yield Finding("circles", "warning", fact, advice)
    names = {row.id: row.name for row in assembly.connections.all()}
    for number, breaker in silent.items():
        name = names.get(number, str(number))
        fact = f"{name} does not answer since {breaker.opened_at:%Y-%m-%d %H:%M} UTC: {breaker.reason}"
        advice = f"Its work waits and goes on by itself; to try now: automations connection test {name}"
        yield Finding("silent connections", "warning", fact, advice)
    if not stops:
        yield Finding("circles", "ok", "no recipe starts itself again and again")
    if not silent:
        yield Finding("silent connections", "ok", "every connection that was called lately answers")
