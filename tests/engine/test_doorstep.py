"""Connectors with bugs, and targets that tell too much: one delivery ends badly, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from automations.engine.contracts import ItemResult, Outcome
from automations.errors import OutcomeUnknownError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import (
    TARGETS,
    Post,
    ThingHappened,
    ToyConnection,
    ToyTarget,
    WriteDown,
    _Mailbag,
    arrival,
)


def breaks(*_arguments: Any, **_options: Any) -> Any:
    raise KeyError("a bug")


def parked_reason(house: ToyHouse) -> str:
    (line,) = house.assembly.history.runs(status="parked")
    return str(line.run.reason)


@pytest.mark.parametrize(
    ("part", "method"),
    [
        (ToyConnection, "client"),
        (ToyConnection, "hosts"),
        (WriteDown, "perform"),
        (WriteDown, "check"),
    ],
)
def test_a_connector_that_breaks_parks_its_run_and_frees_its_place(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, part: type, method: str
) -> None:
    house.recipe()
    with monkeypatch.context() as patch:
        patch.setattr(part, method, breaks)
        house.send(*(arrival(n) for n in range(20)))
        house.work()
    assert house.statuses() == ["parked"] * 20
    assert "KeyError" in house.assembly.history.runs()[0].run.reason
    house.thing(99)
    house.work()
    assert house.target.texts() == ["99/0"]


@pytest.mark.parametrize("method", ["repeatable_for", "settle"])
def test_a_connector_that_breaks_while_settling_leaves_the_doubt(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    house.recipe()
    house.target.after_write.append(OutcomeUnknownError("timed out"))
    house.thing(1)
    house.work()
    house.clock.advance(seconds=13)
    with monkeypatch.context() as patch:
        patch.setattr(WriteDown, method, breaks)
        house.work()
    assert "KeyError" in parked_reason(house)
    (found,) = house.assembly.history.run(1).deliveries
    assert found.delivery.reason_kind == "unknown"
    assert house.target.texts() == ["1/0"]


def test_a_doubtful_delivery_stays_doubtful_while_its_account_cannot_be_opened(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.recipe()
    house.target.after_write.append(OutcomeUnknownError("timed out"))
    house.thing(1)
    house.work()

    def away(*_: Any) -> Any:
        raise UnavailableError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(ToyConnection, "client", away)
        house.clock.advance(seconds=13)
        house.work()
    house.clock.advance(seconds=73)
    house.work()
    # Had the doubt been forgotten, it would stand there twice.
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]


@pytest.mark.parametrize("answer", [None, "done", {"status": "ok"}, Outcome])
def test_an_action_that_returns_no_outcome_is_a_bug_and_not_a_success(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    house.recipe()
    monkeypatch.setattr(WriteDown, "perform", lambda *_: answer)
    house.thing(1)
    house.work()
    assert house.statuses() == ["parked"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda items: [],
        lambda items: [None for _ in items],
        lambda items: [ItemResult(None) for _ in items],  # type: ignore[arg-type]
        lambda items: [ItemResult(Outcome())] * (len(items) + 1),
        lambda items: None,
        breaks,
    ],
)
def test_a_batch_that_answers_nonsense_ends_no_thread(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Sequence[Any]], Any]
) -> None:
    house.recipe(steps=[house.step(action="toy.post")])
    with monkeypatch.context() as patch:
        patch.setattr(_Mailbag, "send", lambda _self, items, _client: answer(items))
        house.send(*(arrival(n) for n in range(5)))
        house.work()
    assert not {"running", "succeeded"} & set(house.statuses())
    house.thing(99)
    house.work()
    assert house.target.texts() == ["99/0"]


def test_one_record_of_a_batch_that_keeps_failing_holds_nobody_else(house: ToyHouse) -> None:
    house.recipe(steps=[house.step(action="toy.post")])
    house.target.errors_for["3/0"] = [UnavailableError("busy") for _ in range(20)]
    house.send(*(arrival(i, n) for n in range(2) for i in range(5)))
    for _ in range(12):
        house.work()
        house.clock.advance(hours=25)
    assert house.statuses().count("succeeded") == 9
    assert house.statuses().count("parked") == 1
    assert [text for text in house.target.texts() if text.startswith("3/")] == ["3/1"]
    assert isinstance(Post.batch, _Mailbag)


@pytest.mark.parametrize(
    ("part", "method", "answer"),
    [
        (ToyConnection, "load_related", breaks),
        (ToyConnection, "load_related", lambda *_: []),
        (ToyConnection, "load_related", lambda *_: None),
        (ToyConnection, "load_related", lambda *_: [5]),
        (ThingHappened, "prepare", breaks),
        (ThingHappened, "narrow", breaks),
    ],
)
def test_a_look_up_that_breaks_stops_nobody(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch, part: type, method: str, answer: Any
) -> None:
    house.recipe("plain")
    house.recipe("looks", steps=[house.step("{{ thing.owner.name }}")], only_if="{{ thing.owner.name }}")
    with monkeypatch.context() as patch:
        patch.setattr(part, method, answer)
        house.thing(1)
        house.work()
    assert "running" not in house.statuses()
    house.thing(2)
    house.work()
    assert "Owner of 2" in house.target.texts()
    assert "2/0" in house.target.texts()


def test_what_a_target_echoes_of_our_secrets_is_never_kept(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("bad token s3cret-token for you")]
    house.target.more_outputs = {"seen": {"x-api": "s3cret-token"}}
    house.send(arrival(1), arrival(2))
    house.work()
    with house.assembly.database.connect_for_read() as connection:
        for table in ("run", "delivery", "attempt"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert rows
            assert "s3cret-token" not in repr(rows)


def test_a_slow_target_does_not_use_up_the_room_of_the_account_before_it(house: ToyHouse) -> None:
    slow = TARGETS.setdefault("slow", ToyTarget())
    slow.gate = threading.Event()
    house.assembly.connections.save("toy", "slow", {"target": "slow", "token": "s3cret-token"})
    house.recipe("both", steps=[house.step(name="a"), house.step(name="b", connection="slow")], order="none")
    house.recipe("one", trigger={"fields": {"color": "red"}}, steps=[house.step("red {{ thing.id }}")])
    house.send(*(arrival(n) for n in range(600)))
    for _ in range(200):
        house.runner.turn()
    house.send(arrival(1000, color="red"))
    for _ in range(200):
        if "red 1000" in house.target.texts():
            break
        house.runner._homecoming.wait(0.02)
        house.runner.turn()
    assert "red 1000" in house.target.texts()
    assert len(house.target.done) == 602
    slow.gate.set()
    house.runner.work_until_idle(60)
    assert len(slow.done) == 601
    del TARGETS["slow"]
