"""What every action promises, whoever wrote it. A new action is tried here without a line being added."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from automations.connectors.http import Door, DoorMode, SessionPool
from automations.engine.contracts import Action, BatchItem, Call, Outcome
from automations.errors import (
    AutomationError,
    CredentialsError,
    DeliveryError,
    OutcomeUnknownError,
    UnavailableError,
)
from tests.conformance.conftest import Trial, fields_of, registry
from tests.conformance.places import PLACES, SECRET

WRITES = ("POST", "PUT", "PATCH", "DELETE")
NONSENSE = (b"[1, 2, 3]", b'"fine"', b"null", b'{"weather": ')


def test_every_part_of_ours_passes_the_registry() -> None:
    assert [problem.message for problem in registry().problems] == []


def test_every_kind_that_actions_use_has_a_place() -> None:
    used = {action.connection.kind for action in registry().actions.values() if action.connection}
    assert used <= set(PLACES)


def test_its_page_names_a_source(action: Action) -> None:
    assert (action.__doc__ or "").strip()
    if action.connection is not None and not action.key.startswith("http."):
        assert "Source: " in (action.__doc__ or "")
        assert "read 20" in (action.__doc__ or "")


def test_its_form_can_be_drawn(action: Action) -> None:
    schema = action.Fields.model_json_schema()
    assert schema["properties"]
    for name, part in schema["properties"].items():
        assert part.get("title"), f"{name} has no title"
        assert {"suggest", "secret", "choices", "multiline", "advanced", "one_of"} <= set(part)


def test_it_does_what_its_example_says(trial: Trial, example: int) -> None:
    outcome = trial.perform()
    assert isinstance(outcome, Outcome)
    assert outcome.summary
    assert json.loads(json.dumps(outcome.outputs)) == outcome.outputs
    promised = {name for name in trial.action.outputs if not name.startswith("<")}
    assert promised <= set(outcome.outputs)


def test_what_may_be_repeated_leaves_the_same(trial: Trial, example: int, remote_example: None) -> None:
    if not trial.action.repeatable_for(trial.fields):
        return
    assert trial.place is not None
    trial.perform()
    before = trial.place.state()
    trial.perform()
    assert trial.place.state() == before


def test_its_examples_travel_together(action: Action, pool: SessionPool) -> None:
    if action.batch is None:
        return
    assert action.connection is not None
    kind = action.connection()
    place = PLACES[kind.kind]()
    fields = [fields_of(action, number) for number in range(len(action.examples))]
    items = [BatchItem(action, each, Call(f"key-{number}")) for number, each in enumerate(fields)]
    with place.sandbox.serve(port=0) as server:
        settings = kind.settings_table(place.settings).model_validate(
            {**place.settings, "base_url": server.url}
        )
        trial = Trial(
            action,
            fields[0],
            place,
            lambda mode, more: (Door(pool, connection="tried", secrets=[SECRET]), settings),
        )
        results = action.batch.send(items, trial.client())
    assert [type(result.result) for result in results] == [Outcome] * len(items)
    assert all(result.exchange for result in results)
    assert len(place.sandbox.requests) == 1


def test_refused_credentials_are_the_owners_matter(trial: Trial, example: int, remote_example: None) -> None:
    wrong = "wr0ng-77aa1c5e02"
    assert trial.place is not None
    secrets = {name: wrong for name, value in trial.place.settings.items() if value == SECRET}
    with pytest.raises(CredentialsError) as caught:
        trial.perform(**secrets)
    assert_no_secret(trial, caught.value, wrong)


def test_a_limit_holds_the_whole_connection(trial: Trial, example: int, remote_example: None) -> None:
    assert trial.place is not None
    trial.place.sandbox.answer_always(429)
    with pytest.raises(UnavailableError) as caught:
        trial.perform()
    assert caught.value.whole_connection
    assert_no_secret(trial, caught.value)


def test_the_asked_for_pause_is_kept(trial: Trial, example: int, remote_example: None) -> None:
    assert trial.place is not None
    trial.place.sandbox.answer_always(503, retry_after_s=120)
    with pytest.raises(UnavailableError) as caught:
        trial.perform()
    assert caught.value.retry_after_s == 120


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_broken_server_leaves_a_write_in_doubt(
    trial: Trial, example: int, remote_example: None, status: int
) -> None:
    assert trial.place is not None
    trial.place.sandbox.answer_always(status)
    assert_right_doubt(trial)


@pytest.mark.parametrize("before_write", [True, False])
def test_a_hang_up_leaves_a_write_in_doubt(
    trial: Trial, example: int, remote_example: None, before_write: bool
) -> None:
    assert trial.place is not None
    trial.place.sandbox.hang_up_next(times=20, before_write=before_write)
    assert_right_doubt(trial)


def test_a_write_that_breaks_is_in_doubt_though_the_look_up_went_well(
    trial: Trial, example: int, remote_example: None
) -> None:
    assert trial.place is not None
    for method in WRITES:
        trial.place.sandbox.answer_always(500, method=method)
    try:
        trial.perform()
    except OutcomeUnknownError as error:
        assert_no_secret(trial, error)
    else:
        methods = [exchange.as_json()["method"] for exchange in trial.door.exchanges]
        assert not set(methods) & set(WRITES)


def test_a_page_instead_of_json_is_not_taken_for_success(
    trial: Trial, example: int, remote_example: None
) -> None:
    assert trial.place is not None
    if trial.place.any_json_is_fine:
        return
    trial.place.sandbox.garbage_next(times=20)
    assert_right_doubt(trial)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_json_is_not_taken_for_success(
    trial: Trial, example: int, remote_example: None, nonsense: bytes
) -> None:
    assert trial.place is not None
    if trial.place.any_json_is_fine:
        return
    trial.place.sandbox.answer_always(200, body=nonsense)
    assert_right_doubt(trial)


def test_a_secret_that_is_echoed_stays_secret(trial: Trial, example: int, remote_example: None) -> None:
    assert trial.place is not None
    body = json.dumps({"success": False, "status": "fail", "error": f"{SECRET} may not do this", "code": 422})
    trial.place.sandbox.answer_always(422, body=body)
    with pytest.raises(DeliveryError) as caught:
        trial.perform()
    assert_no_secret(trial, caught.value)


def test_a_test_run_opens_no_socket_and_shows_its_calls(
    trial: Trial, example: int, remote_example: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "getaddrinfo", no_socket)
    monkeypatch.setattr(socket.socket, "connect", no_socket)
    outcome = trial.perform(DoorMode.OFFLINE)
    exchanges = [exchange.as_json() for exchange in trial.door.exchanges]
    assert exchanges
    assert not any(exchange["sent"] for exchange in exchanges)
    assert SECRET not in json.dumps([exchanges, outcome.outputs, outcome.summary])


def assert_right_doubt(trial: Trial) -> None:
    """After a write nobody knows; after a read nothing was done, and it is simply tried again."""
    with pytest.raises((OutcomeUnknownError, UnavailableError)) as caught:
        trial.perform()
    last = trial.door.exchanges[-1].as_json()
    wanted = OutcomeUnknownError if last["method"] in WRITES else UnavailableError
    assert isinstance(caught.value, wanted), f"{last['method']} {last['url']} gave {caught.value!r}"
    assert_no_secret(trial, caught.value)


def assert_no_secret(trial: Trial, error: AutomationError, secret: str = SECRET) -> None:
    seen = json.dumps([exchange.as_json() for exchange in trial.door.exchanges])
    assert secret not in seen
    cause: BaseException | None = error
    while cause is not None:
        assert secret not in str(cause)
        cause = cause.__cause__
