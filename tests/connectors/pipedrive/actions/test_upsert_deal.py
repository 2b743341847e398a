import pytest

from automations.connectors.http import DoorMode
from automations.connectors.pipedrive.actions.upsert_deal import UpsertDeal
from automations.errors import AmbiguousMatchError, FieldsError, OutcomeUnknownError, RejectedError
from tests.connectors.pipedrive.doing import doing, only, searches, writes

perform, settle = doing(UpsertDeal)


def stage(pd, name, pipeline="Sales"):
    (home,) = [one["id"] for one in pd.records("pipeline").values() if one["name"] == pipeline]
    found = [one for one in pd.records("stage").values() if (one["name"], one["pipeline_id"]) == (name, home)]
    return found[0]["id"]


# -- creating


def test_without_a_match_value_every_event_makes_a_deal(pd, client):
    for _ in range(2):
        assert perform(client, title="Chairs").outputs["created"] is True
    assert len(pd.records("deal")) == 2
    assert searches(pd) == []


def test_a_new_deal_with_person_and_organization_takes_six_calls(pd, client):
    pd.add_field("deal", "Order", "varchar")
    client.lists.fields("deal")
    del pd.requests[:]
    outcome = perform(
        client,
        match_field="Order",
        match_value="o-1",
        title="Chairs",
        person_match_value="ana@lumen.example",
        person_missing="create",
        organization_match_value="Lumen",
        organization_missing="create",
    )
    assert [(one.method, one.path) for one in pd.requests] == [
        ("GET", "/api/v2/deals/search"),
        ("GET", "/api/v2/persons/search"),
        ("GET", "/api/v2/organizations/search"),
        ("POST", "/api/v2/persons"),
        ("POST", "/api/v2/organizations"),
        ("POST", "/api/v2/deals"),
    ]
    deal = only(pd, "deal")
    assert (deal["person_id"], deal["org_id"]) == (only(pd, "person")["id"], only(pd, "organization")["id"])
    assert "created person ana@lumen.example" in outcome.summary


def test_everything_that_can_be_mapped_is_sent_in_the_right_type(pd, client):
    pd.seed_demo()
    person = next(iter(pd.records("person").values()))
    outcome = perform(
        client,
        title="Chairs",
        value=12.5,
        currency="usd",
        stage="site visit",
        pipeline="Service contracts",
        status="lost",
        lost_reason="Too late",
        probability=40,
        expected_close_date="2027-02-28T23:30:00+01:00",
        owner="Lena Hofmann",
        labels=["Hot"],
        visible_to=5,
        custom_fields={"Roof type": "metal", "Deposit": "900 EUR", "Interests": ["Solar", "Storage"]},
        person_match_field="id",
        person_match_value=str(person["id"]),
    )
    deal = pd.records("deal")[outcome.outputs["id"]]
    assert (deal["value"], deal["currency"], deal["probability"]) == (12.5, "USD", 40)
    assert deal["stage_id"] == stage(pd, "Site visit", "Service contracts")
    assert (deal["status"], deal["lost_reason"]) == ("lost", "Too late")
    assert deal["expected_close_date"] == "2027-02-28"
    assert (deal["person_id"], deal["visible_to"], len(deal["label_ids"])) == (person["id"], 5, 1)
    assert deal["custom_fields"][pd.field("deal", "Deposit").code] == {"value": 900, "currency": "EUR"}


def test_a_new_deal_needs_a_title_before_anything_is_written(pd, client):
    with pytest.raises(FieldsError, match="needs a title"):
        perform(client, value=1, organization_match_value="X", organization_missing="create")
    assert writes(pd) == []


def test_a_missing_link_that_must_be_there_stops_before_the_other_is_made(pd, client):
    links = {"person_match_value": "a@b.example", "organization_match_value": "X"}
    with pytest.raises(RejectedError, match="No organization has name X"):
        perform(client, title="T", **links, person_missing="create", organization_missing="stop")
    for _ in range(2):
        pd.create("organization", {"name": "X"})
    with pytest.raises(AmbiguousMatchError):
        perform(client, title="T", **links, person_missing="create", organization_missing="create")
    assert writes(pd) == []


