"""What comes in by an inbound address: stored before it is answered, answered when it cannot be stored."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from automations.engine.waiting import Accepted
from automations.errors import StorageUnavailableError
from automations.web.app import create_app
from tests.web.senders import Sender, credentials, refused, webhook


def test_accepted_event_is_stored_before_the_answer(sender: Sender) -> None:
    answer = sender.post()
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    (event, connection) = sender.assembly.history.events()[0]
    assert (connection, event.topic, event.record_key) == ("acme", "deal.change", "deal:5120")
    assert json.loads(event.payload) == webhook()


def test_the_same_event_again_is_told_and_stored_once(sender: Sender) -> None:
    sender.post()
    answer = sender.post()
    assert answer.json == {"success": True, "duplicate": True}
    assert sender.stored() == 1


def test_what_nobody_uses_is_accepted(sender: Sender) -> None:
    assert sender.post(webhook(entity="somethingNew", action="invented")).status_code == 200
    assert sender.stored() == 1


def test_answer_carries_no_cookie(sender: Sender) -> None:
    answer = sender.post()
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


# -- when it cannot be taken


def test_full_disk_gets_a_503_that_says_when_to_come_back(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> list[Accepted]:
        raise StorageUnavailableError

    monkeypatch.setattr(sender.assembly.intake, "accept", full)
    answer = sender.post()
    refused(answer, 503)
    assert 5 <= int(answer.headers["Retry-After"]) <= 30


def test_a_fault_of_ours_is_a_constant_500(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> list[Accepted]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(sender.assembly.intake, "accept", broken)
    with caplog.at_level(logging.CRITICAL):
        assert "secret detail" not in json.dumps(refused(sender.post(), 500))


# -- addresses come and go


def test_new_connection_is_reachable_at_once(sender: Sender) -> None:
    refused(sender.post(path="/hooks/in/" + "a" * 32), 404)
    row = sender.assembly.connections.save("webhook", "forms", {})
    answer = sender.client.post(f"/hooks/in/{row.hook_token}", json={"name": "Ines"})
    assert answer.status_code == 200
    assert sender.stored() == 1


def test_removed_connection_is_gone_after_the_remembered_time(toys: Any) -> None:
    client = create_app(toys.assembly).test_client()
    path = f"/hooks/in/{toys.connection.hook_token}"
    assert client.post(path, json={"wrong": 1}).status_code == 400
    toys.assembly.connections.remove("toys")
    toys.clock.advance(seconds=3)
    assert client.post(path, json={"wrong": 1}).status_code == 404


def test_changed_password_counts_after_the_remembered_time(toys: Any, sender: Sender) -> None:
    sender.post()
    sender.assembly.connections.save("pipedrive", "acme", {"hook_password": "another long password"})
    fresh = create_app(sender.assembly).test_client()
    headers = {"Authorization": credentials("automations", "another long password")}
    assert fresh.post(sender.path, json=webhook("e-2"), headers=headers).status_code == 200
