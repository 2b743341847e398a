"""The ledger under two workers that crash, sleep through their leases and try what they must not, in any order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from automations.engine.changes import (
    AttemptMade,
    Changes,
    Claim,
    Closing,
    DecidedEvent,
    NewRun,
    Opening,
    Room,
    RunUpdate,
)
from automations.engine.ledger import Ledger
from automations.model.database import Database
from automations.model.states import DeliveryStatus, RunStatus
from tests.engine.conftest import HandClock
from tests.engine.test_lanes import furnished

ITEMS = 2
#: What takes runs out of hands happens one time in four, so that something happens to those that are in them.
LUCK = st.integers(0, 3)


@dataclass
class Worker:
    """A worker as the machine plays it. hands: what it believes to hold. open: items it opened itself."""

    slot: int
    ledger: Ledger
    hands: dict[int, Claim] = field(default_factory=dict)
    open: dict[tuple[int, int], int] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """Effects happen only between a worker's own opening and closing. `done` counts those that were closed."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "x.db")
        self.database = Database(f"sqlite:///{self.folder / 'x.db'}", pool_size=2)
        self.clock = HandClock()
        self.workers = [self._worker(slot) for slot in (1, 2)]
        self.events = 0
        self.lives = 0
        self.owner_of: dict[int, int] = {}
        self.old_claims: list[tuple[int, Claim]] = []
        self.closed: dict[int, Any] = {}
        self.attempts: dict[int, int] = {}
        self.counters: dict[int, int] = {}

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def _worker(self, slot: int) -> Worker:
        return Worker(slot, Ledger(self.database, self.clock, f"w/{slot}/a"))

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with self.database.connect_for_read() as connection:
            return list(connection.exec_driver_sql(sql, parameters).all())

    @initialize()
    def begin(self) -> None:
        self.decide(3, 0, 0)
        self.claim(0, 1)
        self.claim(1, 1)

    @rule(count=st.integers(1, 3), slot=st.integers(0, 1), takes=st.integers(0, 2))
    def decide(self, count: int, slot: int, takes: int) -> None:
        decided = []
        with self.database.connect_for_write() as connection:
            for _ in range(count):
                self.events += 1
                record = f"thing:{self.events % 2}"
                connection.exec_driver_sql(
                    "INSERT INTO event (id, connection_id, dedupe_key, topic, record_key, origin, received_at, "
                    "payload, label, problem) VALUES (?, 1, ?, 't', ?, 'hook', 0, x'', '', '')",
                    (self.events, str(self.events), record),
                )
                run = NewRun(1, 1, self.events, record, "", f"1:{record}", RunStatus.QUEUED, connection_id=1)
                decided.append(DecidedEvent(self.events, "", [], [run]))
        worker, room = self.workers[slot], Room({1: takes})
        worker.ledger.decide(decided, room)
        # A second decision of the same events, as of a worker that was slow, makes no second run and takes none.
        late = Room({1: 5})
        self.workers[1 - slot].ledger.decide(decided, late)
        assert self._rows("SELECT COUNT(*) FROM run") == [(self.events,)]
        assert not late.claims
        assert len(room.claims) == takes - room.left[1] <= takes
        for claim in room.claims:
            self.owner_of[claim.run_id] = worker.slot
            worker.hands[claim.run_id] = claim

    @rule(slot=st.integers(0, 1), limit=st.integers(1, 3))
    def claim(self, slot: int, limit: int) -> None:
        worker = self.workers[slot]
        for claim in worker.ledger.claim(1, limit):
            assert claim.run_id not in self.owner_of, "one run in two hands"
            self.owner_of[claim.run_id] = worker.slot
            if claim.run_id in worker.hands:
                self.old_claims.append((slot, worker.hands[claim.run_id]))
                self._forget(worker, claim.run_id)
            worker.hands[claim.run_id] = claim

    def _apply(self, worker: Worker, run_id: int, changes: Changes) -> bool:
        """Write as this worker; return whether it still had the run. What it has lost it must not have written."""
        changes.held[run_id] = worker.hands[run_id]
        before = self._rows("SELECT * FROM delivery WHERE run_id=?", run_id)
        run_before = self._rows("SELECT * FROM run WHERE id=?", run_id)
        lost, ids, _ = worker.ledger.apply(changes)
        owns = self.owner_of.get(run_id) == worker.slot and not self._is_stale(worker, run_id)
        assert (run_id in lost) is not owns
        if not owns:
            assert self._rows("SELECT * FROM delivery WHERE run_id=?", run_id) == before
            assert self._rows("SELECT * FROM run WHERE id=?", run_id) == run_before
            self._forget(worker, run_id)
        for (run, _, item), delivery_id in ids.items():
            worker.open[run, item] = delivery_id
        return owns

    def _is_stale(self, worker: Worker, run_id: int) -> bool:
        return self._rows("SELECT lease_counter FROM run WHERE id=?", run_id) != [
            (worker.hands[run_id].counter,)
        ]

    def _forget(self, worker: Worker, run_id: int) -> None:
        worker.hands.pop(run_id, None)
        for key in [key for key in worker.open if key[0] == run_id]:
            del worker.open[key]

    def _one(self, data: st.DataObject) -> tuple[Worker, int]:
        held = [(w, run_id) for w in self.workers for run_id in sorted(w.hands)]
        return data.draw(st.sampled_from(held))

    def _anything_held(self) -> bool:
        return any(worker.hands for worker in self.workers)

    @precondition(_anything_held)
    @rule(data=st.data(), item=st.integers(0, ITEMS - 1))
    def open_delivery(self, data: st.DataObject, item: int) -> None:
        worker, run_id = self._one(data)
        sql = "SELECT id, status FROM delivery WHERE run_id=? AND item_index=?"
        past = self._rows(sql, run_id, item)
        opening = _opening(run_id, item, past[0][0] if past else None)
        if past and past[0][1] == "succeeded":
            return
        if self._apply(worker, run_id, Changes(openings=[opening])) and past:
            worker.open[run_id, item] = past[0][0]

    @precondition(lambda self: self._held_and_closed())
    @rule(data=st.data(), knows=st.booleans())
    def open_what_is_closed(self, data: st.DataObject, knows: bool) -> None:
        """A worker that would do a closed effect again is refused, whatever made it think so."""
        run_id, item, delivery_id = data.draw(st.sampled_from(self._held_and_closed()))
        worker = self.workers[self.owner_of[run_id] - 1]
        opening = _opening(run_id, item, delivery_id if knows else None)
        before = self._rows("SELECT * FROM delivery WHERE run_id=?", run_id)
        with pytest.raises(RuntimeError):
            worker.ledger.apply(Changes(openings=[opening], held={run_id: worker.hands[run_id]}))
        assert self._rows("SELECT * FROM delivery WHERE run_id=?", run_id) == before

    def _held_and_closed(self) -> list[tuple[int, int, int]]:
        rows = self._rows("SELECT run_id, item_index, id FROM delivery WHERE status='succeeded' ORDER BY id")
        return [tuple(row) for row in rows if row[0] in self.owner_of]

    @precondition(lambda self: self.old_claims)
    @rule(data=st.data())
    def write_under_an_old_claim(self, data: st.DataObject) -> None:
        """What a worker began before it lost a run and got it back is not written either."""
        slot, claim = data.draw(st.sampled_from(self.old_claims))
        update = RunUpdate(claim, RunStatus.PARKED, "", "", connection_id=0)
        before = self._rows("SELECT * FROM run WHERE id=?", claim.run_id)
        lost, *_ = self.workers[slot].ledger.apply(Changes(updates=[update], held={claim.run_id: claim}))
        assert lost == {claim.run_id}
        assert self._rows("SELECT * FROM run WHERE id=?", claim.run_id) == before

    @precondition(lambda self: any(worker.open for worker in self.workers))
    @rule(data=st.data(), succeeds=st.booleans())
    def close_delivery(self, data: st.DataObject, succeeds: bool) -> None:
        opened = [(w, key) for w in self.workers for key in sorted(w.open)]
        worker, (run_id, item) = data.draw(st.sampled_from(opened))
        delivery_id = worker.open.pop((run_id, item))
        ((number,),) = self._rows("SELECT attempts FROM delivery WHERE id=?", delivery_id)
        status = DeliveryStatus.SUCCEEDED if succeeds else DeliveryStatus.WAITING
        outcome = "succeeded" if succeeds else "unavailable"
        attempt = AttemptMade(number, self.clock.now(), 1, outcome, "", [])
        self._apply(worker, run_id, Changes(closings=[Closing(run_id, delivery_id, status, attempt)]))

    @precondition(_anything_held)
    @rule(data=st.data(), ends=st.booleans(), luck=LUCK)
    def let_go(self, data: st.DataObject, ends: bool, luck: int) -> None:
        if luck:
            return
        worker, run_id = self._one(data)
        at = None if ends else self.clock.now()
        status = RunStatus.SUCCEEDED if ends else RunStatus.WAITING
        update = RunUpdate(worker.hands[run_id], status, connection_id=0 if ends else 1, claimable_at=at)
        if self._apply(worker, run_id, Changes(updates=[update])):
            del self.owner_of[run_id]
            self._forget(worker, run_id)

    @rule(slot=st.integers(0, 1), luck=LUCK)
    def crash(self, slot: int, luck: int) -> None:
        """A worker dies; its successor in the slot has another name and takes its runs back."""
        if luck:
            return
        dead = self.workers[slot]
        self.lives += 1
        prefix = f"w/{dead.slot}/"
        taken = [run_id for run_id, owner in self.owner_of.items() if owner == dead.slot]
        self.old_claims = [(other, claim) for other, claim in self.old_claims if other != slot]
        self.workers[slot] = Worker(dead.slot, Ledger(self.database, self.clock, f"{prefix}{self.lives}"))
        assert self.workers[slot].ledger.recover(prefix) == len(taken)
        for run_id in taken:
            del self.owner_of[run_id]

    @rule(slot=st.integers(0, 1), luck=LUCK)
    def sleep_through_the_lease(self, slot: int, luck: int) -> None:
        """One worker stands still; the other sees its leases unchanged for a minute, then takes them."""
        if luck:
            return
        sleeper, other = self.workers[slot], self.workers[1 - slot]
        other.ledger.recover()
        self.clock.advance(seconds=61)
        other.ledger.renew(sorted(other.hands))
        other.ledger.recover()
        for run_id in [run_id for run_id, owner in self.owner_of.items() if owner == sleeper.slot]:
            del self.owner_of[run_id]

    @invariant()
    def nothing_closed_changes_and_no_number_goes_back(self) -> None:
        rows = self._rows("SELECT id, status, attempts, outputs, closed_at FROM delivery")
        for delivery_id, status, attempts, outputs, closed_at in rows:
            assert attempts >= self.attempts.get(delivery_id, 0)
            self.attempts[delivery_id] = attempts
            if delivery_id in self.closed:
                assert (status, attempts, outputs, closed_at) == self.closed[delivery_id]
            elif status == "succeeded":
                self.closed[delivery_id] = (status, attempts, outputs, closed_at)
        for run_id, counter in self._rows("SELECT id, lease_counter FROM run"):
            assert counter >= self.counters.get(run_id, 0)
            self.counters[run_id] = counter

    @invariant()
    def the_books_hold_each_attempt_once_and_no_success_twice(self) -> None:
        sql = "SELECT delivery_id, COUNT(*), COUNT(DISTINCT number), SUM(outcome='succeeded') FROM attempt GROUP BY 1"
        for delivery_id, count, numbers, successes in self._rows(sql):
            assert count == numbers <= self.attempts[delivery_id]
            assert successes <= 1

    @invariant()
    def who_holds_a_run_is_who_the_ledger_says(self) -> None:
        rows = self._rows("SELECT id, lease_owner FROM run WHERE lease_owner IS NOT NULL")
        assert {run_id: int(owner.split("/")[1]) for run_id, owner in rows} == self.owner_of


def _opening(run_id: int, item: int, delivery_id: int | None) -> Opening:
    return Opening(
        run_id=run_id,
        step_index=0,
        item_index=item,
        step_name="write",
        action="toy.write_down",
        connection_id=1,
        status=DeliveryStatus.SENDING,
        fields={"text": "x"},
        idempotency_key=f"run-{run_id}-write-{item}",
        delivery_id=delivery_id,
    )


@pytest.fixture(autouse=True, scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> None:
    LedgerMachine.template = furnished(tmp_path_factory.mktemp("ledger"))


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
