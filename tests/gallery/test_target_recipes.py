"""The recipes for described services, run for real: events in, calls out to strict recorders, each told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.connectors.targets.library import shipped
from automations.engine.contracts import InboundRequest
from automations.engine.definition import read_definition
from automations.resources import gallery_folder
from automations.sandbox.described import DescribedSandbox
from automations.settings import Settings

SECRET = "s3cr3t-4f81b7c2d9"


class House:
    """An installation with a source, and recorders of Mixpanel and Customer.io."""

    def __init__(self, assembly: Assembly, mixpanel: DescribedSandbox, customerio: DescribedSandbox) -> None:
        self.assembly = assembly
        self.mixpanel = mixpanel
        self.customerio = customerio

    def use(self, *slugs: str) -> None:
        texts = [(gallery_folder() / f"{slug}.yaml").read_text() for slug in slugs]
        self.assembly.recipes.apply([("", read_definition(text)) for text in texts])

    def send(self, messages: list[dict[str, Any]]) -> None:
        """Let messages come in, and work until nothing is due."""
        row = self.assembly.connections.get("app-events")
        kind = self.assembly.registry.kinds[row.kind]
        arrivals = [
            arrival
            for number, message in enumerate(messages)
            for arrival in kind.receive(
                InboundRequest(json.dumps({"messageId": f"m-{number}", **message}).encode(), "", {})
            )
        ]
        self.assembly.intake.accept(row.id or 0, arrivals)
        self.assembly.runner("test/1/a").work_until_idle()

    def statuses(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self.assembly.history.runs(limit=1000):
            found[str(line.run.status)] = found.get(str(line.run.status), 0) + 1
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    mixpanel = DescribedSandbox(shipped()["mixpanel"], {"project_id": "7", "token": SECRET})
    customerio = DescribedSandbox(shipped()["customerio_track"], {"site_id": SECRET, "api_key": SECRET})
    with mixpanel.serve(port=0) as one, customerio.serve(port=0) as two:
        assembly = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
        assembly.connections.save("segment", "app-events", {})
        given = {"target": "mixpanel", "project_id": "7", "token": SECRET, "base_url": one.url}
        assembly.connections.save("target", "acme-mixpanel", given)
        given = {"target": "customerio_track", "site_id": SECRET, "api_key": SECRET, "base_url": two.url}
        assembly.connections.save("target", "acme-customerio-track", given)
        yield House(assembly, mixpanel, customerio)
        assembly.close()


def track(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Demo Booked",
        "userId": f"user-{number}",
        "properties": {"n": number},
        **more,
    }


def test_profiles_reach_mixpanel(house: House) -> None:
    house.use("segment-identify-to-mixpanel-profile")
    traits = {"email": "Ines@Fabrik.example", "name": "Ines Moreau", "plan": "Trial"}
    house.send([{"type": "identify", "userId": "cust-88", "traits": traits}])
    assert house.mixpanel.profiles["cust-88"]["$name"] == "Ines Moreau"
    assert house.statuses() == {"succeeded": 1}


def test_many_events_travel_in_few_calls_and_only_the_bad_one_is_parked(house: House) -> None:
    house.use("segment-track-to-customerio-event")
    house.customerio.refuse_if = lambda record: record["identifiers"]["id"] == "user-77"
    house.send([track(number) for number in range(300)])
    assert len(house.customerio.events) == 299
    assert len(house.customerio.calls) <= 6
    assert max(house.customerio.calls) <= 500
    assert house.statuses() == {"succeeded": 299, "parked": 1}
    parked = next(line for line in house.assembly.history.runs(limit=1000) if line.run.status == "parked")
    assert "Customer.io" in parked.run.reason


def test_a_limit_holds_the_connection_and_nothing_is_lost(house: House) -> None:
    house.use("segment-track-to-customerio-event")
    house.customerio.answer_next(429, retry_after_s=120)
    house.send([track(number) for number in range(20)])
    assert house.customerio.events == []
    assert house.statuses() == {"waiting": 20}
    row = house.assembly.connections.get("acme-customerio-track")
    assert row.hold_until is not None


def test_refused_credentials_pause_the_connection_and_its_work_waits(house: House) -> None:
    house.use("segment-track-to-customerio-event")
    house.assembly.connections.save("target", "acme-customerio-track", {"api_key": "wr0ng-77aa1c5e02"})
    house.send([track(1)])
    assert str(house.assembly.connections.get("acme-customerio-track").state) == "paused"
    house.assembly.connections.save("target", "acme-customerio-track", {"api_key": SECRET})
    house.assembly.runner("test/1/b").work_until_idle()
    assert len(house.customerio.events) == 1


def test_an_operator_that_the_service_does_not_know_is_refused_when_saving(house: House) -> None:
    source = (gallery_folder() / "segment-identify-to-mixpanel-profile.yaml").read_text()
    wrong = source.replace('properties: "{{ traits }}"', "operators: {double: {seats: 2}}")
    with pytest.raises(Exception, match="There is no operator 'double'") as caught:
        house.assembly.recipes.apply([("", read_definition(wrong))])
    assert "steps[0].fields.operators.double" in str(caught.value)
