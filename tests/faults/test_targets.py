"""What a target can do to us, each with where it ends."""

from __future__ import annotations

import gzip

import pytest

from automations.sandbox.serving import SandboxServer
from tests.connectors.scripted_server import ScriptedServer, hang_up, raw, reply
from tests.crash.app import free_port
from tests.engine.toy import arrival
from tests.faults.conftest import FaultHouse


def test_a_target_that_is_down_for_ten_minutes_gets_everything_in_order(house: FaultHouse) -> None:
    port = free_port()
    house.connect("http", "notes", base_url=f"http://127.0.0.1:{port}")
    house.note()
    house.profile()
    house.send(*(arrival(id, n) for n in range(3) for id in (1, 2)))
    house.work()
    for _ in range(10):
        house.later(minutes=1)
    # The neighbour was served all along, and nothing was given up.
    assert {identity: p["Number"] for identity, p in house.clevertap.profiles.items()} == {
        "thing-1": 2, "thing-2": 2,
    }  # fmt: skip
    assert sorted(house.statuses()) == ["queued"] * 4 + ["succeeded"] * 6 + ["waiting"] * 2
    with SandboxServer(house.notebook, port=port):
        # The last try before was ten minutes after the first at most, and the next comes 18 minutes later at most.
        for _ in range(19):
            house.later(minutes=1)
        assert [(n.deal, n.number) for n in house.notebook.notes if n.deal == 1] == [(1, 0), (1, 1), (1, 2)]
        assert [(n.deal, n.number) for n in house.notebook.notes if n.deal == 2] == [(2, 0), (2, 1), (2, 2)]
    assert set(house.statuses()) == {"succeeded"}


def test_a_429_holds_the_whole_connection_as_long_as_was_asked_and_uses_up_no_tries(
    house: FaultHouse,
) -> None:
    house.note()
    house.profile()
    house.clevertap.answer_always(429, retry_after_s=120)
    house.send(*(arrival(id) for id in range(1, 31)))
    house.work()
    asked = len(house.clevertap.requests)
    assert 1 <= asked <= 3
    for _ in range(5):
        house.later(seconds=23)
    # 115 s later nothing more was asked of it, and its neighbour has had everything.
    assert len(house.clevertap.requests) == asked
    assert len(house.notebook.notes) == 30
    for _ in range(20):
        house.later(seconds=121)
    house.clevertap.behave()
    house.later(seconds=121)
    assert len(house.clevertap.profiles) == 30
    assert set(house.statuses()) == {"succeeded"}


def test_a_hang_up_after_the_write_makes_no_second_person(house: FaultHouse) -> None:
    house.person()
    house.pipedrive.hang_up_next(before_write=False, path="/api/v2/persons", method="POST")
    house.thing(1)
    house.work()
    assert house.statuses() == ["waiting"]
    house.later(seconds=13)
    assert house.statuses() == ["succeeded"]
    assert house.people() == ["thing-1@example.com"]


def test_a_hang_up_before_the_write_makes_the_person_at_the_next_try(house: FaultHouse) -> None:
    house.person()
    house.pipedrive.hang_up_next(before_write=True, path="/api/v2/persons", method="POST")
    house.thing(1)
    house.work()
    house.later(seconds=13)
    assert house.statuses() == ["succeeded"]
    assert house.people() == ["thing-1@example.com"]


def test_a_hang_up_after_a_keyed_call_sends_the_same_key_again(house: FaultHouse) -> None:
    with ScriptedServer(hang_up) as server:
        house.connect("http", "notes", base_url=server.url(""))
        house.note()
        house.thing(1)
        house.work()
        assert house.statuses() == ["waiting"]
        house.later(seconds=13)
        assert house.statuses() == ["succeeded"]
        keys = [received.headers["idempotency-key"] for received in server.requests]
        bodies = [received.body for received in server.requests]
    assert keys == ["run-1-step", "run-1-step"]
    assert bodies[0] == bodies[1]


def test_a_hang_up_after_a_call_without_a_key_is_a_question_for_a_person(house: FaultHouse) -> None:
    with ScriptedServer(hang_up) as server:
        house.connect("http", "notes", base_url=server.url(""))
        house.note(idempotency_key=False)
        house.send(arrival(1, 0), arrival(1, 1))
        house.work()
        house.later(seconds=13)
        house.later(minutes=2)
        # Never sent a second time; the next event of the record goes on.
        assert house.statuses() == ["parked", "succeeded"]
        assert len(server.requests) == 2


GARBAGE = {
    "HTML with a 200": reply(200, "<html>We are sorry</html>", Content_Type="text/html"),
    "half a JSON": reply(200, '{"status": "succ'),
    "a broken gzip": raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
        b"not gzip!"
    ),
    "half a gzip": raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
        + gzip.compress(b'{"status": "success", "processed": 1, "unprocessed": []}')[:20]
    ),
    "another protocol": raw(b"220 mail.example ESMTP\r\n", go_on=False),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_in_place_of_an_answer_is_never_taken_for_a_yes(house: FaultHouse, what: str) -> None:
    good = reply(200, '{"status": "success", "processed": 1, "unprocessed": []}')
    with ScriptedServer(GARBAGE[what], good) as server:
        house.connect(
            "clevertap", "profiles", base_url=server.url(""), account_id="ACC", passcode="passcode-1"
        )
        house.profile()
        house.thing(1)
        house.work()
        assert house.statuses() == ["waiting"]
        house.later(seconds=13)
        # A profile may be sent twice: it stays one.
        assert house.statuses() == ["succeeded"]
        assert len(server.requests) == 2
    assert [outcome for outcome, _ in house.attempts()] == ["unknown", "succeeded"]


def test_garbage_after_a_person_was_made_makes_no_second_one(house: FaultHouse) -> None:
    house.person()
    house.pipedrive.garbage_next(path="/api/v2/persons", method="POST", after_work=True)
    house.thing(1)
    house.work()
    house.later(seconds=13)
    assert house.statuses() == ["succeeded"]
    assert house.people() == ["thing-1@example.com"]


def test_of_a_partly_refused_upload_only_the_refused_are_sent_again(house: FaultHouse) -> None:
    house.profile()
    house.clevertap.partial_next()
    house.send(*(arrival(id) for id in range(1, 11)))
    house.work()
    assert sorted(house.statuses()) == ["succeeded"] * 9 + ["waiting"]
    first = sum(call.taken for call in house.clevertap.calls)
    assert first == 9
    house.later(seconds=13)
    assert set(house.statuses()) == {"succeeded"}
    assert sum(call.records for call in house.clevertap.calls) == 11
    assert len(house.clevertap.profiles) == 10


def test_of_a_mixed_upload_the_impossible_park_the_passing_wait_and_the_rest_is_done(
    house: FaultHouse,
) -> None:
    fields = {"identity": "thing-{{ thing.id }}", "event_name": "{{ thing.name }}"}
    house.recipe("events", [house.to("clevertap.upload_event", "profiles", fields)])
    house.clevertap.discarded_events = frozenset({"Thrown away"})
    house.clevertap.partial_next()
    names = ["Kept", "Kept", "Thrown away", "Kept"]
    house.send(*(arrival(id, name=name) for id, name in enumerate(names, start=1)))
    house.work()
    assert house.statuses() == ["succeeded", "waiting", "parked", "succeeded"]
    house.later(seconds=13)
    assert house.statuses() == ["succeeded", "succeeded", "parked", "succeeded"]
    assert sorted(event["identity"] for event in house.clevertap.events) == ["thing-1", "thing-2", "thing-4"]
