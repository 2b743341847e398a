"""How fast this machine is, beside the one that the absolute figures of the design were written for.

There bare Flask answered 8,950 requests a second on the server that we use, and a bare loop of `requests` made
1,300 to 1,700 calls. Both are measured here before anything else. What stands beside bare `requests`, one call an
event, goes by that loop alone; for all else the faster of the two counts. Never more than 1: what a faster machine has
to reach stays as it was written.
"""

from __future__ import annotations

import statistics
from functools import cached_property
from pathlib import Path

from bench.load import Order
from bench.processes import Target, ask, free_port, load, running, wait_until_up
from bench.webhooks import Address

FLASK_PER_S = 8_950
REQUESTS_PER_S = 1_500
_ROUNDS = 3
_SECONDS = 1.0


class Machine:
    """Measured once a run, by whoever asks first."""

    def __init__(self, sink: Target, log: Path, *, quick: bool) -> None:
        self._sink = sink
        self._log = log
        self._rounds = 1 if quick else _ROUNDS

    @cached_property
    def flask_per_s(self) -> float:
        """Return what bare Flask with one thread answers a second."""
        port = free_port()
        with running(["bench.limits", "flask", str(port), "1"], self._log) as (server, _):
            wait_until_up(port, server, self._log)
            address = Address(port, "/hooks/pipedrive/nobody", "nobody", "nothing")
            rates = [
                load(Order(address, 1, 12_000, deals=6_000, seconds=_SECONDS)).per_second
                for _ in range(self._rounds)
            ]
        return statistics.median(rates)

    @cached_property
    def requests_per_s(self) -> float:
        """Return how many calls a second a bare loop of `requests` makes."""
        order = {"port": self._sink.port, "seconds": _SECONDS, "threads": 1}
        return statistics.median(float(ask(["bench.limits", "requests"], order)) for _ in range(self._rounds))

    @cached_property
    def speed(self) -> float:
        """Return the speed, above 0 and at most 1."""
        return min(1.0, max(self.flask_per_s / FLASK_PER_S, self.requests_per_s / REQUESTS_PER_S))

    @cached_property
    def calls_speed(self) -> float:
        """Return the speed by calls alone, above 0 and at most 1."""
        return min(1.0, self.requests_per_s / REQUESTS_PER_S)

    @property
    def facts(self) -> dict[str, str]:
        """Return what was measured, in words; empty where nobody asked."""
        if "speed" not in self.__dict__:
            return {}
        return {
            "bare_flask_per_s": f"{self.flask_per_s:.0f}",
            "bare_requests_per_s": f"{self.requests_per_s:.0f}",
            "speed": f"{self.speed:.2f}",
        }
