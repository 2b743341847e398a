"""The runner's promises, on both databases."""

from __future__ import annotations

import contextlib

from automations.errors import CredentialsError, OutcomeUnknownError, RejectedError, UnavailableError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival


def test_an_event_goes_through_a_recipe_once(house: ToyHouse) -> None:
    house.recipe()
    assert not house.thing(7).duplicate
    assert house.thing(7).duplicate
    house.work()
    assert house.target.texts() == ["7/0"]
    assert house.statuses() == ["succeeded"]


def test_an_event_that_nobody_wants_is_kept_with_its_verdicts(house: ToyHouse) -> None:
    house.recipe("reds", trigger={"fields": {"color": "red"}})
    house.thing(1, color="blue")
    house.thing(2, idle=True)
    house.work()
    assert house.statuses() == ["filtered"]
    (blue,) = house.assembly.history.why(1)
    assert (blue.answer, blue.reason) == ("filtered", "color is blue, wanted red")
    (idle,) = house.assembly.history.why(2)
    assert (idle.answer, idle.reason) == ("not triggered", "it was only looked at")
    assert house.target.done == []


def test_order_within_one_record_is_kept(house: ToyHouse) -> None:
    house.recipe()
    house.send(*(arrival(i % 5, n) for n in range(8) for i in range(5)))
    house.work()
    for i in range(5):
        mine = [text for text in house.target.texts() if text.startswith(f"{i}/")]
        assert mine == [f"{i}/{n}" for n in range(8)]


def test_a_retry_holds_only_its_own_record(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down")]
    house.send(arrival(1, 0), arrival(1, 1), arrival(2, 0))
    house.work()
    assert house.target.texts() == ["2/0"]
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["2/0", "1/0", "1/1"]


def test_a_rejected_delivery_is_parked_and_frees_its_lane(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no such thing")]
    house.send(arrival(1, 0), arrival(1, 1))
    house.work()
    assert house.statuses() == ["parked", "succeeded"]
    assert house.target.texts() == ["1/1"]
    (line,) = house.assembly.history.runs(status="parked")
    assert "no such thing" in line.run.reason


def test_a_parked_run_goes_on_when_a_person_says_so(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    (line,) = house.assembly.history.runs(status="parked")
    house.assembly.manual.try_now(line.run.id or 0)
    house.work()
    assert house.statuses() == ["succeeded"]
    detail = house.assembly.history.run(line.run.id or 0)
    assert [a.outcome for a in detail.deliveries[0].attempts] == ["rejected", "succeeded"]


def test_wrong_credentials_pause_the_connection_and_keep_the_work(house: ToyHouse) -> None:
    house.recipe()
    house.target.next_errors.append(CredentialsError("401"))
    house.send(*(arrival(i) for i in range(3)))
    house.work()
    house.clock.advance(hours=5)
    house.work()
    assert house.assembly.connections.get("toys").state == "paused"
    done = len(house.target.done)
    assert done < 3
    house.assembly.connections.test("toys")
    house.work()
    assert sorted(house.target.texts()) == ["0/0", "1/0", "2/0"]


def test_a_limit_of_the_whole_connection_uses_up_no_tries(house: ToyHouse) -> None:
    house.recipe()
    for _ in range(15):
        house.target.next_errors.append(UnavailableError("429", retry_after_s=30, whole_connection=True))
    house.thing(1)
    for _ in range(16):
        house.work()
        house.clock.advance(seconds=31)
    assert house.target.texts() == ["1/0"]


def test_retries_end_parked_never_dropped(house: ToyHouse) -> None:
    house.recipe()
    house.target.errors_for["1/0"] = [UnavailableError("down") for _ in range(20)]
    house.thing(1)
    for _ in range(13):
        house.work()
        house.clock.advance(hours=29)
    assert house.statuses() == ["parked"]


def test_a_doubtful_write_is_looked_up_before_it_is_repeated(house: ToyHouse) -> None:
    house.recipe()
    house.target.after_write.append(OutcomeUnknownError("timed out"))
    house.thing(1)
    house.work()
    assert house.statuses() == ["waiting"]
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["1/0"]
    assert house.statuses() == ["succeeded"]


def test_what_cannot_be_known_is_parked_with_a_question(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {"name": "s", "action": "toy.shout", "connection": "toys", "fields": {"text": "{{ thing.id }}"}}
        ]
    )
    house.target.after_write.append(OutcomeUnknownError("timed out"))
    house.thing(1)
    house.work()
    house.clock.advance(seconds=13)
    house.work()
    (line,) = house.assembly.history.runs(status="parked")
    assert "Send again" in line.run.reason
    house.assembly.manual.mark_done(line.run.id or 0, "seen by Ana")
    house.work()
    assert house.statuses() == ["succeeded"]
    assert house.target.texts() == ["1"]


def test_batchable_deliveries_travel_together(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {"name": "p", "action": "toy.post", "connection": "toys", "fields": {"text": "{{ thing.id }}"}}
        ]
    )
    house.target.errors_for["33"] = [RejectedError("33 is odd", code="513")]
    house.send(*(arrival(i) for i in range(150)))
    house.work()
    assert len(house.target.done) == 149
    assert len(house.target.batches) <= 5
    (line,) = house.assembly.history.runs(status="parked")
    assert line.run.record_key == "thing:33"


def test_a_crash_between_the_write_and_its_closing_repeats_no_closed_effect(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {
                "name": "a",
                "action": "toy.write_down",
                "connection": "toys",
                "fields": {"text": "a{{ thing.id }}"},
            },
            {
                "name": "b",
                "action": "toy.write_down",
                "connection": "toys",
                "fields": {"text": "b{{ steps.a.text }}"},
            },
        ]
    )
    house.thing(1)
    original = house.runner.ledger.apply
    calls = 0

    def dies_at_third(changes):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(changes)

    house.runner.ledger.apply = dies_at_third  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        house.work()
    house.crash()
    assert house.runner.ledger.recover("test/1/") == 1
    house.work()
    assert house.target.texts() == ["a1", "ba1"]
    assert house.statuses() == ["succeeded"]


