import pytest

from automations.connectors.http import DoorMode
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import Occurrence
from automations.errors import UnavailableError

KIND = PipedriveConnection()


def occurrence(record, entity="deal", previous=None):
    return Occurrence(topic=f"{entity}.change", entity=entity, record=record, previous=previous)


def load(client, record, *needs, entity="deal", previous=None):
    (related,) = KIND.load_related([occurrence(record, entity, previous)], frozenset(needs), client)
    return related


def test_only_what_templates_read_is_needed():
    paths = [
        ("deal", "title"),
        ("deal", "person", "email"),
        ("record", "stage", "name"),
        ("deal", "organization", "owner", "email"),
        ("deal", "custom", "Roof type"),
        ("deal", "person", "custom", "Size"),
        ("previous", "stage_id"),
        ("steps", "person", "id"),
        ("deal",),
        (),
    ]
    assert KIND.needs("deal", paths) == {
        "person",
        "stage",
        "organization",
        "organization.owner",
        "custom",
        "person.custom",
    }
    assert KIND.needs("deal", [("deal", "title"), ("person", "email")]) == frozenset()
    assert KIND.needs("person", [("person", "organization", "name")]) == {"organization"}
    assert KIND.needs("starship", [("starship", "person")]) == frozenset()


def test_everything_that_belongs_to_a_deal_is_there(pd, client):
    pd.seed_demo()
    deal = next(iter(pd.records("deal").values()))
    got = load(
        client,
        deal,
        "person",
        "person.organization",
        "organization",
        "owner",
        "creator",
        "stage",
        "pipeline",
        "custom",
        "previous_stage",
        previous={"stage_id": deal["stage_id"] - 1},
    )
    assert got["person"]["email"] == "ines@harbour.example"
    assert got["person"]["organization"]["name"] == got["organization"]["name"] == "Harbour Co-op"
    assert "@" in got["owner"]["email"]
    assert got["creator"]["name"]
    assert (got["pipeline"]["name"], got["stage"]["name"]) == ("Sales", "Negotiation")
    assert got["previous_stage"]["name"] == "Proposal made"
    assert got["custom"]["Roof type"] == "Flat"
    assert "organization" not in got["organization"]


def test_what_is_not_there_stands_as_null(pd, client):
    got = load(
        client,
        {"id": 1, "person_id": None, "org_id": 4711, "owner_id": 4711},
        "person",
        "organization",
        "owner",
    )
    assert got == {"person": None, "organization": None, "owner": None}


def test_many_events_join_their_look_ups(pd, client):
    pd.seed_demo()
    deals = list(pd.records("deal").values())
    events = [occurrence(deal) for deal in deals]
    pd.requests.clear()
    needs = frozenset({"person", "person.organization", "stage", "owner"})
    related = KIND.load_related(events, needs, client)
    assert [one["person"]["id"] for one in related] == [deal["person_id"] for deal in deals]
    assert sorted(request.path for request in pd.requests) == [
        "/api/v1/users",
        "/api/v2/organizations",
        "/api/v2/persons",
        "/api/v2/stages",
    ]
    pd.requests.clear()
    KIND.load_related(events, frozenset({"stage", "owner"}), client)
    assert pd.requests == []


def test_two_events_do_not_share_one_person(pd, client):
    person = pd.create("person", {"name": "Ana"})["id"]
    first, second = KIND.load_related([occurrence({"person_id": person})] * 2, frozenset({"person"}), client)
    first["person"]["name"] = "changed"
    assert second["person"]["name"] == "Ana"


def test_a_stage_newer_than_the_list_is_asked_for_again(pd, client):
    client.lists.fetch("stages")
    pipeline = next(iter(pd.records("pipeline")))
    stage = pd.create("stage", {"name": "Fresh", "pipeline_id": pipeline})["id"]
    assert load(client, {"stage_id": stage}, "stage")["stage"]["name"] == "Fresh"


def test_a_custom_field_newer_than_the_list_is_asked_for_again(pd, client):
    client.lists.fetch("person_fields")
    code = pd.add_field("person", "Topics", "set", ["Sun", "Wind"]).code
    options = [option["id"] for option in pd.field("person", "Topics").options]
    pd.add_field("person", "Empty", "varchar")
    record = {"id": 1, "custom_fields": {code: options}}
    assert load(client, record, "custom", entity="person")["custom"] == {
        "Topics": ["Sun", "Wind"],
        "Empty": None,
    }
    older = {"id": 1, "custom_fields": {code: ",".join(str(one) for one in options)}}
    assert load(client, older, "custom", entity="person")["custom"]["Topics"] == ["Sun", "Wind"]


def test_a_look_up_that_fails_is_an_error(pd, client):
    number = pd.create("person", {"name": "Ana"})["id"]
    pd.answer_next(500, path="/api/v2/persons/*")
    with pytest.raises(UnavailableError):
        load(client, {"person_id": number}, "person")


def test_offline_gives_what_is_presumed(pd, connect):
    got = load(connect(DoorMode.OFFLINE), {"person_id": 7, "stage_id": 3}, "person", "stage", "custom")
    assert got["person"]["id"] == 7
    assert got["stage"] is None
    assert pd.requests == []


def test_an_odd_id_is_no_link(client):
    assert load(client, {"person_id": [1], "stage_id": {"id": 2}}, "person", "stage") == {
        "person": None,
        "stage": None,
    }


def test_a_new_deal_with_person_and_organization_costs_two_calls(pd, client):
    pd.seed_demo()
    deal = next(iter(pd.records("deal").values()))
    for name in ("stages", "pipelines", "users", "deal_fields"):
        client.lists.fetch(name)
    pd.requests.clear()
    load(client, deal, "person", "organization", "owner", "stage", "pipeline", "custom")
    assert [request.path for request in pd.requests] == [
        f"/api/v2/persons/{deal['person_id']}",
        f"/api/v2/organizations/{deal['org_id']}",
    ]
