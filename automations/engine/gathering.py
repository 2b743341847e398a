"""Which deliveries leave together, and whether a batch that is not full stays a moment for more.

A batch stays while more is known to wait in the database and the present turn brought some of it here, or will
as soon as calls come home and make room. So one event alone leaves at once, and a long row leaves in full batches.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection

from automations.clock import Clock
from automations.engine.hands import Hand
from automations.engine.stepping import Send

LINGER_S = 2.0

Group = list[tuple[Hand, Send]]
Row = deque[tuple[Hand, Send]]


class Gathering:
    """Used by the coordinating thread, turn by turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._more = False
        self._crowded: set[int] = set()
        self._fed: set[int] = set()
        self._staying: set[int] = set()
        self._since_s: dict[int, float] = {}

    def begin_turn(self, more_to_come: bool) -> None:
        """more_to_come: the database holds more that is not decided yet."""
        self._more = more_to_come
        self._crowded.clear()

    def more_to_come(self) -> None:
        """The database holds more that could be claimed."""
        self._more = True

    def crowded(self, connection_id: int) -> None:
        """More waits for this connection than there is room for until a call comes home."""
        self._crowded.add(connection_id)

    def feed(self, connection_id: int) -> None:
        """Something came for this connection."""
        self._fed.add(connection_id)

    def end_turn(self, *, is_settled: bool = True) -> bool:
        """Let what was not fed in this turn leave; return whether that may be any.

        is_settled: False where this turn could not bring more yet; then what stays goes on staying.
        """
        if self._more and not is_settled:
            self._staying |= self._fed
            self._fed = set()
            return False
        staying = self._fed if self._more else set()
        released = bool((self._staying | self._fed) - staying)
        self._staying, self._fed = staying, set()
        return released

    def stays(self, connection_id: int) -> bool:
        """Tell whether a batch that is not full waits for more, and note since when."""
        is_fed = self._more and (connection_id in self._fed or connection_id in self._staying)
        if not is_fed and connection_id not in self._crowded:
            return False
        now_s = self._clock.monotonic_s()
        return now_s - self._since_s.setdefault(connection_id, now_s) < LINGER_S

    def leaves(self, connection_id: int) -> None:
        """Forget since when a batch waited; it leaves."""
        self._since_s.pop(connection_id, None)


class Subjects:
    """Whom or what the calls in flight are about, by connection: no two calls are about the same at once."""

    def __init__(self) -> None:
        self._busy: dict[int, set[str]] = defaultdict(set)

    def busy(self, connection_id: int) -> Collection[str]:
        return self._busy[connection_id]

    def leave(self, connection_id: int, group: Group) -> None:
        self._busy[connection_id] |= of(group)

    def home(self, connection_id: int, group: Group) -> None:
        self._busy[connection_id] -= of(group)


def of(group: Group) -> set[str]:
    """Return whom or what a call is about."""
    return {send.subject for _, send in group if send.subject}


def most_of_its_batch(send: Send) -> int:
    """Return how many deliveries leave together where the account does not say otherwise."""
    batch = send.step.action.batch
    return batch.max_records if batch is not None else 1


def picked(row: Row, busy: Collection[str], most: Callable[[Send], int] = most_of_its_batch) -> Group:
    """Take from a row what leaves in one call: one delivery, or as many of one batch as wait and fit.

    most: how many its account takes at once.
    What is about the same as a call in flight stays, and so does all behind it that is about the same.
    """
    group: Group = []
    stays: Group = []
    stopped: set[str] = set()
    fits = 0
    while row:
        hand, send = row.popleft()
        subject = send.subject
        if subject in busy or subject in stopped or not _fits(group, send):
            stays.append((hand, send))
            if subject:
                stopped.add(subject)
            continue
        group.append((hand, send))
        fits = fits or _room_beside(send, most)
        if len(group) >= fits:
            break
    row.extendleft(reversed(stays))
    return group


def is_full(group: Group, most: Callable[[Send], int] = most_of_its_batch) -> bool:
    """Tell whether nothing more fits into this call."""
    return len(group) >= _room_beside(group[0][1], most)


def _room_beside(first: Send, most: Callable[[Send], int]) -> int:
    """Return how many leave together with the first of a call, itself included."""
    return 1 if first.step.action.batch is None or first.in_doubt else most(first)


def _fits(group: Group, send: Send) -> bool:
    """Tell whether a delivery may travel with those in the group; what is in doubt travels alone."""
    if not group:
        return True
    return send.step.action.batch is group[0][1].step.action.batch and not send.in_doubt
