"""What is remembered of an account, and one at a time over all workers."""

from __future__ import annotations

import threading

import pytest

from automations.engine import account_memory
from automations.engine.account_memory import ReadOnlyMemory, StoredMemory
from automations.errors import StorageUnavailableError, UnavailableError
from tests.engine.conftest import ToyHouse


def memory(house: ToyHouse) -> StoredMemory:
    """A memory of its own, as another process has."""
    assert house.connection.id is not None
    return StoredMemory(house.assembly.database, house.clock, house.connection.id)


def test_what_one_process_writes_another_reads(house: ToyHouse) -> None:
    one, other = memory(house), memory(house)
    assert other.get("stages") is None
    one.put("stages", [{"id": 1, "name": "Lead in"}])
    assert other.get("stages") is None
    other.reload()
    assert other.get("stages") == [{"id": 1, "name": "Lead in"}]
    one.remember("person", "email", "ana@example.com", "771")
    assert other.known("person", "email", "ana@example.com") == "771"
    other.forget("person", "email", "ana@example.com")
    assert one.known("person", "email", "ana@example.com") is None


def test_one_key_is_held_by_one_at_a_time(house: ToyHouse) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        mine = memory(house)
        for _ in range(5):
            with mine.alone("person:email:ana@example.com"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_key_that_is_held_too_long_is_an_error_that_is_tried_again(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_memory, "WAITED_AT_MOST_S", 0.1)
    with memory(house).alone("deal:1"):
        with pytest.raises(UnavailableError, match="same deal"), memory(house).alone("deal:1"):
            pass
        with memory(house).alone("deal:2"):
            pass


def test_a_dead_holder_is_passed_over_after_its_time(house: ToyHouse) -> None:
    dead = memory(house)
    assert dead._taken("deal:1", "somebody who died")
    assert not dead._taken("deal:1", "me")
    house.clock.advance(seconds=121)
    assert dead._taken("deal:1", "me")


def test_a_hold_lasts_as_long_as_its_worker_renews_it(house: ToyHouse) -> None:
    connections, other = house.assembly.connections, memory(house)
    mine = connections.directory(other._connection_id)
    with mine.alone("deal:1"):
        for _ in range(12):
            house.clock.advance(seconds=15)
            connections.renew_holds()
        assert not other._taken("deal:1", "somebody else")
        house.clock.advance(seconds=121)
        assert other._taken("deal:1", "somebody else")
        # It is another's now, and renewing takes nothing back.
        connections.renew_holds()
    assert not mine._taken("deal:1", "me again")
    house.clock.advance(seconds=121)
    assert mine._taken("deal:1", "me again")


def test_a_worker_renews_holds_with_its_leases(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    house.target.gate = threading.Event()
    house.runner.turn()
    other = memory(house)
    with house.assembly.connections.directory(other._connection_id).alone("deal:1"):
        for _ in range(10):
            house.clock.advance(seconds=16)
            house.runner.turn()
        assert not other._taken("deal:1", "somebody else")
    house.target.gate.set()
    house.work()


def test_a_test_run_remembers_nothing(house: ToyHouse) -> None:
    real = memory(house)
    real.put("users", [1])
    real.remember("person", "email", "a", "1")
    test = ReadOnlyMemory(real)
    test.put("users", [2])
    test.forget("person", "email", "a")
    test.remember("person", "email", "b", "2")
    assert test.get("users") == [2]
    assert real.get("users") == [1]
    assert real.known("person", "email", "a") == "1"
    assert real.known("person", "email", "b") is None


def test_many_that_fetch_one_list_at_once_all_may_keep_it(house: ToyHouse) -> None:
    barrier = threading.Barrier(6)
    troubles: list[BaseException] = []

    def keep(n: int) -> None:
        memory = StoredMemory(house.assembly.database, house.clock, house.connection.id or 0)
        barrier.wait(10)
        try:
            memory.put("stages", [{"id": n}])
            memory.remember("person", "email", "ana@example.com", str(n))
        except Exception as error:  # noqa: BLE001 - told after the join
            troubles.append(error)

    threads = [threading.Thread(target=keep, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_values_that_differ_only_at_their_far_end_are_two(house: ToyHouse) -> None:
    memory = house.assembly.connections.directory(house.connection.id or 0)
    long = "x" * 3_000
    memory.remember("person", "email", long + "a", "1")
    memory.remember("person", "email", long + "b", "2")
    memory.remember("person", "email", "nul \x00 and \ud800", "3")
    assert memory.known("person", "email", long + "a") == "1"
    assert memory.known("person", "email", long + "b") == "2"
    assert memory.known("person", "email", "nul \x00 and \ud800") == "3"


def test_keys_that_nobody_holds_any_more_are_forgotten(house: ToyHouse) -> None:
    memory = house.assembly.connections.directory(house.connection.id or 0)
    for n in range(50):
        with memory.alone(f"person:{n}"):
            pass
    assert memory._here == {}


def test_a_hold_that_cannot_be_given_back_undoes_nothing(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = house.assembly.connections.directory(house.connection.id or 0)
    database = house.assembly.database
    done = False

    def away() -> None:
        raise StorageUnavailableError

    with memory.alone("person:1"):
        monkeypatch.setattr(database, "connect_for_write", away)
        done = True
    assert done


def hold_as_it_was_left(house: ToyHouse, worker: str) -> None:
    """Leave a hold in the database, as a worker does that is killed inside it."""
    dead = StoredMemory(house.assembly.database, house.clock, house.connection.id or 0, worker)
    dead._take("person:1", f"{worker} 0123")


def test_a_killed_workers_holds_end_when_its_successor_starts(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_memory, "WAITED_AT_MOST_S", 0.1)
    hold_as_it_was_left(house, "house/1/dead")
    runner = house.assembly.runner("house/1/alive")
    runner.ledger.recover("house/2/")
    with pytest.raises(UnavailableError), memory(house).alone("person:1"):
        pytest.fail("another slot's worker may be alive")
    runner.ledger.recover("house/1/")
    with memory(house).alone("person:1"):
        pass
    runner.abandon()


def test_a_hold_from_before_the_clock_was_set_back_holds_nobody_up(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_memory, "WAITED_AT_MOST_S", 0.1)
    hold_as_it_was_left(house, "house/1/dead")
    house.clock.jump(hours=-5)
    with memory(house).alone("person:1"):
        pass
