import pytest

from automations.connectors.pipedrive import records
from tests.connectors.pipedrive.webhooks import KEY

TEXT, CHOICE, MANY, MONEY, SPAN = KEY.values()


@pytest.mark.parametrize(
    ("typed", "bare"),
    [
        (None, None),
        ({"type": "varchar", "value": "abc"}, "abc"),
        ({"type": "double", "value": 0}, 0),
        ({"type": "date", "value": "2026-12-15"}, "2026-12-15"),
        ({"type": "monetary", "value": 900, "currency": "EUR"}, {"value": 900, "currency": "EUR"}),
        ({"type": "enum", "id": 41}, 41),
        ({"type": "set", "values": [{"id": 41}, {"id": 44}]}, [41, 44]),
        ({"type": "people", "id": 7}, 7),
        ({"type": "time", "value": "09:30:00", "timezone_id": 12}, {"value": "09:30:00", "timezone_id": 12}),
        (
            {"type": "timerange", "from": "09:00:00", "until": "11:00:00", "timezone_id": None},
            {"value": "09:00:00", "until": "11:00:00", "timezone_id": None},
        ),
        (
            {"type": "daterange", "from": "2026-12-01", "until": "2026-12-15"},
            {"value": "2026-12-01", "until": "2026-12-15"},
        ),
        (
            {"type": "address", "value": "1 Quay Rd", "locality": "Riga"},
            {"value": "1 Quay Rd", "locality": "Riga"},
        ),
    ],
)
def test_a_typed_custom_field_becomes_the_bare_value_of_rest(typed, bare):
    assert records.from_webhook("deal", {"custom_fields": {TEXT: typed}}) == {"custom_fields": {TEXT: bare}}


def test_old_names_become_those_of_rest():
    assert records.from_webhook(
        "activity",
        {
            "busy_flag": True,
            "active_flag": True,
            "due_time": {"timezone_id": 1, "value": "14:30:00"},
            "duration": None,
        },
    ) == {"busy": True, "is_deleted": False, "due_time": "14:30:00", "duration": None}
    assert records.from_webhook("product", {"selectable": True}) == {"is_linkable": True}
    assert records.from_webhook(
        "stage", {"active_flag": False, "rotten_flag": False, "rotten_days": None}
    ) == {
        "is_deleted": True,
        "is_deal_rot_enabled": False,
        "days_to_rotten": None,
    }
    assert records.from_webhook("pipeline", {"deal_probability": 1}) == {"is_deal_probability_enabled": True}
    assert records.from_webhook("user", {"id": "9"}) == {"id": 9}


@pytest.mark.parametrize(
    ("label", "ids"), [(None, []), (5, [5]), ("5", [5]), ("5,6", [5, 6]), ([5, "6"], [5, 6]), ("", [])]
)
def test_one_label_becomes_a_list_of_labels(label, ids):
    assert records.from_webhook("person", {"label": label})["label_ids"] == ids


def test_a_list_of_labels_wins_over_the_old_single_one():
    assert records.from_webhook("organization", {"label_ids": [1, 2], "label": 1}) == {"label_ids": [1, 2]}


def test_persons_have_their_primary_email_and_phone():
    person = records.from_rest(
        "person",
        {
            "emails": [
                {"value": "b@x.example", "primary": False},
                {"value": "a@x.example", "primary": True},
            ],
            "phones": [],
        },
    )
    assert (person["email"], person["phone"]) == ("a@x.example", None)
    assert records.from_rest("person", {"emails": [{"value": "b@x.example"}]})["email"] == "b@x.example"


def test_a_version_1_person_has_the_shape_of_rest():
    person = records.from_legacy(
        "person",
        {
            "id": 40,
            "name": "Ana Petrova",
            "owner_id": {"id": 9, "value": 9, "name": "Someone"},
            "org_id": {"value": 6, "name": "Lumen"},
            "email": [{"label": "work", "value": "ana@lumen.example", "primary": True}],
            "phone": [{"label": "", "value": "", "primary": True}],
            "label": 5,
            "active_flag": True,
            "visible_to": "3",
            "add_time": "2026-10-01 08:00:00",
            "open_deals_count": 4,
            CHOICE: "41",
            MONEY: 900,
            f"{MONEY}_currency": "EUR",
            SPAN: "2026-12-01",
            f"{SPAN}_until": "2026-12-15",
        },
    )
    assert person == {
        "id": 40,
        "name": "Ana Petrova",
        "owner_id": 9,
        "org_id": 6,
        "emails": [{"value": "ana@lumen.example", "label": "work", "primary": True}],
        "phones": [],
        "email": "ana@lumen.example",
        "phone": None,
        "label_ids": [5],
        "is_deleted": False,
        "visible_to": 3,
        "add_time": "2026-10-01T08:00:00Z",
        "custom_fields": {
            CHOICE: "41",
            MONEY: {"value": 900, "currency": "EUR"},
            SPAN: {"value": "2026-12-01", "until": "2026-12-15"},
        },
    }


def test_version_1_deals_and_activities_have_an_owner():
    assert records.from_legacy("deal", {"user_id": 9, "org_name": "Lumen"}) == {
        "owner_id": 9,
        "custom_fields": {},
    }
    activity = records.from_legacy(
        "activity",
        {
            "user_id": 9,
            "done": 1,
            "busy_flag": False,
            "participants": [{"person_id": 4, "primary_flag": True}],
        },
    )
    assert activity == {
        "owner_id": 9,
        "done": True,
        "busy": False,
        "participants": [{"person_id": 4, "primary": True}],
        "custom_fields": {},
    }


def test_a_version_1_user_comes_in_a_list():
    assert records.from_legacy("user", [{"id": 9, "name": "Ana"}]) == {"id": 9, "name": "Ana"}


def test_a_lead_of_rest_v1_gets_its_custom_fields_nested():
    lead = records.from_rest("lead", {"id": "u", "title": "T", TEXT: "abc"})
    assert lead == {"id": "u", "title": "T", "custom_fields": {TEXT: "abc"}}


def test_only_differing_values_count_and_never_the_update_time():
    record = {"a": 1, "b": 2, "update_time": "now", "custom_fields": {TEXT: 1, CHOICE: 2}}
    previous = {"a": 1, "b": None, "update_time": "then", "custom_fields": {TEXT: 1, CHOICE: None}}
    assert records.differences(record, previous) == {"b": None, "custom_fields": {CHOICE: None}}
    assert records.differences(record, {"custom_fields": {TEXT: 1}}) == {}


def test_a_label_says_what_it_is():
    assert records.label_of("person", {"id": 4, "name": "Ana"}) == "Ana (person 4)"
    assert records.label_of("note", {"id": 4}) == "Note 4"
    assert records.label_of("activity", {"id": 4, "subject": "Call"}) == "Call (activity 4)"
