import pytest

from automations.connectors.pipedrive.actions.convert_lead import ConvertLead
from automations.engine.contracts import Call
from automations.errors import OutcomeUnknownError, RejectedError, UnavailableError
from tests.connectors.pipedrive.doing import doing, only, writes


class Quick(ConvertLead):
    pauses_s = (0.0, 0.0)


perform, settle = doing(Quick)


@pytest.fixture
def lead(pd):
    person = pd.create("person", {"name": "Ana"})
    return pd.create("lead", {"title": "Roof", "person_id": person["id"]})["id"]


def test_a_lead_becomes_a_deal_in_the_stage(pd, client, lead):
    pd.conversions.polls = 2
    outcome = perform(client, match_field="title", match_value="roof", stage="Negotiation", pipeline="Sales")
    deal = only(pd, "deal")
    assert (outcome.outputs["id"], outcome.outputs["lead_id"]) == (deal["id"], lead)
    assert pd.records("stage")[deal["stage_id"]]["name"] == "Negotiation"
    assert pd.records("lead") == {}


def test_a_conversion_that_takes_long_is_asked_about_again_and_started_once(pd, client, lead):
    pd.conversions.polls = 4
    with pytest.raises(UnavailableError) as caught:
        perform(client, match_value=lead)
    assert caught.value.retry_after_s == 15
    again = Call(idempotency_key="k", attempt=2, now="2026-11-22T10:01:00Z")
    outcome = perform(client, again, match_value=lead)
    assert outcome.outputs["id"] == only(pd, "deal")["id"]
    assert [path for _, path, _ in writes(pd)] == [f"/api/v2/leads/{lead}/convert/deal"]


@pytest.mark.parametrize("end", ["failed", "rejected"])
def test_a_conversion_that_ends_badly_parks(pd, client, lead, end):
    pd.conversions.end = end
    with pytest.raises(RejectedError, match=f"the job ended as {end}"):
        perform(client, match_value=lead)


def test_a_lead_that_is_a_deal_already_is_nothing_to_do(pd, client, lead):
    perform(client, match_value=lead)
    again = perform(client, Call(idempotency_key="other", now="2026-11-22T10:01:00Z"), match_value=lead)
    assert again.nothing_to_do
    assert again.outputs["id"] == only(pd, "deal")["id"]


def test_what_is_missing_stops_or_is_skipped(pd, client):
    with pytest.raises(RejectedError, match="No lead has title Nope"):
        perform(client, match_field="title", match_value="Nope")
    assert perform(client, match_field="title", match_value="Nope", if_missing="skip").nothing_to_do


def test_a_start_whose_reply_was_lost_is_looked_up(pd, client, lead):
    pd.hang_up_next(before_write=False, method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, match_value=lead)
    assert settle(client, match_value=lead) is None
    job = next(iter(pd.conversions.jobs))
    client.get(f"/api/v2/leads/{lead}/convert/status/{job}")
    assert settle(client, match_value=lead).outputs["id"] == only(pd, "deal")["id"]
