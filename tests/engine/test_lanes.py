"""Lanes under everything that can happen to them, in any order."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import text

from automations.engine.changes import Changes, Claim, DecidedEvent, NewRun, RunUpdate
from automations.engine.lanes import MANY, Lanes
from automations.engine.ledger import Ledger
from automations.engine.manual import ManualWork
from automations.errors import InputError
from automations.model.database import Database
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import RunStatus
from tests.engine.conftest import HandClock, ToyHouse

RECORDS = ("a", "b")
ACTIVE = "status IN ('running', 'waiting') OR claimable_at IS NOT NULL"


def furnished(folder: Path) -> Path:
    """Return a migrated SQLite file with one connection and one recipe."""
    path = folder / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    now = HandClock().now()
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO connection (id, name, kind, settings, sealed, state, state_reason, refused_hooks, "
                "created_at, updated_at) VALUES (1, 'toys', 'toy', '{}', '', 'ok', '', 0, 0, 0)"
            )
        )
        session.add(Recipe(id=1, name="note", enabled=True, created_at=now, updated_at=now))
        session.flush()
        definition = {"name": "note", "trigger": {"key": "x"}, "order": "per_record"}
        session.add(
            RecipeVersion(
                id=1, recipe_id=1, number=1, definition=definition, created_at=now, updated_at=now
            )
        )  # fmt: skip
    database.close()
    return path


class LaneMachine(RuleBasedStateMachine):
    """Decides, claims, ends, parks, retries, cancels, tries again and crashes, on real SQL.

    `left` holds for each record its runs in the order in which they must end.
    """

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "x.db")
        self.database = Database(f"sqlite:///{self.folder / 'x.db'}", pool_size=2)
        self.clock = HandClock()
        self.ledger = Ledger(self.database, self.clock, "w/1/a")
        self.manual = ManualWork(self.database, self.clock, lambda: None)
        self.hands: dict[int, Claim] = {}
        self.parked: dict[int, str] = {}
        self.left: dict[str, list[int]] = defaultdict(list)
        self.events = 0

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def _run_ids(self, where: str = "1=1") -> list[int]:
        with self.database.connect_for_read() as connection:
            sql = f"SELECT id FROM run WHERE lane IS NOT NULL AND ({where}) ORDER BY id"
            return [row[0] for row in connection.exec_driver_sql(sql)]

    def _record_of(self, run_id: int) -> str:
        return next(record for record, runs in self.left.items() if run_id in runs)

    @rule(records=st.lists(st.sampled_from(RECORDS), min_size=1, max_size=4))
    def decide(self, records: list[str]) -> None:
        decided = []
        with self.database.connect_for_write() as connection:
            for record in records:
                self.events += 1
                connection.exec_driver_sql(
                    "INSERT INTO event (id, connection_id, dedupe_key, topic, record_key, origin, received_at, "
                    "payload, label, problem) VALUES (?, 1, ?, 't', ?, 'hook', 0, x'', '', '')",
                    (self.events, str(self.events), record),
                )
                run = NewRun(1, 1, self.events, record, "", f"1:{record}", RunStatus.QUEUED, connection_id=1)
                decided.append(DecidedEvent(self.events, "", [], [run]))
        self.ledger.decide(decided)
        with self.database.connect_for_read() as connection:
            for event in decided:
                sql = "SELECT id, record_key FROM run WHERE event_id=?"
                run_id, record = connection.exec_driver_sql(sql, (event.event_id,)).one()
                self.left[record].append(run_id)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        for claim in self.ledger.claim(1, limit):
            assert claim.run_id not in self.hands
            self.hands[claim.run_id] = claim

    def _update(self, claim: Claim, status: RunStatus, at: Any = None) -> None:
        update = RunUpdate(
            claim, status, connection_id=1 if at else 0, claimable_at=at, memory={"related": {}}
        )
        lost, *_ = self.ledger.apply(Changes(updates=[update], held={claim.run_id: claim}))
        assert not lost
        del self.hands[claim.run_id]

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), parks=st.booleans())
    def end(self, data: st.DataObject, parks: bool) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.hands)))
        record = self._record_of(run_id)
        # Whatever happened: nobody overtakes within a record.
        assert self.left[record][0] == run_id
        self.left[record].pop(0)
        if parks:
            self.parked[run_id] = record
        self._update(self.hands[run_id], RunStatus.PARKED if parks else RunStatus.SUCCEEDED)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), seconds=st.integers(0, 100))
    def retry(self, data: st.DataObject, seconds: int) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.hands)))
        self._update(self.hands[run_id], RunStatus.WAITING, self.clock.now() + timedelta(seconds=seconds))

    @rule(seconds=st.integers(1, 200))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def crash(self) -> None:
        assert self.ledger.recover("w/1/") == len(self.hands)
        self.hands.clear()

    @precondition(lambda self: self._run_ids())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self._run_ids()))
        if run_id in self.hands:
            with pytest.raises(InputError):
                self.manual.cancel(run_id, "")
        else:
            self.manual.cancel(run_id, "")
            self.left[self._record_of(run_id)].remove(run_id)

    @precondition(lambda self: self.parked)
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.parked)))
        record = self.parked.pop(run_id)
        self.manual.try_now(run_id)
        # It comes right after the one that is active, before younger ones that stand in line.
        active = 1 if self.left[record] else 0
        behind = [other for other in self.left[record][active:] if other < run_id]
        self.left[record].insert(active + len(behind), run_id)

    @precondition(lambda self: self._run_ids("status='waiting'"))
    @rule(data=st.data())
    def hurry(self, data: st.DataObject) -> None:
        self.manual.try_now(data.draw(st.sampled_from(self._run_ids("status='waiting'"))))

    @rule(seconds=st.integers(-4_000, 4_000))
    def clock_jumps(self, seconds: int) -> None:
        self.clock.jump(seconds=seconds)
        self.ledger.thaw(timedelta(seconds=max(0, -seconds)))

    @invariant()
    def one_run_of_each_lane_is_active_and_none_is_stuck(self) -> None:
        with self.database.connect_for_read() as connection:
            sql = f"SELECT lane, SUM(CASE WHEN {ACTIVE} THEN 1 ELSE 0 END), COUNT(*) FROM run "
            rows = connection.exec_driver_sql(sql + "WHERE lane IS NOT NULL GROUP BY lane").all()
        assert all(active == 1 for _, active, _ in rows), rows
        found = {lane.split(":")[1]: count for lane, _, count in rows}
        assert found == {record: len(runs) for record, runs in self.left.items() if runs}


@pytest.fixture(autouse=True, scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> None:
    LaneMachine.template = furnished(tmp_path_factory.mktemp("lanes"))


TestLanes = LaneMachine.TestCase
TestLanes.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_transaction_on_many_lanes_and_one_on_a_few_wait_for_each_other(house: ToyHouse) -> None:
    database = house.assembly.database
    if database.on_sqlite:
        pytest.skip("SQLite has one writer anyway")
    lanes, order, has_all = Lanes(database), [], threading.Event()

    def few() -> None:
        assert has_all.wait(5)
        with database.connect_for_write() as connection:
            lanes.lock(connection, ["1:a"])
            order.append("few")

    thread = threading.Thread(target=few)
    with database.connect_for_write() as connection:
        lanes.lock(connection, [f"1:{n}" for n in range(MANY + 1)])
        thread.start()
        has_all.set()
        thread.join(timeout=0.3)
        order.append("many")
    thread.join(timeout=5)
    assert order == ["many", "few"]
