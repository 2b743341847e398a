"""Taking what is due: for each connection as much as it has room for, and no more than fits into memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from automations.clock import Clock
from automations.engine.availability import Availability
from automations.engine.blame import is_guilty, is_suspect
from automations.engine.changes import Changes, Claim, Room, RunUpdate
from automations.engine.departures import Departures
from automations.engine.hands import Hand, Loader, Unusable
from automations.engine.in_hand import InHand
from automations.engine.ledger import Ledger
from automations.model.states import RunStatus

CLAIMS_AT_ONCE = 2_000
SUSPECTS_AT_ONCE = 8
BYTES_IN_HAND = 32 * 2**20

Taken = tuple[list[Hand], Changes]


class Taking:
    """Used by the coordinating thread.

    leaves_some: whether the last `take` left anything that is due. leaves_to_others: whether some of that is for
    connections that other workers have all the calls of.
    """

    def __init__(
        self,
        ledger: Ledger,
        loader: Loader,
        departures: Departures,
        availability: Availability,
        in_hand: InHand,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._loader = loader
        self._departures = departures
        self._availability = availability
        self._in_hand = in_hand
        self._clock = clock
        self._claimed: list[Claim] = []
        self._decided: list[Claim] = []
        self._promised: dict[int, int] = {}
        self._behind: set[int] = set()
        self._at_once: dict[int, int] = {}
        self._suspect = 0
        self._crowded: set[int] = set()
        self.leaves_some = self.leaves_to_others = False

    def room(self) -> Room:
        """Promise room to the runs that are decided next, until `took` tells what they took of it.

        None for connections where others have waited longer, where a breaker allows one call, or that have more than
        half of their room in hand; and never all that there is, for runs that come back from a wait need some, too.
        """
        self._promised = {}
        for connection_id in self._availability.open():
            if connection_id in self._behind or self._availability.is_tried_alone(connection_id):
                continue
            most = self._departures.most_in_hand(connection_id)
            if limit := self._room_for(connection_id, most):
                self._promised[connection_id] = min(limit, max(1, most // 2))
        return Room(dict(self._promised))

    def took(self, room: Room) -> None:
        """Take over what was claimed with its verdict; `take` yields it.

        What is in hand already was lost since, and claimed anew.
        """
        self._decided += [claim for claim in room.claims if not self._in_hand.has(claim.run_id)]
        self._promised = {}

    def take(self) -> Iterator[Taken]:
        """Yield what was claimed for one connection after another, with the changes that belong to it.

        Nothing while a connection has more than half of its room in hand: every claim is a transaction of its own.
        Raises StorageUnavailableError; what was claimed by then comes at the next call.
        """
        while self._claimed or self._decided:
            self._claimed = self._claimed or self._next_decided()
            yield from self._loaded()
        due = self._ledger.due()
        self._behind = set(due)
        self.leaves_to_others = False
        for connection_id in self._availability.open():
            if connection_id in due:
                yield from self._take_for(connection_id)
        self.leaves_some = bool(self._behind)

    def _take_for(self, connection_id: int) -> Iterator[Taken]:
        """Yield what can be claimed for a connection that something is due for."""
        most = self._departures.most_in_hand(connection_id)
        if not most:
            self.leaves_to_others = True
            return
        if self._waits_for_suspect(connection_id):
            return
        if self._availability.is_tried_alone(connection_id):
            most = 1
        limit = self._room_for(connection_id, most)
        if not limit:
            self._departures.no_room_for_more(connection_id)
            return
        if most == 1 and not self._may_try(connection_id):
            return
        self._claimed = self._ledger.claim(connection_id, limit)
        if len(self._claimed) == limit:
            self._departures.more_is_due()
        else:
            self._behind.discard(connection_id)
        if self._claimed:
            yield from self._loaded()

    def _room_for(self, connection_id: int, most: int) -> int:
        """Return how many more runs may be taken for a connection, 0 while more than half of `most` are in hand."""
        promised = self._promised.get(connection_id, 0)
        decided = sum(claim.connection_id == connection_id for claim in self._decided)
        room = most - self._in_hand.count(connection_id) - promised - decided
        # What is heavy elsewhere must not starve this one: one run of its own is always allowed.
        is_heavy = self._in_hand.bytes >= BYTES_IN_HAND and self._in_hand.count(connection_id) > 0
        if room < max(1, most // 2) or is_heavy:
            return 0
        return min(room, self._at_once.get(connection_id, CLAIMS_AT_ONCE))

    def _next_decided(self) -> list[Claim]:
        """Take what was claimed while deciding for one of its connections."""
        connection_id = self._decided[0].connection_id
        taken = [claim for claim in self._decided if claim.connection_id == connection_id]
        self._decided = [claim for claim in self._decided if claim.connection_id != connection_id]
        return taken

    def _may_try(self, connection_id: int) -> bool:
        """Tell whether something may be claimed where a breaker allows one call, or nothing stands in the way."""
        return not self._availability.is_tried_alone(connection_id) or self._availability.try_alone(
            connection_id
        )

    @property
    def run_ids(self) -> list[int]:
        """Return the runs that were claimed and not started."""
        return [claim.run_id for claim in (*self._claimed, *self._decided)]

    def lose(self, run_ids: Collection[int]) -> None:
        """Forget runs that are another worker's by now."""
        self._claimed = [claim for claim in self._claimed if claim.run_id not in run_ids]
        self._decided = [claim for claim in self._decided if claim.run_id not in run_ids]

    def give_back(self, changes: Changes) -> None:
        """Give back what was claimed and not started."""
        for claim in (*self._claimed, *self._decided):
            self._as_it_was(claim, changes)
        self._claimed, self._decided = [], []

    def _loaded(self) -> Iterator[Taken]:
        """What is too heavy together is given back, and less is claimed at once until it fits again.

        So are suspects beside the one that this worker has in hand; that is written first, so that nobody else is
        held should that one kill it. Several are claimed at once all the same, for the least suspicious to go first.
        """
        connection_id = self._claimed[0].connection_id
        room_bytes = BYTES_IN_HAND - self._in_hand.bytes
        claims, others = self._one_suspect(self._claimed)
        claims, heavy = self._loader.fitting(claims, room_bytes) if claims else ([], [])
        postponed = [*others, *heavy]
        at_once = self._at_once.pop(connection_id, CLAIMS_AT_ONCE)
        if postponed:
            self._at_once[connection_id] = max(SUSPECTS_AT_ONCE if others else 1, len(claims))
        elif 2 * at_once < CLAIMS_AT_ONCE:
            self._at_once[connection_id] = 2 * at_once
        if others:
            self._crowded.add(connection_id)
        if postponed:
            given_back = Changes()
            for claim in postponed:
                self._as_it_was(claim, given_back)
            self._claimed = claims
            yield [], given_back
        hands, changes = [], Changes()
        loaded = self._loader.load(claims)
        self._claimed = []
        for one in loaded:
            changes.held[one.claim.run_id] = one.claim
            if isinstance(one, Unusable):
                changes.updates.append(_parked(one))
            else:
                self._in_hand.take(one.claim, one.claim.connection_id, one.weight)
                hands.append(one)
        yield hands, changes

    def _waits_for_suspect(self, connection_id: int) -> bool:
        """Tell whether a connection has more suspects, and must wait until the one in hand has gone its way."""
        if not self._in_hand.has(self._suspect):
            self._suspect = 0
            self._crowded.clear()
        return connection_id in self._crowded

    def _one_suspect(self, claims: Sequence[Claim]) -> tuple[list[Claim], list[Claim]]:
        """Return what may be worked on together, and the suspects that may not; the least suspicious goes first."""
        marks = {claim.run_id: claim.claims_without_end for claim in claims}
        suspects = [run_id for run_id, m in marks.items() if is_suspect(m) and not is_guilty(m)]
        if suspects and not self._suspect:
            self._suspect = min(suspects, key=lambda run_id: marks[run_id])
        waiting = set(suspects) - {self._suspect}
        return (
            [claim for claim in claims if claim.run_id not in waiting],
            [claim for claim in claims if claim.run_id in waiting],
        )

    def _as_it_was(self, claim: Claim, changes: Changes) -> None:
        changes.held[claim.run_id] = claim
        changes.updates.append(
            RunUpdate(
                claim,
                RunStatus.QUEUED,
                step_index=claim.step_index,
                connection_id=claim.connection_id,
                claimable_at=self._clock.now(),
                memory=claim.memory,
                marks=claim.claims_without_end,
            )
        )


def _parked(unusable: Unusable) -> RunUpdate:
    claim = unusable.claim
    return RunUpdate(
        claim, RunStatus.PARKED, unusable.reason, unusable.kind, claim.step_index, memory=claim.memory
    )