# -- updating


def test_only_what_differs_is_sent(pd, client):
    number = pd.create("deal", {"title": "Chairs", "value": 0, "probability": 20})["id"]
    outcome = perform(client, match_value=str(number), title="Chairs", value=0, probability=30)
    assert writes(pd) == [("PATCH", f"/api/v2/deals/{number}", {"probability": 30})]
    assert outcome.outputs["changed"] == ["probability"]
    assert perform(client, match_value=str(number), value=0, currency="EUR", stage="Lead in").nothing_to_do


def test_zero_is_a_value_and_null_makes_it_zero(pd, client):
    number = pd.create("deal", {"title": "Chairs", "value": 900})["id"]
    perform(client, match_value=str(number), value=0)
    assert only(pd, "deal")["value"] == 0
    pd.update("deal", number, {"value": 7})
    perform(client, match_value=str(number), value=None)
    assert only(pd, "deal")["value"] == 0


def test_a_currency_alone_is_said_to_leave_the_value(pd, client):
    number = pd.create("deal", {"title": "Chairs", "value": 900})["id"]
    outcome = perform(client, match_value=str(number), currency="USD")
    assert "its value 900 stays and is in USD now" in outcome.summary
    assert (only(pd, "deal")["value"], only(pd, "deal")["currency"]) == (900, "USD")


def test_what_the_api_can_clear_is_cleared(pd, client):
    person = pd.create("person", {"name": "Ana"})
    number = pd.create("deal", {"title": "C", "probability": 5, "person_id": person["id"]})["id"]
    perform(client, match_value=str(number), probability=None, person_match_value=None)
    assert (only(pd, "deal")["probability"], only(pd, "deal")["person_id"]) == (None, None)
    assert perform(client, match_value=str(number), expected_close_date=None).nothing_to_do
    pd.update("deal", number, {"expected_close_date": "2027-01-01"})
    with pytest.raises(FieldsError, match="cannot empty it"):
        perform(client, match_value=str(number), expected_close_date=None)


def test_labels_join_those_there(pd, client):
    labels = {option["label"]: option["id"] for option in pd.field("deal", "Label").options}
    number = pd.create("deal", {"title": "C", "label_ids": [labels["Cold"]]})["id"]
    perform(client, match_value=str(number), labels=["hot"])
    assert only(pd, "deal")["label_ids"] == [labels["Cold"], labels["Hot"]]


def test_the_status_deleted_deletes(pd, client):
    number = pd.create("deal", {"title": "C"})["id"]
    assert not perform(client, match_value=str(number), status="deleted").nothing_to_do
    assert pd.records("deal") == {}
    assert perform(client, match_value=str(number), status="deleted").nothing_to_do
    assert settle(client, match_value=str(number), status="deleted").nothing_to_do
    with pytest.raises(FieldsError, match="only when the step names it"):
        perform(client, title="C", status="deleted")


# -- stages and pipelines


def test_a_stage_of_another_pipeline_is_refused(pd, client):
    pd.seed_demo()
    del pd.requests[:]
    said = r"stage: 'Negotiation' is not a stage of the pipeline Service contracts \(it has Requested, Site"
    with pytest.raises(FieldsError, match=said):
        perform(client, title="C", stage="Negotiation", pipeline="service contracts")
    with pytest.raises(FieldsError, match="not a stage of the pipeline"):
        perform(client, title="C", stage=stage(pd, "Negotiation"), pipeline="service contracts")
    assert writes(pd) == []


def test_of_stages_with_one_name_that_of_the_deals_pipeline_is_meant(pd, client):
    second = pd.create("pipeline", {"name": "Second"})
    twin = pd.create("stage", {"name": "Lead in", "pipeline_id": second["id"]})
    other = pd.create("stage", {"name": "Other", "pipeline_id": second["id"]})
    number = pd.create("deal", {"title": "C", "stage_id": other["id"]})["id"]
    perform(client, match_value=str(number), stage="Lead in")
    assert only(pd, "deal")["stage_id"] == twin["id"]
    with pytest.raises(FieldsError, match="the pipelines Sales, Second have it"):
        perform(client, title="New", stage="Lead in")


