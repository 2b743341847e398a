"""What every description promises: profiles, events, limits, refusals told apart, times, secrets, keys."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest

from automations.connectors.http import DoorMode
from automations.connectors.targets.actions.upload_profile import UploadProfile
from automations.connectors.targets.calls import in_calls, lines_of, request_for
from automations.connectors.targets.connection import TargetConnection
from automations.connectors.targets.parts import OPERATORS
from automations.connectors.targets.records import Neutral, shape
from automations.connectors.targets.settings import as_read
from automations.engine.contracts import ItemResult, Outcome
from automations.errors import (
    CredentialsError,
    DeliveryError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from tests.conformance.conftest import Remembered
from tests.conformance.targets.conftest import AT, SECRET, Account, event, given_to, profile

BAD = "the-bad-one"


def outcome(result: ItemResult) -> Outcome:
    assert isinstance(result.result, Outcome), result.result
    return result.result


def told(result: ItemResult) -> DeliveryError:
    assert isinstance(result.result, DeliveryError), result.result
    return result.result


def refuses_the_bad_one(account: Account) -> None:
    account.sandbox.refuse_if = lambda record: BAD in json.dumps(record)


def test_it_names_its_sources(account: Account) -> None:
    sources = account.target.part.sources
    assert any("not tried against a live account" in source for source in sources)
    assert any(re.search(r"read 20\d\d-|\(20\d\d-\d\d\)", source) for source in sources)
    assert account.target.part.about


def test_a_profile_arrives(account: Account) -> None:
    result = outcome(account.send([profile()])[0])
    assert "user-0001" in account.sandbox.profiles
    assert 12 in account.sandbox.profiles["user-0001"].values()
    assert result.outputs["identity"] == "user-0001"
    assert account.sandbox.dropped == []


def test_an_event_arrives(account: Account) -> None:
    outcome(account.send([event()])[0])
    (record,) = account.sandbox.events
    text = json.dumps(record)
    assert all(part in text for part in ("user-0001", "Deal Won", "EUR", "18400.5"))


def test_any_id_that_it_takes_is_enough(account: Account) -> None:
    fields = {"user_id": "identity", "anonymous_id": "anonymous_id", "email": "email", "phone": "phone"}
    values = {"email": "ines@lumen-mail.example", "phone": "+351912345678"}
    for number, name in enumerate(account.target.part.identity.first_of):
        only: dict[str, Any] = {"identity": None, fields[name]: values.get(name, "visitor-77")}
        items = [profile(key=f"p{number}", **only), event(key=f"e{number}", **only)]
        assert [type(result.result) for result in account.send(items)] == [Outcome, Outcome]
    assert account.sandbox.dropped == []


def test_without_an_id_that_it_knows_nothing_leaves(account: Account) -> None:
    unknown: dict[str, Any] = {"identity": None, "phone": "+351912345678"}
    if "phone" in account.target.part.identity.first_of:
        unknown = {"identity": " "}
    error = told(account.send([event(**unknown)])[0])
    assert isinstance(error, RejectedError)
    assert "Map one of them" in error.message
    assert account.sandbox.requests == []


def test_a_full_row_travels_in_calls_of_the_allowed_size(account: Account) -> None:
    most = account.target.event.batch.records
    count = min(most * 2 + 1, 2 * most if most > 1000 else 10_000)
    items = [event(f"user-{number:05d}", key=f"run-{number}") for number in range(count)]
    results = account.send(items)
    assert {type(result.result) for result in results} == {Outcome}
    assert len(account.sandbox.events) == count
    assert max(account.sandbox.calls) <= most
    assert len(account.sandbox.calls) <= -(-count // most) + 8


def test_no_call_is_larger_than_allowed(account: Account) -> None:
    target = account.target
    text = "x" * 10_000
    given = {f"Text {number}": text for number in range(2)}
    settings: Any = (
        TargetConnection()
        .settings_table({"target": target.name})
        .model_validate({"target": target.name, **given_to(target)})
    )
    read = as_read(target.part, settings)
    lines = [
        line
        for number in range(700)
        for line in lines_of(
            number,
            shape(
                target,
                target.event,
                Neutral({"user_id": f"user-{number:05d}"}, "Deal Won", AT, given),
                read,
                delivery=f"run-{number}",
            ),
        )
    ]
    calls = list(in_calls(target, lines))
    assert sum(map(len, calls)) == 700
    for call in calls:
        request = request_for(target, call, read, "")
        assert len(orjson.dumps(request.json)) <= target.event.batch.bytes + 2_000


def test_a_record_that_is_too_large_never_leaves(account: Account) -> None:
    if account.target.event.batch.record_bytes is None:
        pytest.skip("no limit of one record is known")
    large: dict[str, Any] = {"Notes": "y" * 900_000}
    if account.target.event.values.value_bytes is not None:
        large = {f"Text {number}": "x" * 250 for number in range(900)}
    results = account.send([event(key="a", properties=large), event(key="b")])
    assert "bytes" in told(results[0]).message
    outcome(results[1])


def test_profiles_go_before_events(account: Account) -> None:
    account.send([event(key="e"), profile(key="p")])
    bodies = "".join(seen.body.decode() for seen in account.sandbox.requests)
    if account.target.name != "braze":
        assert bodies.index("Trial") < bodies.index("Deal Won")
    assert len(account.sandbox.requests) == (1 if account.target.part.together else 2)


def test_a_refused_record_is_told_from_the_others(account: Account) -> None:
    refuses_the_bad_one(account)
    people = ["user-0001", "user-0002", BAD, "user-0004"]
    items = [event(person, key=f"run-{person}") for person in people]
    results = account.send(items)
    arrived = json.dumps(account.sandbox.events)
    assert all(person in arrived for person in people if person != BAD)
    assert BAD not in arrived
    if account.target.part.answer.silent:
        assert {type(result.result) for result in results} == {Outcome}
        return
    assert [isinstance(result.result, Outcome) for result in results] == [True, True, False, True]
    error = told(results[2])
    assert isinstance(error, RejectedError)
    assert account.target.title in error.message
    shown = json.dumps(results[2].exchange)
    assert BAD in shown
    assert "user-0001" not in shown


def test_a_refused_profile_is_told_from_the_others(account: Account) -> None:
    refuses_the_bad_one(account)
    items = [profile(person, key=person) for person in ("user-0001", BAD, "user-0003")]
    results = account.send(items)
    assert {"user-0001", "user-0003"} <= account.sandbox.profiles.keys()
    if not account.target.part.answer.silent:
        assert [isinstance(result.result, Outcome) for result in results] == [True, False, True]


def test_profiles_and_events_of_one_call_are_not_confused(account: Account) -> None:
    if account.target.part.answer.silent:
        pytest.skip("it never says what it refused")
    refuses_the_bad_one(account)
    items = [profile("user-0001", key="a"), event("user-0002", key="b"), profile("user-0003", key="c")]
    items += [event(BAD, key="d"), event("user-0005", key="e")]
    results = account.send(items)
    assert [isinstance(result.result, Outcome) for result in results] == [True, True, True, False, True]


def test_a_record_that_failed_for_a_moment_is_tried_again(account: Account) -> None:
    codes = [code for rule in account.target.failures for code in rule.part.retry_codes]
    if not codes:
        pytest.skip("no code of that kind is known")
    refuses_the_bad_one(account)
    account.sandbox.refuse_code = codes[0]
    results = account.send([event("user-0001", key="a"), event(BAD, key="b")])
    assert isinstance(told(results[1]), UnavailableError)


def test_too_many_calls_hold_the_whole_connection(account: Account) -> None:
    account.sandbox.answer_always(429, retry_after_s=120)
    with pytest.raises(UnavailableError) as caught:
        account.send([event()])
    assert caught.value.whole_connection
    assert caught.value.retry_after_s == 120


def test_its_own_header_says_how_long_to_wait(account: Account) -> None:
    wait = account.target.part.throttle.wait
    if wait is None:
        pytest.skip("it has no header of its own")
    value = "9" if wait.holds == "seconds" else "99999999999"
    account.sandbox.answer_always(429, headers={wait.header: value})
    with pytest.raises(UnavailableError) as caught:
        account.send([event()])
    assert caught.value.retry_after_s == (9 if wait.holds == "seconds" else 86_400)


def test_calls_are_paid_from_its_budgets(account: Account) -> None:
    account.send([event(key="a"), event("user-0002", key="b")])
    calls = len(account.sandbox.requests)
    throttle = account.target.part.throttle
    spent = account.purse.spent
    assert [cost for name, cost in spent if name == "requests"] == ([1] * calls if throttle.requests else [])
    assert sum(cost for name, cost in spent if name == "records") == (2 if throttle.records else 0)


def test_a_budget_that_is_used_up_is_waited_for(account: Account) -> None:
    if not account.target.pools:
        pytest.skip("no budget is known")
    account.purse.wait_s = 30.0
    with pytest.raises(UnavailableError) as caught:
        account.send([event()])
    assert caught.value.retry_after_s == 30.0
    assert account.sandbox.requests == []


def test_times_have_the_form_it_wants(account: Account) -> None:
    account.send([event(key="a", timestamp=1795344120), event("user-0002", key="b", timestamp=AT)])
    written = json.dumps(account.target.record_time(AT))
    assert [json.dumps(record).count(written) for record in account.sandbox.events] == [1, 1]
    assert account.sandbox.dropped == []


def test_times_inside_the_data_have_the_form_it_wants(account: Account) -> None:
    account.send(
        [event(properties={"Renewed at": "2026-11-20T08:00:00Z", "Note": "at 2026-11-20T08:00:00Z"})]
    )
    data = json.dumps(account.sandbox.events[0])
    write = account.target.data_time
    wanted = "2026-11-20T08:00:00Z" if write is None else write(AT.replace(day=20, hour=8, minute=0))
    assert json.dumps(wanted) in data
    assert "at 2026-11-20T08:00:00Z" in data


def test_an_impossible_time_never_leaves(account: Account) -> None:
    assert "1970" in told(account.send([event(timestamp=1795344120000)])[0]).message
    assert account.sandbox.requests == []


def test_without_a_time_it_gets_what_it_needs(account: Account) -> None:
    outcome(account.send([event(timestamp=None)])[0])
    first = json.dumps(account.target.record_time(AT.replace(minute=45)))
    assert (first in json.dumps(account.sandbox.events[0])) == account.target.part.time.needed


def test_secrets_are_seen_by_the_service_only(account: Account) -> None:
    account.send([profile(), event()])
    kind = TargetConnection()
    settings = kind.settings_table({"target": account.target.name}).model_validate(
        {"target": account.target.name, **given_to(account.target)}
    )
    assert account.exchanges()
    assert SECRET not in json.dumps(account.exchanges()) + repr(settings)


def test_an_offline_test_shows_the_request_and_sends_nothing(account: Account) -> None:
    results = account.send([event()], DoorMode.OFFLINE)
    outcome(results[0])
    (exchange,) = account.exchanges()
    assert not exchange["sent"]
    assert "Deal Won" in json.dumps(exchange["body"])
    assert account.sandbox.requests == []


def test_a_second_try_carries_the_same_key(account: Account) -> None:
    for _ in range(2):
        outcome(account.send([event(key="run-7-step")])[0])
    outcome(account.send([event(key="run-8-step")])[0])
    assert len(account.sandbox.events) == (2 if account.target.event.carries_key else 3)


def test_an_event_whose_answer_was_lost_is_repeated_only_where_that_is_said(account: Account) -> None:
    item, client = event(), account.client()
    if account.target.event.resends:
        assert item.action.settle(item.fields, client, item.call) is None
    else:
        with pytest.raises(OutcomeUnknownError):
            item.action.settle(item.fields, client, item.call)


def test_wrong_credentials_are_the_owners_matter(account: Account) -> None:
    wrong = dict.fromkeys(account.target.settings.secret_names(), "wr0ng-77aa1c5e02")
    with pytest.raises(CredentialsError) as caught:
        account.send([event()], **wrong)
    assert "wr0ng" not in caught.value.message
    assert account.sandbox.events == []


def test_its_account_can_be_tried_without_storing_anything(account: Account) -> None:
    kind = TargetConnection()
    assert kind.test(account.client()).summary
    assert (account.sandbox.profiles, account.sandbox.events) == ({}, [])
    if account.target.test is None:
        return
    wrong = dict.fromkeys(account.target.settings.secret_names(), "wr0ng-77aa1c5e02")
    with pytest.raises(CredentialsError):
        kind.test(account.client(**wrong))


def test_changes_that_it_knows_arrive_and_others_are_named_when_saving(account: Account) -> None:
    action = UploadProfile()
    values: dict[str, Any] = {"increment": {"Score": 5}, "append": {"Interests": ["solar"]}}
    values |= {"remove": {"Interests": ["wind"]}, "unset": ["Old"], "set_once": {"First": "x"}}
    for name in OPERATORS:
        mapped: dict[str, Any] = {"operators": {name: values[name]}}
        settings = account.client().settings
        problems = list(action.check_mapping(mapped, settings, Remembered()))
        result = account.send([profile(key=name, **mapped)])[0]
        if name in account.target.operators:
            assert problems == []
            outcome(result)
        else:
            assert [where for where, _ in problems] == [f"operators.{name}"]
            assert account.target.title in problems[0][1]
            assert "does not know" in told(result).message
    assert account.sandbox.dropped == []


def test_odd_names_and_values_are_fitted_or_refused_but_never_sent_wrong(account: Account) -> None:
    odd = {
        "utm.source & more": "fair",
        "nested": {"a": {"b": [1, {"c": 2}]}},
        "list": ["x", "x", None, 3],
        "nothing": None,
        "long": "é" * 2_000,
        "$money": 3,
        "n" * 500: 1,
        "flag": False,
        "zero": 0,
        "empty": "",
    }
    for number, item in enumerate([profile(properties=odd), event(properties=odd)]):
        result = account.send([item])[0]
        outcome(result)
        assert len(account.sandbox.requests) == number + 1
    assert account.sandbox.dropped == []


def test_a_checked_attribute_that_is_wrong_is_left_out_and_said(account: Account) -> None:
    checks = account.target.part.profile.attributes.checks
    ours = {theirs: name for name, theirs in account.target.part.profile.attributes.rename.items()}
    email = next((name for name, check in checks.items() if check == "email"), None)
    if email is None:
        pytest.skip("it checks no e-mail address")
    result = outcome(account.send([profile(properties={ours.get(email, email): "no address", "A": 1})])[0])
    assert any("left out" in note for note in result.outputs["mended"])
    assert "left out" in result.summary
    assert account.sandbox.dropped == []


def test_a_check_without_storing_stores_nothing(account: Account) -> None:
    result = outcome(account.send([event(validate=True)])[0])
    assert account.sandbox.events == []
    if account.target.dry_run is None:
        assert account.sandbox.requests == []
        assert "cannot check" in result.summary
    else:
        assert account.sandbox.validated == 1
        assert "not stored" in result.summary


@pytest.mark.parametrize("status", [500, 502])
def test_a_broken_server_leaves_it_in_doubt(account: Account, status: int) -> None:
    account.sandbox.answer_always(status)
    with pytest.raises(OutcomeUnknownError):
        account.send([event()])
