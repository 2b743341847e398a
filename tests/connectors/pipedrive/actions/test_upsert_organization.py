from datetime import UTC, datetime

import pytest

from automations.connectors.pipedrive.actions.upsert_organization import UpsertOrganization
from automations.engine.contracts import Call
from automations.errors import (
    AmbiguousMatchError,
    FieldsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

CALL = Call(idempotency_key="k", now="2026-11-22T10:00:00Z")


def perform(client, **fields):
    return UpsertOrganization().perform(UpsertOrganization.Fields(**fields), client, CALL)


def settle(client, **fields):
    return UpsertOrganization().settle(UpsertOrganization.Fields(**fields), client, CALL)


def only(pd, entity="organization"):
    (record,) = pd.records(entity).values()
    return record


def writes(pd):
    return [(one.method, one.path, one.json) for one in pd.requests if one.method != "GET"]


def test_an_organization_is_created_and_then_found(pd, client):
    outcome = perform(
        client,
        name="Lumen",
        address="1 Quay Rd, Riga",
        labels=["Hot"],
        visible_to=5,
        add_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    record = only(pd)
    assert outcome.outputs["created"] is True
    assert (record["name"], record["address"]["value"], record["visible_to"]) == (
        "Lumen",
        "1 Quay Rd, Riga",
        5,
    )
    assert record["add_time"] == "2024-01-01T00:00:00Z"
    assert perform(client, match_value=" LUMEN ", address="1 Quay Rd, Riga").nothing_to_do
    perform(client, match_value="lumen", address={"value": "2 Quay Rd"})
    assert only(pd)["address"]["value"] == "2 Quay Rd"
    assert writes(pd)[-1][2] == {"address": {"value": "2 Quay Rd"}}


def test_an_own_account_id_is_stored_on_create(pd, connect):
    code = pd.add_field("organization", "Account id", "varchar").code
    client = connect(organization_match_field="Account id")
    with pytest.raises(FieldsError, match="needs a name"):
        perform(client, match_value="acc-1")
    perform(client, match_value="acc-1", name="Lumen")
    assert only(pd)["custom_fields"][code] == "acc-1"
    assert perform(client, match_value="acc-1", name="Lumen Ltd").outputs["changed"] == ["name"]


def test_a_person_is_made_to_belong_to_it(pd, client):
    person = pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}]})["id"]
    perform(client, name="Lumen", person_match_value="ana@lumen.example")
    assert pd.records("person")[person]["org_id"] == only(pd)["id"]
    assert perform(client, name="Lumen", person_match_value="ana@lumen.example").nothing_to_do
    with pytest.raises(RejectedError, match="No person has email no@one"):
        perform(client, name="Other", person_match_value="no@one.example", person_missing="stop")
    assert len(pd.records("organization")) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_no_create_follows_a_look_up_that_failed(pd, client, status):
    pd.answer_next(status, path="/api/v2/organizations/search")
    with pytest.raises(UnavailableError):
        perform(client, name="Lumen")
    assert writes(pd) == []


def test_several_stop_or_merge(pd, client):
    made = [pd.create("organization", {"name": "Lumen"})["id"] for _ in range(2)]
    with pytest.raises(AmbiguousMatchError):
        perform(client, name="Lumen")
    assert perform(client, name="Lumen", if_many="merge").outputs["id"] == made[0]
    assert list(pd.records("organization")) == made[:1]


def test_a_lost_create_is_read_back_with_its_person(pd, client):
    person = pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}]})["id"]
    pd.search_delay_s = 60
    wanted = {"name": "Lumen", "person_match_field": "id", "person_match_value": str(person)}
    pd.hang_up_next(before_write=False, path="/api/v2/organizations", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, **wanted)
    assert settle(client, name="Lumen").outputs["id"] == only(pd)["id"]
    assert settle(client, **wanted) is None
    again = Call(idempotency_key="k", attempt=2)
    UpsertOrganization().perform(UpsertOrganization.Fields(**wanted), client, again)
    assert pd.records("person")[person]["org_id"] == only(pd)["id"]
    assert settle(client, **wanted) is not None


def test_the_person_is_made_only_when_there_is_an_organization_to_belong_to(pd, client):
    person = {"person_match_value": "new@lumen.example", "person_missing": "create"}
    assert perform(client, match_value="Lumen", mode="update_only", **person).nothing_to_do
    pd.add_field("organization", "No", "varchar")
    with pytest.raises(FieldsError, match="needs a name"):
        perform(client, match_field="No", match_value="7", **person)
    pd.answer_next(500, path="/api/v2/organizations/search")
    with pytest.raises(UnavailableError):
        perform(client, match_value="Lumen", **person)
    assert pd.records("person") == {}
    outcome = perform(client, match_value="Lumen", **person)
    (made,) = pd.records("person").values()
    assert made["org_id"] == outcome.outputs["id"]
    assert "created person new@lumen.example" in outcome.summary


def test_an_organization_is_updated_by_its_id(pd, client):
    number = pd.create("organization", {"name": "Lumen"})["id"]
    outcome = perform(client, match_field="id", match_value=str(number), name="Lumen & Sons")
    assert outcome.outputs["id"] == number
    assert only(pd)["name"] == "Lumen & Sons"
    with pytest.raises(FieldsError, match="999999"):
        perform(client, match_field="id", match_value="999999", name="Nobody")
