"""What a worker has in its hands: how many runs for each connection, and how heavy they are together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from automations.engine.changes import Claim


class InHand:
    """Used by the coordinating thread."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[Claim, int, int]] = {}
        self._count: dict[int, int] = defaultdict(int)
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def run_ids(self) -> list[int]:
        return sorted(self._runs)

    def count(self, connection_id: int) -> int:
        """Return how many runs are in hand for a connection."""
        return self._count[connection_id]

    def take(self, claim: Claim, connection_id: int, weight: int) -> None:
        """Count a run with a connection, once however often it is claimed. weight: bytes of its event's payload."""
        self._forget(claim.run_id)
        self._runs[claim.run_id] = (claim, connection_id, weight)
        self._count[connection_id] += 1
        self.bytes += weight

    def has(self, run_id: int) -> bool:
        return run_id in self._runs

    def holds(self, claim: Claim) -> bool:
        """Tell whether a run is in hand by this claim, and not by a later one or none."""
        found = self._runs.get(claim.run_id)
        return found is not None and found[0].counter == claim.counter

    def is_for(self, claim: Claim, connection_id: int) -> bool:
        """Tell whether a run is counted with this connection."""
        return self.holds(claim) and self._runs[claim.run_id][1] == connection_id

    def turn_to(self, claim: Claim, connection_id: int) -> None:
        """Count a run with the connection that it talks to next."""
        weight = self._runs[claim.run_id][2] if self.holds(claim) else 0
        self.take(claim, connection_id, weight)

    def let_go(self, claim: Claim) -> None:
        """Forget a run that is in nobody's hands, or in another worker's; not one that was claimed anew since."""
        if self.holds(claim):
            self._forget(claim.run_id)

    def lose(self, run_ids: Iterable[int]) -> None:
        """Forget runs that are another worker's by now."""
        for run_id in run_ids:
            self._forget(run_id)

    def _forget(self, run_id: int) -> None:
        found = self._runs.pop(run_id, None)
        if found is not None:
            _, connection_id, weight = found
            self._count[connection_id] -= 1
            self.bytes -= weight
