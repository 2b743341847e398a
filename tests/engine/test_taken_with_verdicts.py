"""Runs that are taken as they are decided, and what leaves of them in one statement."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from automations.engine.changes import Changes, Opening
from automations.engine.departures import SINGLES_IN_HAND
from automations.errors import StorageUnavailableError
from automations.model.states import DeliveryStatus
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def decide(house: ToyHouse) -> int:
    """Decide as a turn does, and go no further."""
    return house.runner._deciding.look(lambda: None)


def delivered_once(house: ToyHouse, count: int) -> None:
    assert sorted(house.target.texts()) == sorted(f"{n}/0" for n in range(count))
    assert house.statuses() == ["succeeded"] * count


def test_what_is_decided_is_in_hand_without_a_claim_of_its_own(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(3)))
    monkeypatch.setattr(house.runner.ledger, "claim", lambda *_: pytest.fail("nothing is left to claim"))
    assert decide(house) == 3
    assert house.statuses() == ["running"] * 3
    house.work()
    delivered_once(house, 3)


def test_only_the_first_of_a_lane_is_taken(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(1, n) for n in range(3)))
    decide(house)
    assert house.statuses() == ["running", "queued", "queued"]
    house.send(arrival(1, 3))
    decide(house)
    assert house.statuses() == ["running", "queued", "queued", "queued"]
    house.work()
    assert house.target.texts() == [f"1/{n}" for n in range(4)]


def test_no_more_is_taken_than_there_is_room_for(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(200)))
    decide(house)
    assert house.statuses().count("running") == SINGLES_IN_HAND // 2
    house.work()
    delivered_once(house, 200)


def test_nothing_new_is_taken_while_others_have_waited_longer(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(300)))
    other = house.assembly.runner("w/2/other")
    other._decider.decide_pending(500, lambda *_: None)
    house.target.gate = threading.Event()
    house.runner.turn()
    house.runner.turn()
    connection_id = house.connection.id or 0
    assert house.runner._in_hand.count(connection_id) == SINGLES_IN_HAND
    assert connection_id not in house.runner._taking.room().left
    house.runner._taking.took(house.runner._taking.room())
    house.target.gate.set()
    house.work()
    assert connection_id in house.runner._taking.room().left
    delivered_once(house, 300)
    other.abandon()


def test_what_was_taken_outlives_a_database_that_is_away_for_a_moment(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(3)))

    def away(*_: Any) -> Any:
        raise StorageUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(house.runner._loader, "load", away)
        with pytest.raises(StorageUnavailableError):
            house.runner.turn()
    assert len(house.runner._taking.run_ids) == 3
    # It is renewed like all that is in hand, so no other worker takes it back.
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=40)
    house.runner._keep_alive()
    house.clock.advance(seconds=40)
    assert other.ledger.recover() == 0
    house.work()
    delivered_once(house, 3)
    other.abandon()


def test_what_was_taken_and_lost_is_forgotten(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(3)))
    decide(house)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover() == 0
    house.clock.advance(seconds=61)
    assert other.ledger.recover() == 3
    other.work_until_idle()
    house.runner._keep_alive()
    assert house.runner._taking.run_ids == []
    house.work()
    delivered_once(house, 3)
    other.abandon()


def test_what_was_taken_and_not_begun_is_given_back_at_the_end(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(3)))
    decide(house)
    house.runner.drain(1.0)
    assert house.statuses() == ["queued"] * 3
    house.crash()
    house.work()
    delivered_once(house, 3)


def test_a_room_that_was_promised_is_free_again_when_deciding_fails(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.thing(0)

    def away(*_: Any) -> Any:
        raise StorageUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(house.runner.ledger, "decide", away)
        with pytest.raises(StorageUnavailableError):
            decide(house)
    assert house.runner._taking._promised == {}
    house.work()
    delivered_once(house, 1)


# -- leaving in one statement


def _opening(claim: Any, delivery_id: int | None = None) -> Opening:
    return Opening(
        claim.run_id, 0, 0, "write", "toy.write_down", claim.connection_id, DeliveryStatus.SENDING, {},
        f"run-{claim.run_id}", delivery_id,
    )  # fmt: skip


def test_what_leaves_is_opened_only_for_runs_that_are_still_here(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(n) for n in range(3)))
    decide(house)
    ledger, connection_id = house.runner.ledger, house.connection.id or 0
    claims = [claim for claim in house.runner._taking._decided if claim.connection_id == connection_id]
    assert len(claims) == 3
    house.clock.advance(seconds=1)
    other = house.assembly.runner("w/2/other")
    assert other.ledger.recover("test/1") == 3
    (again,) = other.ledger.claim(connection_id, 1)
    (mine,) = ledger.claim(connection_id, 1)
    old = {claim.run_id: claim for claim in claims}
    changes = Changes([_opening(claim) for claim in claims], held={**old, mine.run_id: mine})
    lost, ids, _ = ledger.apply(changes)
    assert lost == {claim.run_id for claim in claims} - {mine.run_id}
    assert {place[0] for place in ids} == {mine.run_id}
    assert again.run_id in lost
    other.abandon()


def test_what_leaves_repeats_no_closed_effect(house: ToyHouse) -> None:
    house.recipe()
    house.thing(0)
    house.work()
    with house.assembly.database.write_plain() as connection:
        connection.exec_driver_sql("UPDATE run SET status='queued', claimable_at=0, connection_id=1")
    (claim,) = house.runner.ledger.claim(1, 5)
    changes = Changes([_opening(claim)], held={claim.run_id: claim})
    with pytest.raises(RuntimeError, match="closed or gone"):
        house.runner.ledger.apply(changes)
    with house.assembly.database.read_plain() as connection:
        rows = connection.exec_driver_sql("SELECT status, attempts FROM delivery").all()
    assert rows == [("succeeded", 1)]
