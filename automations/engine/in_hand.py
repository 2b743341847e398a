"""What a worker has in its hands: how many runs for each connection, and how heavy they are together."""

from __future__ import annotations

from collections import defaultdict


class InHand:
    """Used by the coordinating thread."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[int, int]] = {}
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

    def take(self, run_id: int, connection_id: int, weight: int) -> None:
        """Count a run with a connection. weight: bytes of its event's payload."""
        self._runs[run_id] = (connection_id, weight)
        self._count[connection_id] += 1
        self.bytes += weight

    def has(self, run_id: int) -> bool:
        return run_id in self._runs

    def is_for(self, run_id: int, connection_id: int) -> bool:
        """Tell whether a run is counted with this connection."""
        return self._runs.get(run_id, (None,))[0] == connection_id

    def turn_to(self, run_id: int, connection_id: int) -> None:
        """Count a run with the connection that it talks to next."""
        _, weight = self._runs.get(run_id, (0, 0))
        self.let_go(run_id)
        self.take(run_id, connection_id, weight)

    def let_go(self, run_id: int) -> None:
        """Forget a run that is in nobody's hands, or in another worker's."""
        found = self._runs.pop(run_id, None)
        if found is not None:
            connection_id, weight = found
            self._count[connection_id] -= 1
            self.bytes -= weight
