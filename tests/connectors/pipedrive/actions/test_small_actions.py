"""Find, delete, follow, and any call."""

import pytest

from automations.connectors.pipedrive.actions.add_follower import AddFollower
from automations.connectors.pipedrive.actions.delete_record import DeleteRecord
from automations.connectors.pipedrive.actions.find_record import FindRecord
from automations.connectors.pipedrive.actions.request import Request
from automations.errors import AmbiguousMatchError, FieldsError, RejectedError, UnavailableError
from tests.connectors.pipedrive.doing import doing

find, _ = doing(FindRecord)
delete, _ = doing(DeleteRecord)
follow, _ = doing(AddFollower)
request, _ = doing(Request)


# -- find


def test_each_kind_of_record_is_found(pd, client):
    person = pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}]})
    lead = pd.create("lead", {"title": "Roof", "person_id": person["id"]})
    made = {
        "person": (person, None, "ANA@lumen.example"),
        "organization": (pd.create("organization", {"name": "Lumen"}), "name", "lumen"),
        "deal": (pd.create("deal", {"title": "Big"}), "title", "Big"),
        "lead": (lead, "title", "roof"),
        "product": (pd.create("product", {"name": "Panel", "code": "P-1"}), "code", "p-1"),
    }
    for entity, (record, field, value) in made.items():
        found = find(client, entity=entity, match_field=field, match_value=value)
        assert (entity, found.outputs["found"], found.outputs["id"]) == (entity, True, record["id"])
    activity = pd.create("activity", {"subject": "Call"})
    note = pd.create("note", {"content": "hi", "person_id": person["id"]})
    for entity, record in (("activity", activity), ("note", note)):
        assert find(client, entity=entity, match_value=str(record["id"])).outputs["id"] == record["id"]
        with pytest.raises(FieldsError, match="can be found by nothing else"):
            find(client, entity=entity, match_field="subject", match_value="Call")


def test_what_is_missing_stops_skips_or_continues(pd, client):
    nobody = {"entity": "person", "match_value": "x@y.example"}
    with pytest.raises(RejectedError, match=r"No person has email x@y\.example"):
        find(client, **nobody)
    skipped = find(client, **nobody, if_missing="skip")
    went_on = find(client, **nobody, if_missing="continue")
    assert (skipped.stop, went_on.stop) == (True, False)
    assert went_on.outputs == {"found": False, "id": None, "record": {}}


def test_a_failed_look_up_is_not_a_missing_record(pd, client):
    pd.answer_next(500, path="/api/v2/persons/search")
    with pytest.raises(UnavailableError):
        find(client, entity="person", match_value="x@y.example", if_missing="continue")


def test_several_stop_or_one_is_taken(pd, client):
    first, second = (pd.create("deal", {"title": "Twin"})["id"] for _ in range(2))
    twin = {"entity": "deal", "match_field": "title", "match_value": "Twin"}
    with pytest.raises(AmbiguousMatchError):
        find(client, **twin)
    assert find(client, **twin, if_many="oldest").outputs["id"] == first
    assert find(client, **twin, if_many="newest").outputs["id"] == second


# -- delete


def test_records_are_deleted_once(pd, client):
    person = pd.create("person", {"name": "Ana"})
    lead = pd.create("lead", {"title": "Roof", "person_id": person["id"]})
    note = pd.create("note", {"content": "hi", "person_id": person["id"]})
    for entity, number in (("lead", lead["id"]), ("note", note["id"]), ("person", str(person["id"]))):
        assert delete(client, entity=entity, id=number).outputs["deleted"] is True
        assert pd.records(entity) == {}
        assert delete(client, entity=entity, id=number).nothing_to_do
    with pytest.raises(FieldsError, match="whole number"):
        delete(client, entity="deal", id="../persons/1")


# -- follow


def test_a_user_follows_once(pd, client):
    deal = pd.create("deal", {"title": "D"})["id"]
    wanted = {"entity": "deal", "match_value": str(deal), "user": "sandy@brightfield.example"}
    assert follow(client, **wanted).outputs["added"] is True
    assert follow(client, **wanted).nothing_to_do
    assert pd.followers("deal", deal) == [pd.me]
    with pytest.raises(FieldsError, match="a user of the account"):
        follow(client, **{**wanted, "user": "Nobody"})
    with pytest.raises(RejectedError, match="nobody can follow it"):
        follow(client, **{**wanted, "match_value": "4"})


# -- any call


def test_any_call_of_the_api_can_be_made(pd, client):
    made = request(client, method="POST", path="/api/v2/persons", body={"name": "Ana"})
    number = made.outputs["data"]["id"]
    listed = request(client, path="/api/v2/persons", query={"limit": 1, "ids": str(number)})
    assert [one["id"] for one in listed.outputs["data"]] == [number]
    assert listed.outputs["additional_data"] == {"next_cursor": None}
    request(client, method="DELETE", path=f"/api/v2/persons/{number}")
    assert pd.records("person") == {}
    with pytest.raises(RejectedError, match="Person not found"):
        request(client, path=f"/api/v2/persons/{number}")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"path": "https://elsewhere.example/api/v2/deals"}, "a path such as"),
        ({"path": "/api/v2/deals?api_token=x"}, "a path such as"),
        ({"path": "/api/v2/../../admin"}, "a path such as"),
        ({"path": "/api/v1/persons/7"}, "take /api/v2/persons/7"),
        ({"path": "/api/v1/deals/7/products"}, "served any more"),
        ({"path": "/api/v1/itemSearch"}, "served any more"),
        ({"path": "/api/v2/deals", "query": {"api_token": "x"}}, "goes along by itself"),
        ({"path": "/api/v2/deals", "body": {"a": 1}}, "sent with GET"),
    ],
)
def test_a_call_that_must_not_be_made_is_refused(pd, client, fields, said):
    with pytest.raises(FieldsError, match=said):
        request(client, **fields)
    assert pd.requests == []


@pytest.mark.parametrize("path", ["/api/v1/persons/7/merge", "/api/v1/deals/7/participants", "/api/v1/notes"])
def test_what_v1_still_serves_is_not_refused(path):
    Request().check(Request.Fields(method="PUT", path=path))


def test_only_calls_that_leave_the_same_are_repeatable():
    told = {
        method: Request().repeatable_for(Request.Fields(method=method, path="/api/v2/deals"))
        for method in ("GET", "PUT", "DELETE", "POST", "PATCH")
    }
    assert told == {"GET": True, "PUT": True, "DELETE": True, "POST": False, "PATCH": False}
