"""What a person does with stopped work never breaks a lane, never repeats an effect, never skips a condition."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from automations.errors import InputError, OutcomeUnknownError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ToyConnection, arrival


def lane_of(house: ToyHouse) -> list[tuple[int, str, bool]]:
    """Return (id, status, claimable) of every run that is in a lane."""
    with house.assembly.database.connect_for_read() as connection:
        rows = connection.execute(
            text("SELECT id, status, claimable_at IS NOT NULL FROM run WHERE lane IS NOT NULL ORDER BY id")
        )
        return [(row[0], row[1], bool(row[2])) for row in rows]


def test_cancelling_a_run_behind_the_head_leaves_the_head_alone_in_front(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.target.errors_for["1/1"] = [UnavailableError("down")]
    house.send(arrival(1, 0), arrival(1, 1), arrival(1, 2))
    house.work()
    # 1 is parked and out of the lane, 2 waits for its retry as the head, 3 is behind it.
    house.assembly.manual.try_now(1)
    assert lane_of(house) == [(1, "queued", False), (2, "waiting", True), (3, "queued", False)]
    house.assembly.manual.cancel(3, "not wanted")
    assert lane_of(house) == [(1, "queued", False), (2, "waiting", True)]


def test_cancelling_the_head_lets_the_next_one_go(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down")]
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    house.assembly.manual.cancel(1, "")
    house.work()
    assert house.target.texts() == ["1/1"]
    assert house.statuses() == ["cancelled", "succeeded"]


def test_a_cancelled_run_leaves_no_delivery_that_seems_to_wait(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down")]
    house.thing(1)
    house.work()
    house.assembly.manual.cancel(1, "a mistake")
    (found,) = house.assembly.history.run(1).deliveries
    assert found.delivery.status == "skipped"
    assert "a mistake" in found.delivery.reason
    assert found.delivery.next_attempt_at is None


def test_a_run_in_a_workers_hands_cannot_be_touched(house: ToyHouse) -> None:
    house.recipe()
    house.target.gate = threading.Event()
    house.thing(1)
    house.runner.turn()
    house.runner.turn()
    manual = house.assembly.manual
    for touch in (manual.try_now, lambda run: manual.cancel(run, ""), lambda run: manual.mark_done(run, "x")):
        with pytest.raises(InputError, match="running"):
            touch(1)
    house.target.gate.set()
    house.work()
    assert house.target.texts() == ["1/0"]


def test_a_run_that_is_not_there_is_said_so(house: ToyHouse) -> None:
    with pytest.raises(InputError) as caught:
        house.assembly.manual.try_now(77)
    assert caught.value.status == 404


def test_a_second_try_never_passes_by_the_condition_that_could_not_be_judged(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.amount > 5 }}")
    house.thing(1, amount={"not": "a number"})
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == []
    assert house.statuses() == ["parked"]


def test_a_second_try_judges_a_condition_on_looked_up_records_again(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.owner.name * 2 > 5 }}")
    house.thing(1)
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == []
    assert house.statuses() == ["parked"]


def test_only_a_delivery_can_be_marked_as_done(house: ToyHouse) -> None:
    house.recipe(only_if="{{ thing.amount > 5 }}")
    house.thing(1, amount={"not": "a number"})
    house.work()
    with pytest.raises(InputError, match="no parked delivery"):
        house.assembly.manual.mark_done(1, "seen")
    house.work()
    assert house.target.texts() == []


def test_a_run_parked_after_crashes_is_settled_and_not_sent_again(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("loud", action="toy.shout")])
    house.thing(1)
    house.target.gate = threading.Event()
    house.runner.turn()
    house.runner.turn()
    # The worker dies with the request on its way; two more die before they send anything.
    house.target.gate.set()
    deadline_s = time.monotonic() + 10
    while not house.target.done and time.monotonic() < deadline_s:
        time.sleep(0.01)
    house.crash()
    for _ in range(3):
        house.runner.ledger.recover("test/1/")
        house.runner.ledger.claim(house.connection.id or 0, 10)
        house.crash()
    house.runner.ledger.recover("test/1/")
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == ["loud"]
    (line,) = house.assembly.history.runs(status="parked")
    assert "Send again" in line.run.reason


def test_try_now_keeps_the_place_of_what_is_under_way(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.target.errors_for["1/1"] = [UnavailableError("down")]
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == []
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["1/1", "1/0"]


def test_try_now_from_many_sides_runs_it_once(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.thing(1)
    house.work()

    def press() -> None:
        with contextlib.suppress(InputError):
            house.assembly.manual.try_now(1)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.work()
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]


def test_a_doubtful_delivery_is_sent_again_on_a_persons_word(house: ToyHouse) -> None:
    house.recipe(steps=[house.step("s", action="toy.shout")])
    house.target.next_errors.append(OutcomeUnknownError("timed out"))
    house.thing(1)
    house.work()
    house.clock.advance(seconds=13)
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert house.target.texts() == ["s"]


@pytest.mark.timeout(60)
def test_events_and_cancellations_at_once_leave_no_lane_stuck(house: ToyHouse) -> None:
    house.recipe()
    stop = threading.Event()
    runner = house.assembly.runner("w/1/x")
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()

    def cancel_everything() -> None:
        while not stop.is_set():
            for run_id, status, _ in lane_of(house):
                if status != "running":
                    try:
                        house.assembly.manual.cancel(run_id, "")
                    except InputError:
                        continue

    canceller = threading.Thread(target=cancel_everything)
    canceller.start()
    for n in range(150):
        house.send(arrival(1, n), arrival(2, n))
        runner.nudge()
    deadline_s = time.monotonic() + 30
    while (house.assembly.history.undecided() or lane_of(house)) and time.monotonic() < deadline_s:
        runner.nudge()
        time.sleep(0.05)
    stop.set()
    runner.nudge()
    thread.join(timeout=20)
    canceller.join(timeout=20)
    assert lane_of(house) == []
    for i in (1, 2):
        numbers = [int(t.split("/")[1]) for t in house.target.texts() if t.startswith(f"{i}/")]
        assert numbers == sorted(set(numbers))


def test_a_run_deep_in_a_chain_is_judged_at_its_second_try_too(house: ToyHouse, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(ToyConnection, "counts_hops", True)
    house.recipe(only_if="{{ thing.amount > 5 }}")
    house.send(replace(arrival(1, amount="many"), hops=2))
    house.work()
    assert house.statuses() == ["parked"]
    house.assembly.manual.try_now(1)
    house.work()
    assert (house.target.texts(), house.statuses()) == ([], ["parked"])
    assert (house.assembly.history.run(1).run.memory or {})["depth"] == 2
