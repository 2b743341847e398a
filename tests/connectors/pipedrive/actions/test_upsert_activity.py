import pytest

from automations.connectors.pipedrive.actions.upsert_activity import UpsertActivity
from automations.errors import FieldsError, OutcomeUnknownError
from tests.connectors.pipedrive.doing import doing, only, writes

perform, settle = doing(UpsertActivity)


def test_an_activity_is_made_in_the_types_of_the_api(pd, client):
    deal = pd.create("deal", {"title": "D"})
    perform(
        client,
        subject="Call Ana",
        type="Meeting",
        description="Agenda",
        note="<b>Bring</b> chairs",
        due_date="2026-12-15",
        due_time="9:30",
        duration="90",
        done=False,
        priority="high",
        location="1 Quay Road",
        deal_match_value=str(deal["id"]),
        person_match_value="ana@lumen.example",
        person_missing="create",
    )
    made, person = only(pd, "activity"), only(pd, "person")
    assert (made["type"], made["due_time"], made["duration"]) == ("meeting", "09:30:00", "01:30:00")
    assert made["participants"] == [{"person_id": person["id"], "primary": True}]
    assert (made["deal_id"], made["location"]["value"]) == (deal["id"], "1 Quay Road")
    assert made["priority"] == pd.field("activity", "Priority").options[2]["id"]
    (body,) = [body for _, path, body in writes(pd) if path == "/api/v2/activities"]
    assert "person_id" not in body


def test_only_what_differs_is_sent_and_participants_stay(pd, client):
    ana, ben = (pd.create("person", {"name": name})["id"] for name in ("Ana", "Ben"))
    number = pd.create(
        "activity", {"subject": "Call", "due_time": "09:30", "participants": [{"person_id": ana}]}
    )["id"]
    named = {"person_match_field": "name"}
    assert perform(
        client, activity_id=number, due_time="09:30", person_match_value="Ana", **named
    ).nothing_to_do
    perform(client, activity_id=number, subject="Call", person_match_value="Ben", **named)
    assert writes(pd)[-1][2] == {
        "participants": [{"person_id": ben, "primary": True}, {"person_id": ana, "primary": False}]
    }
    perform(client, activity_id=number, done=True, person_match_value=None)
    assert only(pd, "activity")["done"] is True
    assert [one["person_id"] for one in only(pd, "activity")["participants"]] == [ana]


def test_an_id_that_is_not_there_is_refused(pd, client):
    with pytest.raises(FieldsError, match="the id of a record that is there"):
        perform(client, activity_id=99, subject="X")
    assert perform(client, subject="X", mode="update_only").nothing_to_do
    assert pd.records("activity") == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "Seance"}, "a type of activity of the account"),
        ({"priority": "Extreme"}, "one of its options: Low, Medium, High"),
        ({"due_time": "25:00"}, "a time of day in UTC"),
        ({"due_date": "tomorrow"}, "a date such as"),
        ({"duration": "1440"}, "a duration under a day"),
        ({"location": {"city": "X"}}, "an address"),
        ({"subject": ""}, "every activity has a subject"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(pd, client, fields, said):
    links = {"organization_match_value": "X", "organization_missing": "create"}
    with pytest.raises(FieldsError, match=said):
        perform(client, **links, **fields)
    assert writes(pd) == []


def test_an_activity_whose_reply_was_lost_is_read_back(pd, client):
    wanted = {"subject": "Call", "due_date": "2026-12-15", "due_time": "09:30", "duration": "15"}
    pd.hang_up_next(before_write=False, path="/api/v2/activities", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, **wanted)
    assert settle(client, **wanted).outputs["id"] == only(pd, "activity")["id"]
    assert settle(client, **{**wanted, "subject": "Other"}) is None