def test_a_pipeline_alone_means_its_first_stage_unless_the_deal_is_in_it(pd, client):
    second = pd.create("pipeline", {"name": "Second"})
    first = pd.create("stage", {"name": "One", "pipeline_id": second["id"]})
    number = pd.create("deal", {"title": "C", "stage_id": stage(pd, "Negotiation")})["id"]
    assert perform(client, match_value=str(number), pipeline="Sales").nothing_to_do
    perform(client, match_value=str(number), pipeline="Second")
    assert only(pd, "deal")["stage_id"] == first["id"]


def test_a_stage_made_since_the_list_was_read_is_found(pd, client):
    perform(client, title="C", stage="Lead in")
    made = pd.create("stage", {"name": "Fresh", "pipeline_id": 1})
    outcome = perform(client, title="D", stage="fresh")
    assert outcome.outputs["record"]["stage_id"] == made["id"]
    with pytest.raises(FieldsError, match="a stage of the account"):
        perform(client, title="D", stage="Nowhere")


# -- refusing


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"currency": "Euro"}, "three letters"),
        ({"probability": 101}, "from 0 to 100"),
        ({"expected_close_date": "15.12.2026"}, "a date such as"),
        ({"title": " "}, "every deal has a title"),
        ({"title": None}, "needs a title"),
        ({"lost_reason": "x", "status": "won"}, "only a lost deal has a reason, and this one is won"),
        ({"lost_reason": "x"}, "only a lost deal has a reason, and this one is open"),
        ({"owner": "Nobody"}, "a user of the account"),
        ({"custom_fields": {"Nope": 1}}, "a custom field of a deal"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(pd, client, fields, said):
    links = {"organization_match_value": "X", "organization_missing": "create"}
    with pytest.raises(FieldsError, match=said):
        perform(client, **{"title": "T", **links, **fields})
    assert writes(pd) == []


def test_a_reason_goes_with_a_deal_that_is_lost_already(pd, client):
    number = pd.create("deal", {"title": "C"})["id"]
    pd.update("deal", number, {"status": "lost"})
    perform(client, match_value=str(number), lost_reason="Price")
    assert only(pd, "deal")["lost_reason"] == "Price"
    perform(client, match_value=str(number), status="open", lost_reason=None)
    assert only(pd, "deal")["lost_reason"] is None


def test_modes_decide(pd, connect):
    client = connect(mode="update_only")
    assert perform(client, title="C").nothing_to_do
    assert perform(client, match_field="title", match_value="C", title="C").nothing_to_do
    perform(client, match_field="title", match_value="C", mode="create_only")
    outcome = perform(client, match_field="title", match_value=" c ", mode="create_only", value=4)
    assert outcome.nothing_to_do
    assert only(pd, "deal")["value"] == 0


# -- when replies are lost


def test_a_deal_without_match_value_is_read_back(pd, client):
    pd.create("deal", {"title": "Chairs", "value": 4})
    pd.hang_up_next(before_write=False, path="/api/v2/deals", method="POST")
    wanted = {"title": "Chairs", "value": 5, "stage": "Contact made"}
    with pytest.raises(OutcomeUnknownError):
        perform(client, **wanted)
    settled = settle(client, **wanted)
    assert settled.outputs["record"]["value"] == 5
    assert settled.outputs["created"] is True
    assert settle(client, title="Chairs", value=6) is None


def test_offline_shows_the_request_and_sends_nothing(pd, connect, directory):
    connect().lists.fetch("stages")
    client = connect(DoorMode.OFFLINE)
    perform(client, title="Chairs", value=5, stage="Contact made", labels=["Hot"])
    last = client.door.exchanges[-1].as_json()
    assert (last["method"], last["sent"]) == ("POST", False)
    assert '"stage_id"' in str(last).replace("'", '"')
    assert pd.records("deal") == {}
