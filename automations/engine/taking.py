"""Taking what is due: for each connection as much as it has room for, and no more than fits into memory."""

from __future__ import annotations

from collections.abc import Iterator

from automations.clock import Clock
from automations.engine.availability import Availability
from automations.engine.changes import Changes, Claim, RunUpdate
from automations.engine.departures import Departures
from automations.engine.hands import Hand, Loader, Unusable
from automations.engine.in_hand import InHand
from automations.engine.ledger import Ledger
from automations.model.states import RunStatus

CLAIMS_AT_ONCE = 2_000
BYTES_IN_HAND = 32 * 2**20

Taken = tuple[list[Hand], Changes]


class Taking:
    """Used by the coordinating thread."""

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
        self._claims_at_once = CLAIMS_AT_ONCE

    def take(self) -> Iterator[Taken]:
        """Yield what was claimed for one connection after another, with the changes that belong to it.

        Nothing while a connection has more than half of its room in hand: every claim is a transaction of its own.
        Raises StorageUnavailableError; what was claimed by then comes at the next call.
        """
        if self._claimed:
            yield self._loaded()
        due = self._ledger.due()
        for connection_id in self._availability.open():
            most = self._departures.most_in_hand(connection_id)
            if connection_id not in due or not most:
                continue
            if self._availability.is_tried_alone(connection_id):
                most = 1
            room = most - self._in_hand.count(connection_id)
            # What is heavy elsewhere must not starve this one: one run of its own is always allowed.
            is_heavy = self._in_hand.bytes >= BYTES_IN_HAND and self._in_hand.count(connection_id) > 0
            if room < most // 2 or is_heavy:
                self._departures.no_room_for_more(connection_id)
                continue
            if most == 1 and not self._may_try(connection_id, room):
                continue
            limit = min(room, self._claims_at_once)
            self._claimed = self._ledger.claim(connection_id, limit)
            if len(self._claimed) == limit:
                self._departures.more_is_due()
            if self._claimed:
                yield self._loaded()

    def _may_try(self, connection_id: int, room: int) -> bool:
        """Tell whether something may be claimed where a breaker allows one call, or nothing stands in the way."""
        if not self._availability.is_tried_alone(connection_id):
            return True
        return room > 0 and self._availability.try_alone(connection_id)

    def give_back(self, changes: Changes) -> None:
        """Give back what was claimed and not started."""
        for claim in self._claimed:
            self._as_it_was(claim, changes)
        self._claimed = []

    def _loaded(self) -> Taken:
        """What is too heavy together is given back, and less is claimed at once until it fits again."""
        room_bytes = BYTES_IN_HAND - self._in_hand.bytes
        claims, postponed = self._loader.fitting(self._claimed, room_bytes)
        loaded = self._loader.load(claims)
        self._claimed = []
        self._claims_at_once = len(claims) if postponed else min(2 * self._claims_at_once, CLAIMS_AT_ONCE)
        hands, changes = [], Changes()
        for claim in postponed:
            self._as_it_was(claim, changes)
        for one in loaded:
            changes.held[one.claim.run_id] = one.claim
            if isinstance(one, Unusable):
                changes.updates.append(_parked(one))
            else:
                self._in_hand.take(one.run_id, one.claim.connection_id, one.weight)
                hands.append(one)
        return hands, changes

    def _as_it_was(self, claim: Claim, changes: Changes) -> None:
        changes.held[claim.run_id] = claim
        now, connection_id = self._clock.now(), claim.connection_id
        changes.updates.append(
            RunUpdate(claim, RunStatus.QUEUED, "", "", claim.step_index, connection_id, now, claim.memory)
        )


def _parked(unusable: Unusable) -> RunUpdate:
    claim = unusable.claim
    return RunUpdate(
        claim, RunStatus.PARKED, unusable.reason, unusable.kind, claim.step_index, memory=claim.memory
    )
