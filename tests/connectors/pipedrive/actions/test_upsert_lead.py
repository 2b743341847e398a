import pytest

from automations.connectors.pipedrive.actions.upsert_lead import UpsertLead
from automations.errors import FieldsError, OutcomeUnknownError, RejectedError
from tests.connectors.pipedrive.doing import doing, only, writes

perform, settle = doing(UpsertLead)
MADE = {"person_match_value": "ana@lumen.example", "person_missing": "create"}


@pytest.fixture
def lead(pd):
    person = pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}]})
    return pd.create("lead", {"title": "Roof", "person_id": person["id"]})


def test_a_lead_is_made_with_its_person(pd, client):
    outcome = perform(
        client,
        title="Roof",
        amount=0,
        currency="eur",
        labels=["Hot"],
        visible_to=3,
        expected_close_date="2027-01-02",
        **MADE,
    )
    made = only(pd, "lead")
    assert made["value"] == {"amount": 0, "currency": "EUR"}
    assert made["person_id"] == only(pd, "person")["id"]
    assert (made["visible_to"], made["expected_close_date"]) == ("3", "2027-01-02")
    assert len(made["label_ids"][0]) == 36
    assert outcome.outputs["id"] == made["id"]


def test_a_new_lead_needs_a_person_or_an_organization(pd, client):
    with pytest.raises(FieldsError, match="needs a person or an organization"):
        perform(client, title="Roof")
    with pytest.raises(RejectedError, match=r"no person has email x@y\.example: left unlinked"):
        perform(client, title="Roof", person_match_value="x@y.example")
    assert writes(pd) == []


def test_a_lead_is_changed_by_id_or_title(pd, client, lead):
    perform(client, lead_id=lead["id"], title="Roof", amount=900, currency="USD")
    assert writes(pd) == [
        ("PATCH", f"/api/v1/leads/{lead['id']}", {"value": {"amount": 900, "currency": "USD"}})
    ]
    outcome = perform(client, match_field="title", match_value="ROOF", title="Roof", amount=900)
    assert outcome.nothing_to_do
    perform(client, match_field="title", match_value="roof", title="Roof", currency="EUR")
    assert only(pd, "lead")["value"] == {"amount": 900, "currency": "EUR"}
    perform(client, lead_id=lead["id"], title="Roof", amount=None)
    assert only(pd, "lead")["value"] is None


def test_half_an_amount_is_refused_in_words(pd, client, lead):
    with pytest.raises(FieldsError, match="USD is mapped without an amount"):
        perform(client, lead_id=lead["id"], title="Roof", currency="USD")
    with pytest.raises(FieldsError, match="mapped without a currency"):
        perform(client, lead_id=lead["id"], title="Roof", amount=0)
    assert writes(pd) == []


def test_labels_join_those_there_by_name(pd, client, lead):
    perform(client, lead_id=lead["id"], title="Roof", labels=["Hot"])
    perform(client, lead_id=lead["id"], title="Roof", labels=["warm"])
    assert len(only(pd, "lead")["label_ids"]) == 2
    assert perform(client, lead_id=lead["id"], title="Roof", labels=["hot"]).nothing_to_do
    with pytest.raises(FieldsError, match="one of its options: Hot, Warm, Cold"):
        perform(client, lead_id=lead["id"], title="Roof", labels=["Boiling"])


def test_custom_fields_are_those_of_deals_in_the_older_form(pd, client, lead):
    roof = pd.add_field("deal", "Roof", "enum", ["Flat", "Metal"])
    topics = pd.add_field("deal", "Topics", "set", ["Sun", "Wind"])
    money = pd.add_field("deal", "Deposit", "monetary")
    span = pd.add_field("deal", "Span", "daterange")
    wanted = {
        "Roof": "metal",
        "Topics": ["Sun", "Wind"],
        "Deposit": {"value": 0, "currency": "EUR"},
        "Span": "2026-12-01/2026-12-15",
    }
    perform(client, lead_id=lead["id"], title="Roof", custom_fields=wanted)
    held = only(pd, "lead")["custom_fields"]
    assert held[roof.code] == roof.options[1]["id"]
    assert held[topics.code] == [option["id"] for option in topics.options]
    assert held[money.code] == {"value": 0, "currency": "EUR"}
    assert held[span.code] == {"value": "2026-12-01", "until": "2026-12-15"}
    assert perform(client, lead_id=lead["id"], title="Roof", custom_fields=wanted).nothing_to_do
    perform(client, lead_id=lead["id"], title="Roof", custom_fields={"Roof": None})
    assert only(pd, "lead")["custom_fields"].get(roof.code) is None


def test_a_match_value_in_a_custom_field_is_stored_and_found(pd, client):
    pd.add_field("deal", "Our id", "varchar")
    for _ in range(2):
        perform(client, match_field="our id", match_value="l-1", title="Roof", **MADE)
    assert len(pd.records("lead")) == 1


def test_an_id_that_is_none_or_nobodys_is_refused(pd, client, lead):
    with pytest.raises(FieldsError, match="the id of a lead"):
        perform(client, lead_id="77", title="Roof")
    with pytest.raises(FieldsError, match="gives ids itself"):
        perform(client, lead_id="adf21080-0e10-11eb-879b-05d71fb426ec", title="Roof", **MADE)


def test_a_lead_whose_reply_was_lost_is_read_back(pd, client):
    pd.hang_up_next(before_write=False, path="/api/v1/leads", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, title="Roof", amount=5, currency="EUR", **MADE)
    assert (
        settle(client, title="Roof", amount=5, currency="EUR", **MADE).outputs["id"] == only(pd, "lead")["id"]
    )
    assert settle(client, title="Other", **MADE) is None
