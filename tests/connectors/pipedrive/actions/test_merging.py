import pytest

from automations.connectors.pipedrive.actions.merge_organizations import MergeOrganizations
from automations.connectors.pipedrive.actions.merge_persons import MergePersons
from automations.errors import AmbiguousMatchError, OutcomeUnknownError, RejectedError
from tests.connectors.pipedrive.doing import doing, only, writes

persons, settle_persons = doing(MergePersons)
organizations, _ = doing(MergeOrganizations)


def person(pd, email, **more):
    return pd.create("person", {"name": email.split("@")[0], "emails": [{"value": email}], **more})["id"]


def test_one_goes_away_and_the_other_stays(pd, client):
    gone, stays = person(pd, "old@x.example"), person(pd, "new@x.example")
    outcome = persons(client, from_match_value="old@x.example", into_match_value="new@x.example")
    assert list(pd.records("person")) == [stays]
    assert outcome.outputs["gone_id"] == gone
    assert {one["value"] for one in outcome.outputs["record"]["emails"]} == {"old@x.example", "new@x.example"}
    assert writes(pd) == [("PUT", f"/api/v1/persons/{gone}/merge", {"merge_with_id": stays})]


def test_a_record_merged_into_itself_is_nothing_to_do(pd, client):
    number = person(pd, "a@x.example")
    outcome = persons(
        client, from_match_value="a@x.example", into_match_field="id", into_match_value=str(number)
    )
    assert outcome.nothing_to_do
    assert writes(pd) == []


def test_what_is_missing_stops_or_is_skipped(pd, client):
    pd.create("organization", {"name": "Here"})
    wanted = {"from_match_value": "Gone", "into_match_value": "Here"}
    with pytest.raises(RejectedError, match="No organization has name Gone"):
        organizations(client, **wanted)
    assert organizations(client, **wanted, if_missing="skip").nothing_to_do
    assert writes(pd) == []


def test_several_are_never_merged(pd, client):
    person(pd, "a@x.example")
    person(pd, "a@x.example")
    person(pd, "b@x.example")
    with pytest.raises(AmbiguousMatchError):
        persons(client, from_match_value="a@x.example", into_match_value="b@x.example")


def test_a_merge_whose_reply_was_lost_is_looked_up(pd, client):
    wanted = {"from_match_value": "old@x.example", "into_match_value": "new@x.example"}
    person(pd, "old@x.example")
    person(pd, "new@x.example")
    assert settle_persons(client, **wanted) is None
    pd.hang_up_next(before_write=False, method="PUT")
    with pytest.raises(OutcomeUnknownError):
        persons(client, **wanted)
    assert settle_persons(client, **wanted).outputs["id"] == only(pd, "person")["id"]