def test_a_template_that_fails_parks_its_run_and_leaves_the_next_alone(house: ToyHouse) -> None:
    house.recipe(
        steps=[{"name": "w", "action": "toy.write_down", "connection": "toys",
                "fields": {"text": "{{ thing.id }}", "count": "{{ thing.amount }}"}}]
    )  # fmt: skip
    house.send(arrival(1, amount="many"), arrival(2, amount="12"))
    house.work()
    assert house.statuses() == ["parked", "succeeded"]
    (line,) = house.assembly.history.runs(status="parked")
    for word in ("'w'", "'count'", "'many'", "a whole number"):
        assert word in line.run.reason


def test_related_records_are_fetched_together_and_once_a_run(house: ToyHouse) -> None:
    house.recipe(
        only_if="{{ thing.owner.name != 'Owner of 3' }}",
        steps=[
            {
                "name": "w",
                "action": "toy.write_down",
                "connection": "toys",
                "fields": {"text": "{{ thing.owner.name }}"},
            }
        ],
    )
    house.send(*(arrival(i) for i in range(6)))
    house.work()
    assert house.target.related_calls == [6]
    assert sorted(house.target.texts()) == [f"Owner of {i}" for i in (0, 1, 2, 4, 5)]
    assert sorted(house.statuses()) == ["filtered"] + ["succeeded"] * 5


def test_a_failed_look_up_is_tried_again(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {
                "name": "w",
                "action": "toy.write_down",
                "connection": "toys",
                "fields": {"text": "{{ thing.owner.name }}"},
            }
        ]
    )
    house.target.related_error = UnavailableError("down")
    house.thing(1)
    house.work()
    assert house.statuses() == ["waiting"]
    house.target.related_error = None
    house.clock.advance(seconds=13)
    house.work()
    assert house.target.texts() == ["Owner of 1"]


def test_conditions_waits_and_items(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {"name": "each", "action": "toy.write_down", "connection": "toys", "for_each": "{{ thing.tags }}",
             "fields": {"text": "{{ item }}{{ loop.index }}"}},
            {"name": "late", "action": "toy.write_down", "connection": "toys", "wait": "2h",
             "only_if": "{{ steps.each.status == 'succeeded' }}", "fields": {"text": "late"}},
            {"name": "never", "action": "toy.write_down", "connection": "toys", "only_if": "{{ thing.id == 99 }}",
             "fields": {"text": "never"}},
        ]
    )  # fmt: skip
    house.thing(1, tags=["x", "y"])
    house.work()
    assert house.target.texts() == ["x1", "y2"]
    assert house.statuses() == ["waiting"]
    house.crash()
    house.clock.advance(hours=2, seconds=1)
    house.work()
    assert house.target.texts() == ["x1", "y2", "late"]
    detail = house.assembly.history.run(1)
    assert [d.delivery.status for d in detail.deliveries] == [
        "succeeded",
        "succeeded",
        "succeeded",
        "skipped",
    ]


def test_on_error_continue_goes_on(house: ToyHouse) -> None:
    house.recipe(
        steps=[
            {
                "name": "a",
                "action": "toy.write_down",
                "connection": "toys",
                "on_error": "continue",
                "fields": {"text": "bad"},
            },
            {
                "name": "b",
                "action": "toy.write_down",
                "connection": "toys",
                "fields": {"text": "{{ steps.a.status }}"},
            },
        ]
    )
    house.target.errors_for["bad"] = [RejectedError("no")]
    house.thing(1)
    house.work()
    assert house.target.texts() == ["parked"]
    assert house.statuses() == ["succeeded"]


def test_an_unreadable_event_stops_nobody(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1, poison=True)
    house.thing(2)
    house.work()
    assert house.target.texts() == ["2/0"]
    (why,) = house.assembly.history.why(1)
    assert why.answer == "problem"


def test_switched_off_recipes_do_not_run_and_it_is_said_why(house: ToyHouse) -> None:
    house.recipe()
    house.assembly.recipes.switch("note", enabled=False)
    house.thing(1)
    house.work()
    assert house.target.done == []
    (why,) = house.assembly.history.why(1)
    assert why.answer == "off"


def test_a_run_that_kills_its_worker_is_parked(house: ToyHouse) -> None:
    house.recipe()
    house.thing(1)
    runner = house.runner
    runner._decider.decide_pending(10, runner._loader.remember)
    for _ in range(4):
        claims = runner.ledger.claim(house.connection.id or 0, 10)
        assert len(claims) == 1
        runner.ledger.recover("test/1/")
    house.work()
    assert house.statuses() == ["parked"]
    assert house.target.done == []
