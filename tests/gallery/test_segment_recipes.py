"""The recipes that start from Segment-spec events, run for real against a Pipedrive that keeps state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import InboundRequest
from automations.engine.definition import read_definition
from automations.resources import gallery_folder
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings

TOKEN = "tok-7d1c94e0b2aa4fd9"


class House:
    """An installation with a source and an account; each message is worked on until nothing is due."""

    def __init__(self, assembly: Assembly, pd: PipedriveSandbox) -> None:
        self.assembly = assembly
        self.pd = pd
        self._runner = assembly.runner("test/1/a")
        self._sent = 0

    def use(self, *slugs: str) -> None:
        texts = [(gallery_folder() / f"segment-{slug}.yaml").read_text() for slug in slugs]
        self.assembly.recipes.apply([("", read_definition(text)) for text in texts])

    def send(self, type_: str, **message: Any) -> list[tuple[str, str]]:
        """Let a message come in; returns (status, reason) of its runs, without the filtered if others are there."""
        self._sent += 1
        body = json.dumps({"type": type_, "messageId": f"m-{self._sent}", **message}).encode()
        row = self.assembly.connections.get("app-events")
        kind = self.assembly.registry.kinds[row.kind]
        before = len(self.assembly.history.runs(limit=1000))
        self.assembly.intake.accept(row.id or 0, kind.receive(InboundRequest(body, "", {})))
        self._runner.work_until_idle()
        lines = self.assembly.history.runs(limit=1000)
        runs = [(str(line.run.status), line.run.reason) for line in lines[: len(lines) - before]]
        return [run for run in runs if run[0] != "filtered"] or runs

    def only(self, entity: str, **values: Any) -> dict[str, Any]:
        """Return the one record that has these values."""
        rows = [
            row
            for row in self.pd.records(entity).values()
            if all(row.get(name) == value for name, value in values.items())
        ]
        assert len(rows) == 1, rows
        return rows[0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    pd = PipedriveSandbox(api_token=TOKEN)
    pd.add_field("person", "User id", "varchar")
    pd.add_field("organization", "Group id", "varchar")
    with pd.serve(port=0) as server:
        assembly = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
        assembly.connections.save("segment", "app-events", {})
        given = {"base_url": server.url, "api_token": TOKEN}
        assembly.connections.save("pipedrive", "acme-pipedrive", given)
        yield House(assembly, pd)
        assembly.close()


def user_id(house: House, person: dict[str, Any]) -> Any:
    return person["custom_fields"].get(house.pd.field("person", "User id").code)


DONE = [("succeeded", "")]


def test_identify_makes_a_person_once_and_group_puts_them_into_the_organization(house: House) -> None:
    house.use("identify-to-pipedrive-person", "group-to-pipedrive-organization")
    traits = {"email": "Ines@Fabrik.example", "name": "Ines Moreau"}
    assert house.send("identify", userId="cust-88", traits=traits) == DONE
    assert house.send("identify", userId="cust-88", traits={**traits, "phone": "+49 30 901820"}) == DONE
    context = {"traits": {"email": "ines@fabrik.example"}}
    assert (
        house.send("group", userId="cust-88", groupId="org-7", traits={"name": "Fabrik"}, context=context)
        == DONE
    )
    person = house.only("person", name="Ines Moreau")
    assert person["phones"][0]["value"] == "+49 30 901820"
    assert person["org_id"] == house.only("organization", name="Fabrik")["id"]


def test_deal_activity_note_and_lead_of_a_person(house: House) -> None:
    house.use(
        *(
            "identify-to-pipedrive-person",
            "deal-upserted-to-pipedrive-deal",
            "note-upserted-to-pipedrive-note",
        ),
        *("activity-upserted-to-pipedrive-activity", "lead-upserted-to-pipedrive-lead"),
    )
    user = {"userId": "cust-88", "context": {"traits": {"email": "ines@fabrik.example"}}}
    # Without a name, the e-mail address stands for one; the name that comes later takes its place.
    assert house.send("identify", **user) == DONE
    assert house.send("identify", **user, traits={"name": "Ines Moreau"}) == DONE
    assert house.send("identify", **user) == DONE
    deal = {"title": "Pump X2", "value": 4200, "currency": "EUR"}
    assert house.send("track", event="Deal Upserted", properties=deal, **user) == DONE
    made = house.only("deal", title="Pump X2")
    person = house.only("person", name="Ines Moreau")
    assert made["person_id"] == person["id"]
    change = {"deal_id": made["id"], "status": "lost", "lost_reason": "Too late"}
    assert house.send("track", event="Deal Upserted", properties=change, **user) == DONE
    assert house.only("deal", title="Pump X2")["status"] == "lost"
    activity = {"subject": "Call about the demo", "type": "call", "deal_id": made["id"]}
    assert house.send("track", event="Activity Upserted", properties=activity, **user) == DONE
    assert house.only("activity", subject="Call about the demo")["deal_id"] == made["id"]
    assert house.send("track", event="Note Upserted", properties={"content": "Called."}, **user) == DONE
    assert house.only("note", content="Called.")["person_id"] == person["id"]
    lead = {"title": "More pumps", "amount": 0, "currency": "EUR"}
    assert house.send("track", event="Lead Upserted", properties=lead, **user) == DONE
    assert house.only("lead", title="More pumps")["person_id"] == person["id"]


def test_user_id_finds_the_person_and_the_pipedrive_id_comes_first(house: House) -> None:
    house.use("rudderstack-identify-to-pipedrive-person", "rudderstack-group-to-pipedrive-organization")
    assert (
        house.send("identify", userId=42, context={"traits": {"firstName": "Ines", "lastName": "Moreau"}})
        == DONE
    )
    person = house.only("person", name="Ines Moreau")
    assert user_id(house, person) == "42"
    assert house.send("identify", userId="42", traits={"name": "Ines M."}) == DONE
    external = {"externalId": [{"type": "pipedrivePersonId", "id": str(person["id"])}]}
    assert house.send("identify", userId="other", traits={"phone": "+49 30 1"}, context=external) == DONE
    assert house.only("person", name="Ines M.")["phones"][0]["value"] == "+49 30 1"
    assert house.send("group", userId="42", groupId=7, traits={"name": "Fabrik"}) == DONE
    assert house.only("person", name="Ines M.")["org_id"] == house.only("organization", name="Fabrik")["id"]


def test_alias_gives_the_new_id_and_then_merges(house: House) -> None:
    house.use("rudderstack-identify-to-pipedrive-person", "rudderstack-alias-merges-pipedrive-persons")
    house.send("identify", userId="visitor", traits={"name": "Ines", "email": "ines@fabrik.example"})
    assert house.send("alias", previousId="nobody", userId="cust-88")[0][0] == "succeeded"
    assert house.send("alias", previousId="visitor", userId="cust-88") == DONE
    assert user_id(house, house.only("person", name="Ines")) == "cust-88"
    house.send("identify", userId="visitor-2", traits={"name": "Ines again", "phone": "+49 30 1"})
    assert house.send("alias", previousId="visitor-2", userId="cust-88") == DONE
    person = house.only("person", name="Ines")
    assert user_id(house, person) == "cust-88"
    assert person["phones"][0]["value"] == "+49 30 1"


def test_update_only_recipes_make_nobody(house: House) -> None:
    house.use(
        "identify-updates-known-person", "group-updates-known-organization", "signal-to-pipedrive-activity"
    )
    persons, organizations = len(house.pd.records("person")), len(house.pd.records("organization"))
    traits = {"email": "new@fabrik.example", "firstName": "New"}
    assert house.send("identify", userId="u", traits=traits)[0][0] == "succeeded"
    assert house.send("group", userId="u", groupId="g", traits={"name": "New"})[0][0] == "succeeded"
    assert len(house.pd.records("person")) == persons
    assert len(house.pd.records("organization")) == organizations
    signal = {"signal": "Trial ends", "due_date": "2026-12-01"}
    assert house.send("track", event="Signal Reached", userId="u", properties=signal) == DONE
    assert house.only("activity", subject="Trial ends: u")["type"] == "task"


def test_track_with_a_value_becomes_a_lead(house: House) -> None:
    house.use("rudderstack-identify-to-pipedrive-person", "rudderstack-track-to-pipedrive-lead")
    house.send("identify", userId="cust-88", traits={"name": "Ines"})
    order = {"total": 129.5, "currency": "EUR"}
    assert house.send("track", event="Order Completed", userId="cust-88", properties=order) == DONE
    lead = house.only("lead", title="Order Completed")
    assert lead["person_id"] == house.only("person", name="Ines")["id"]
    assert house.send("track", event="Scrolled", userId="cust-88", properties={})[0][0] == "filtered"
