"""How fast this machine is, beside the one that the absolute figures of the design were written for.

There bare Flask answered 8,950 requests a second on the server that we use, and a bare loop of `requests` made
1,300 to 1,700 calls. A machine that others share is half as fast now and then, so both are measured right before and
right after whatever is judged by them, and the mean counts. What stands beside bare `requests`, one call an event,
goes by that loop alone; for all else the faster of the two counts. Never more than 1: what a faster machine has to
reach stays as it was written.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import number
from bench.load import Order
from bench.processes import Target, ask, free_port, load, running, wait_until_up
from bench.webhooks import Address

FLASK_PER_S = 8_950
REQUESTS_PER_S = 1_500
_ROUNDS = 3
_SECONDS = 1.0
_FRESH_S = 3.0


@dataclass(frozen=True)
class Look:
    """What bare Flask with one thread answered a second, and how many calls a bare loop of `requests` made."""

    flask_per_s: float
    requests_per_s: float

    @property
    def speed(self) -> float:
        """Return the speed, above 0 and at most 1."""
        return min(1.0, max(self.flask_per_s / FLASK_PER_S, self.requests_per_s / REQUESTS_PER_S))

    @property
    def calls_speed(self) -> float:
        """Return the speed by calls alone, above 0 and at most 1."""
        return min(1.0, self.requests_per_s / REQUESTS_PER_S)


@dataclass
class Pace:
    """The machine while something was measured."""

    looks: list[Look] = field(default_factory=list)

    @property
    def speed(self) -> float:
        return statistics.mean(look.speed for look in self.looks)

    @property
    def calls_speed(self) -> float:
        return statistics.mean(look.calls_speed for look in self.looks)


class Machine:
    """Looked at as often as anybody asks; what follows on another's heels takes the same look."""

    def __init__(self, sink: Target, log: Path, *, quick: bool) -> None:
        self._sink = sink
        self._log = log
        self._rounds = 1 if quick else _ROUNDS
        self._looks: list[Look] = []
        self._looked_s = 0.0

    @contextmanager
    def watched(self) -> Iterator[Pace]:
        """Look before and after the block; ask what is yielded after it."""
        pace = Pace([self._look()])
        yield pace
        pace.looks.append(self._look())

    def _look(self) -> Look:
        if not self._looks or time.monotonic() - self._looked_s > _FRESH_S:
            self._looks.append(Look(self._flask_per_s(), self._requests_per_s()))
            self._looked_s = time.monotonic()
        return self._looks[-1]

    def _flask_per_s(self) -> float:
        port = free_port()
        with running(["bench.limits", "flask", str(port), "1"], self._log) as (server, _):
            wait_until_up(port, server, self._log)
            address = Address(port, "/hooks/pipedrive/nobody", "nobody", "nothing")
            rates = [
                load(Order(address, 1, 12_000, deals=6_000, seconds=_SECONDS)).per_second
                for _ in range(self._rounds)
            ]
        return statistics.median(rates)

    def _requests_per_s(self) -> float:
        order = {"port": self._sink.port, "seconds": _SECONDS, "threads": 1}
        return statistics.median(float(ask(["bench.limits", "requests"], order)) for _ in range(self._rounds))

    @property
    def facts(self) -> dict[str, str]:
        """Return the slowest and the fastest that was seen, in words; empty where nobody asked."""
        if not self._looks:
            return {}
        return {
            "bare_flask_per_s": _span([look.flask_per_s for look in self._looks]),
            "bare_requests_per_s": _span([look.requests_per_s for look in self._looks]),
            "speed": _span([look.speed for look in self._looks]),
        }


def _span(found: Sequence[float]) -> str:
    return f"{number(min(found))} to {number(max(found))}"
