"""Thousands of Segment messages through two recipes into CleverTap: full calls, nothing lost, order kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from sqlmodel import col, select

from automations.assembly import Assembly
from automations.engine.contracts import InboundRequest
from automations.engine.definition import parse_definition
from automations.model.history import Run
from automations.sandbox import ClevertapSandbox
from automations.settings import Settings
from tests.connectors.clevertap.conftest import ACCOUNT, PASSCODE

MESSAGES = 4_000
FIELDS = {"identity": "{{ userId }}", "timestamp": "{{ event.occurred_at }}"}
RECIPES = {
    "identify": ("clevertap.upload_profile", {**FIELDS, "properties": "{{ traits }}"}),
    "track": (
        "clevertap.upload_event",
        {**FIELDS, "event_name": "{{ track.event }}", "properties": "{{ properties }}"},
    ),
}


@pytest.fixture
def assembly(tmp_path: Path, url: str) -> Iterator[Assembly]:
    assembly = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
    account = {"account_id": ACCOUNT, "passcode": PASSCODE, "base_url": url}
    assembly.connections.save("clevertap", "acme", account)
    assembly.connections.save("segment", "app", {})
    for name, (action, fields) in RECIPES.items():
        step = {"name": "send", "action": action, "connection": "acme", "fields": fields}
        tree = {"name": name, "trigger": {"key": f"segment.{name}", "connection": "app"}, "steps": [step]}
        assembly.recipes.apply([("", parse_definition(tree))])
    yield assembly
    assembly.close()


def message(number: int) -> dict[str, object]:
    """One person's four: a profile and three events. One event in a hundred is refused."""
    person = f"cust-{number // 4}"
    common = {"messageId": f"m-{number}", "userId": person, "timestamp": "2026-11-22T10:00:00Z"}
    if number % 4 == 0:
        return {**common, "type": "identify", "traits": {"Name": person, "seats": number}}
    name = "Old event" if number % 100 == 1 else "Opened"
    return {**common, "type": "track", "event": name, "properties": {"number": number}}


def accept(assembly: Assembly) -> None:
    kind = assembly.registry.kinds["segment"]
    connection_id = assembly.connections.get("app").id or 0
    for first in range(0, MESSAGES, 500):
        body = orjson.dumps({"batch": [message(number) for number in range(first, first + 500)]})
        arrivals = kind.receive(InboundRequest(body, "application/json", {}, None, "/v1/batch"))
        assembly.intake.accept(connection_id, arrivals)


def test_thousands_travel_in_full_calls_and_the_refused_ones_are_parked_one_by_one(
    assembly: Assembly, ct: ClevertapSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.engine.gathering.LINGER_S", 600.0)
    ct.discarded_events = frozenset({"Old event"})
    accept(assembly)
    runner = assembly.runner("test/1/a")
    runner.work_until_idle(timeout_s=300.0)
    runner.drain(5.0)

    # Four full calls would do; where it begins and ends, a person's later events wait for the earlier ones.
    assert len(ct.calls) <= 8
    refused = {number for number in range(MESSAGES) if number % 100 == 1}
    arrived = [event["evtData"]["number"] for event in ct.events]
    assert sorted(arrived) == [n for n in range(MESSAGES) if n % 4 and n not in refused]
    assert {key: ct.profiles[key] for key in ("cust-0", "cust-999")} == {
        "cust-0": {"Name": "cust-0", "seats": 0},
        "cust-999": {"Name": "cust-999", "seats": 3996},
    }
    assert len(ct.profiles) == MESSAGES // 4

    with assembly.database.read() as session:
        parked = session.exec(select(Run.reason).where(col(Run.status) == "parked")).all()
        others = session.exec(select(Run.id).where(col(Run.status) != "succeeded")).all()
    assert len(parked) == len(others) == len(refused)
    assert all("code 528" in reason and "discarded" in reason for reason in parked)

    by_person: dict[str, list[str]] = {}
    for call in ct.requests:
        for record in call.json["d"]:
            kind = record["evtName"] if record["type"] == "event" else "profile"
            by_person.setdefault(record["identity"], []).append(kind)
    assert all(kinds[0] == "profile" and len(kinds) == 4 for kinds in by_person.values())
