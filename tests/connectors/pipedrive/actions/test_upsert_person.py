import threading
from datetime import UTC, datetime

import pytest

from automations.connectors.http import DoorMode
from automations.connectors.pipedrive.actions.upsert_person import UpsertPerson
from automations.engine.contracts import Call
from automations.errors import (
    AmbiguousMatchError,
    CredentialsError,
    FieldsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

CALL = Call(idempotency_key="k", now="2026-11-22T10:00:00Z")
ANA = {
    "name": "Ana Petrova",
    "emails": [{"value": "ana@lumen.example"}],
    "phones": [{"value": "+37120000001"}],
}


def perform(client, call=CALL, **fields):
    return UpsertPerson().perform(UpsertPerson.Fields(**fields), client, call)


def settle(client, **fields):
    return UpsertPerson().settle(UpsertPerson.Fields(**fields), client, CALL)


def only(pd, entity="person"):
    (record,) = pd.records(entity).values()
    return record


def writes(pd):
    return [(one.method, one.path, one.json) for one in pd.requests if one.method != "GET"]


# -- creating


def test_a_person_that_is_not_there_is_created_with_the_match_value(pd, client):
    outcome = perform(client, match_value=" Ana@Lumen.Example ", name="Ana Petrova")
    assert only(pd)["emails"] == [{"value": "Ana@Lumen.Example", "label": "work", "primary": True}]
    assert outcome.outputs["id"] == only(pd)["id"]
    assert outcome.outputs["created"] is True
    assert outcome.outputs["record"]["email"] == "Ana@Lumen.Example"
    assert outcome.summary == f"Created Ana Petrova (person {only(pd)['id']})."
    again = perform(client, match_value="ana@lumen.example", name="Ana Petrova")
    assert again.nothing_to_do
    assert again.outputs["matched_by"] == "email"


def test_the_match_value_does_not_replace_mapped_emails(pd, client):
    perform(
        client, match_value="ana@lumen.example", name="Ana", emails=["a@home.example", "ANA@lumen.example"]
    )
    assert [one["value"] for one in only(pd)["emails"]] == ["a@home.example", "ANA@lumen.example"]


def test_a_custom_match_field_of_the_connection_is_stored_too(pd, connect):
    code = pd.add_field("person", "Our user id", "varchar").code
    client = connect(person_match_field="our user id")
    perform(client, match_value="u-77", name="Ana")
    assert only(pd)["custom_fields"][code] == "u-77"
    assert not perform(client, match_value="u-77", name="Ana P.").outputs["created"]


def test_a_number_and_its_text_are_the_same_match_value(pd, client):
    pd.add_field("person", "Customer no", "double")
    perform(client, match_field="Customer no", match_value="77", name="Ana")
    assert perform(client, match_field="Customer no", match_value="77.0", name="Ana").nothing_to_do
    assert len(pd.records("person")) == 1


def test_everything_that_can_be_mapped_is_sent_in_the_right_type(pd, client):
    pd.seed_demo()
    organization = next(iter(pd.records("organization").values()))
    outcome = perform(
        client,
        match_value="nora@new.example",
        first_name="Nora",
        last_name="Lund",
        phones="+47 55 00 11 22",
        organization_match_value=organization["name"].upper(),
        owner="marek@brightfield.example",
        labels=["Hot", "warm"],
        visible_to=5,
        add_time=datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),
    )
    record = pd.records("person")[outcome.outputs["id"]]
    marek = next(user for user in pd.records("user").values() if user["name"] == "Marek Nowak")
    assert (record["name"], record["first_name"], record["last_name"]) == ("Nora Lund", "Nora", "Lund")
    assert record["org_id"] == organization["id"]
    assert record["owner_id"] == marek["id"]
    assert len(record["label_ids"]) == 2
    assert record["visible_to"] == 5
    assert record["add_time"] == "2024-02-03T04:05:06Z"
    assert pd.tokens_in_urls == 0


def test_new_records_get_the_connections_owner(pd, connect):
    pd.seed_demo()
    outcome = perform(connect(default_owner="Lena Hofmann"), match_value="x@y.example", name="X")
    lena = next(user for user in pd.records("user").values() if user["name"] == "Lena Hofmann")
    assert outcome.outputs["record"]["owner_id"] == lena["id"]


def test_a_new_person_needs_a_name_and_nothing_is_written_before_that_is_known(pd, client):
    with pytest.raises(FieldsError, match="needs a name"):
        perform(
            client, match_value="a@b.example", organization_match_value="X", organization_missing="create"
        )
    assert writes(pd) == []


def test_the_match_value_falls_back_to_the_mapped_email(pd, client):
    perform(client, name="Ana", emails=["one@x.example", {"value": "two@x.example", "primary": True}])
    assert [request.query["term"] for request in pd.requests if "search" in request.path] == ["two@x.example"]
    with pytest.raises(FieldsError, match="Nothing to find the person by"):
        perform(client, name="Ana")


# -- updating


def test_only_what_differs_is_sent(pd, client):
    number = pd.create("person", ANA)["id"]
    outcome = perform(client, match_value="ana@lumen.example", name="Ana Petrova", visible_to=5)
    assert writes(pd) == [("PATCH", f"/api/v2/persons/{number}", {"visible_to": 5})]
    assert outcome.outputs["changed"] == ["visible_to"]
    assert outcome.summary == f"Updated visible_to of Ana Petrova (person {number})."


def test_nothing_is_sent_when_nothing_differs(pd, client):
    pd.create("person", ANA)
    outcome = perform(client, match_value="ana@lumen.example", name="Ana Petrova", phones="+371 2000 0001")
    assert outcome.nothing_to_do
    assert writes(pd) == []


def test_emails_and_phones_are_added_to_those_there(pd, client):
    pd.create("person", ANA)
    perform(
        client,
        match_value="ana@lumen.example",
        emails=[{"value": "ana@home.example", "label": "home", "primary": True}],
        phones=["+37120000001", "+37120000002"],
    )
    assert only(pd)["emails"] == [
        {"value": "ana@lumen.example", "label": "work", "primary": False},
        {"value": "ana@home.example", "label": "home", "primary": True},
    ]
    assert [one["value"] for one in only(pd)["phones"]] == ["+37120000001", "+37120000002"]


def test_emails_are_replaced_only_on_request_and_cleared_by_null(pd, client):
    pd.create("person", ANA)
    perform(
        client, match_field="name", match_value="Ana Petrova", emails="new@lumen.example", replace_emails=True
    )
    assert [one["value"] for one in only(pd)["emails"]] == ["new@lumen.example"]
    perform(client, match_field="name", match_value="ana  petrova", phones=None)
    assert only(pd)["phones"] == []
    assert [one["value"] for one in only(pd)["emails"]] == ["new@lumen.example"]


def test_labels_are_added_and_those_there_stay(pd, client):
    labels = {option["label"]: option["id"] for option in pd.field("person", "Label").options}
    pd.create("person", {**ANA, "label_ids": [labels["Cold"]]})
    perform(client, match_value="ana@lumen.example", labels=["Hot"])
    assert only(pd)["label_ids"] == [labels["Cold"], labels["Hot"]]
    perform(client, match_value="ana@lumen.example", labels=None)
    assert only(pd)["label_ids"] == []


def test_add_time_never_changes_a_person_that_is_there(pd, client):
    before = pd.create("person", ANA)
    added = datetime(2020, 1, 1, tzinfo=UTC)
    assert perform(client, match_value="ana@lumen.example", add_time=added).nothing_to_do
    assert only(pd)["add_time"] == before["add_time"]


def test_custom_fields_are_written_by_label_or_key_and_cleared_by_null(pd, client):
    size = pd.add_field("person", "Company size", "enum", ["Small", "Big"])
    topics = pd.add_field("person", "Topics", "set", ["Sun", "Wind", "Rain"])
    budget = pd.add_field("person", "Budget", "monetary")
    visit = pd.add_field("person", "Visit", "time")
    pd.create("person", ANA)
    fields = {
        "company SIZE": "big",
        topics.code: "Sun, Rain",
        "Budget": "1200.50 eur",
        "Visit": "9:30",
    }
    perform(client, match_value="ana@lumen.example", custom_fields=fields)
    held = only(pd)["custom_fields"]
    assert held[size.code] == size.options[1]["id"]
    assert held[topics.code] == [topics.options[0]["id"], topics.options[2]["id"]]
    assert held[budget.code] == {"value": 1200.5, "currency": "EUR"}
    assert held[visit.code]["value"] == "09:30:00"
    assert perform(client, match_value="ana@lumen.example", custom_fields=fields).nothing_to_do
    perform(client, match_value="ana@lumen.example", custom_fields={"Budget": 0, "Topics": [], "Visit": None})
    held = only(pd)["custom_fields"]
    assert held[budget.code] == {"value": 0, "currency": "EUR"}
    assert (held.get(topics.code), held.get(visit.code)) == (None, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"custom_fields": {"Sizze": 1}}, "did you mean 'Size'"),
        ({"custom_fields": {"Size": "Huge"}}, "one of its options: Small, Big"),
        ({"owner": "Nobody Here"}, "a user of the account"),
        ({"labels": ["Boiling"]}, "one of its options: Hot, Warm, Cold, Customer"),
        (
            {"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": True}]},
            "at most one primary",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(pd, client, fields, said):
    pd.add_field("person", "Size", "enum", ["Small", "Big"])
    for _ in range(2):
        with pytest.raises(FieldsError, match=said):
            perform(
                client,
                match_value="ana@lumen.example",
                name="Ana",
                organization_match_value="New Co",
                organization_missing="create",
                **fields,
            )
        assert writes(pd) == []
        if not pd.records("person"):
            pd.create("person", ANA)


def test_a_field_added_since_the_list_was_read_is_found(pd, client, directory):
    pd.create("person", ANA)
    perform(client, match_value="ana@lumen.example", labels=["Hot"])
    code = pd.add_field("person", "Fresh", "varchar").code
    perform(client, match_value="ana@lumen.example", custom_fields={"Fresh": "x"})
    assert only(pd)["custom_fields"][code] == "x"


# -- finding


def test_a_hit_of_the_search_is_verified_on_the_field_itself(pd, client):
    pd.add_field("person", "Our id", "varchar")
    other = pd.add_field("person", "Other", "varchar").code
    pd.create("person", {**ANA, "custom_fields": {other: "u-1"}})
    outcome = perform(client, match_field="Our id", match_value="u-1", name="Someone else")
    assert outcome.outputs["created"] is True
    assert len(pd.records("person")) == 2


def test_a_field_that_cannot_be_searched_is_refused_with_those_that_can(pd, client):
    pd.add_field("person", "Size", "enum", ["Small"])
    pd.add_field("person", "Our id", "varchar")
    with pytest.raises(FieldsError, match=r"id, email, phone, name, Our id"):
        perform(client, match_field="Size", match_value="Small", name="X")


def test_a_person_is_updated_by_id_and_never_created_with_one(pd, client):
    number = pd.create("person", ANA)["id"]
    perform(client, match_field="id", match_value=str(number), name="Anna")
    assert only(pd)["name"] == "Anna"
    with pytest.raises(FieldsError, match="gives ids itself"):
        perform(client, match_field="id", match_value="9999", name="Anna")
    with pytest.raises(FieldsError, match="whole number"):
        perform(client, match_field="id", match_value="auth0|77", name="Anna")


def test_several_hits_stop_and_are_listed(pd, client):
    first, second = pd.create("person", ANA), pd.create("person", {**ANA, "name": "A. Petrova"})
    with pytest.raises(AmbiguousMatchError) as stopped:
        perform(client, match_value="ana@lumen.example", name="Ana")
    assert [one["id"] for one in stopped.value.candidates] == [first["id"], second["id"]]
    assert "A. Petrova" in stopped.value.message
    assert writes(pd) == []


@pytest.mark.parametrize(("if_many", "chosen"), [("oldest", 0), ("newest", 1)])
def test_of_several_the_oldest_or_newest_is_taken(pd, client, if_many, chosen):
    made = [pd.create("person", {**ANA, "add_time": f"202{year}-01-01T00:00:00Z"}) for year in (4, 5)]
    outcome = perform(client, match_value="ana@lumen.example", name="Changed", if_many=if_many)
    assert outcome.outputs["id"] == made[chosen]["id"]


def test_several_are_merged_into_the_oldest(pd, client):
    made = [pd.create("person", ANA)["id"] for _ in range(3)]
    outcome = perform(client, match_value="ana@lumen.example", visible_to=5, if_many="merge")
    assert list(pd.records("person")) == made[:1]
    assert outcome.outputs["id"] == made[0]
    assert "2 merged into it" in outcome.summary


def test_modes_decide_whether_it_creates_or_updates(pd, connect):
    client = connect(mode="update_only")
    outcome = perform(client, match_value="ana@lumen.example", name="Ana")
    assert outcome.nothing_to_do
    assert outcome.outputs["id"] is None
    perform(client, match_value="ana@lumen.example", name="Ana", mode="create_only")
    assert only(pd)["name"] == "Ana"
    assert perform(client, match_value="ana@lumen.example", name="Anna", mode="create_only").nothing_to_do
    assert only(pd)["name"] == "Ana"
    perform(client, match_value="ana@lumen.example", name="Anna")
    assert only(pd)["name"] == "Anna"


# -- organizations


def test_a_missing_organization_is_skipped_stops_or_is_created(pd, client):
    fields = {"match_value": "ana@lumen.example", "name": "Ana", "organization_match_value": "Lumen"}
    with pytest.raises(RejectedError, match="No organization has name Lumen"):
        perform(client, **fields, organization_missing="stop")
    assert writes(pd) == []
    outcome = perform(client, **fields)
    assert "left unlinked" in outcome.summary
    assert only(pd)["org_id"] is None
    outcome = perform(client, **fields, organization_missing="create")
    assert only(pd)["org_id"] == only(pd, "organization")["id"]
    assert "created organization Lumen" in outcome.summary


# -- when calls fail


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, UnavailableError), (500, UnavailableError), (503, UnavailableError), (401, CredentialsError)],
)
@pytest.mark.parametrize("path", ["/api/v2/persons/search", "/api/v2/organizations/search"])
def test_no_create_follows_a_look_up_that_failed(pd, client, status, error, path):
    pd.answer_next(status, path=path)
    with pytest.raises(error):
        perform(
            client,
            match_value="ana@lumen.example",
            name="Ana",
            organization_match_value="Lumen",
            organization_missing="create",
        )
    assert writes(pd) == []
    assert pd.records("person") == pd.records("organization") == {}


def test_no_create_follows_a_look_up_that_broke_or_made_no_sense(pd, client):
    for order in (pd.hang_up_next, pd.garbage_next):
        order(path="/api/v2/persons/search")
        with pytest.raises(UnavailableError):
            perform(client, match_value="ana@lumen.example", name="Ana")
    pd.create("person", ANA)
    pd.answer_next(500, path="/api/v2/persons/*", method="GET")
    with pytest.raises(UnavailableError):
        perform(client, match_value="ana@lumen.example", name="Ana")
    assert writes(pd) == []


def test_a_create_whose_reply_was_lost_is_read_back(pd, client):
    pd.hang_up_next(before_write=False, path="/api/v2/persons", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, match_value="ana@lumen.example", name="Ana")
    settled = settle(client, match_value="ana@lumen.example", name="Ana")
    assert settled.outputs["id"] == only(pd)["id"]
    assert settled.outputs["created"] is True


def test_a_lost_create_is_found_although_the_search_lags(pd, client):
    pd.search_delay_s = 60
    pd.hang_up_next(before_write=False, path="/api/v2/persons", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, match_value="ana@lumen.example", name="Ana")
    assert settle(client, match_value="ana@lumen.example", name="Ana").outputs["id"] == only(pd)["id"]
    second = Call(idempotency_key="k", attempt=2)
    perform(client, second, match_value="ana@lumen.example", name="Anna")
    assert only(pd)["name"] == "Anna"


def test_a_create_that_never_arrived_is_told_as_not_done(pd, client):
    pd.hang_up_next(before_write=True, path="/api/v2/persons", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, match_value="ana@lumen.example", name="Ana")
    assert settle(client, match_value="ana@lumen.example", name="Ana") is None


def test_an_update_is_done_when_the_record_is_as_wanted(pd, client):
    pd.create("person", ANA)
    wanted = {"match_value": "ana@lumen.example", "name": "Anna"}
    assert settle(client, **wanted) is None
    perform(client, **wanted)
    assert settle(client, **wanted).outputs["record"]["name"] == "Anna"
    missing = {"organization_match_value": "Lumen", "organization_missing": "create"}
    assert settle(client, **wanted, **missing) is None
    assert pd.records("organization") == {}


def test_settling_fails_when_it_cannot_look(pd, client):
    pd.answer_next(500, path="/api/v2/persons/search")
    with pytest.raises(UnavailableError):
        settle(client, match_value="ana@lumen.example", name="Ana")


# -- trying out


def test_offline_shows_the_requests_and_opens_no_socket(pd, connect):
    pd.add_field("person", "Size", "enum", ["Small", "Big"])
    client = connect(DoorMode.OFFLINE)
    outcome = perform(
        client,
        match_value="ana@lumen.example",
        name="Ana",
        owner="Marek Nowak",
        labels=["Hot"],
        custom_fields={"Size": "Big"},
    )
    assert outcome.outputs["created"] is True
    assert pd.requests == []
    shown = [exchange.as_json() for exchange in client.door.exchanges]
    assert not any(one["sent"] for one in shown)
    (post,) = (one for one in shown if one["method"] == "POST")
    assert post["body"]["name"] == "Ana"
    assert post["body"]["custom_fields"] == {"Size": "Big"}
    assert post["body"]["emails"] == [{"value": "ana@lumen.example", "label": "work", "primary": True}]
    assert "tok-" not in str(shown)


def test_offline_uses_what_is_remembered_of_the_account(pd, connect):
    code = pd.add_field("person", "Size", "enum", ["Small", "Big"]).code
    connect().lists.fetch("person_fields")
    client = connect(DoorMode.OFFLINE)
    perform(client, match_value="ana@lumen.example", name="Ana", custom_fields={"Size": "Big"})
    assert isinstance(client.door.exchanges[-1].as_json()["body"]["custom_fields"][code], int)


def test_lookups_show_the_real_difference(pd, connect):
    number = pd.create("person", ANA)["id"]
    client = connect(DoorMode.LOOKUPS)
    perform(client, match_value="ana@lumen.example", name="Anna")
    assert client.door.exchanges[-1].as_json()["url"].endswith(f"/api/v2/persons/{number}")
    assert client.door.exchanges[-1].as_json()["body"] == {"name": "Anna"}
    assert writes(pd) == []


def test_two_steps_after_each_other_on_many_threads_leave_one_record_a_value(pd, connect):
    failures = []

    def work(index):
        try:
            perform(connect(), match_value=f"p{index}@lumen.example", name=f"P{index}")
            perform(connect(), match_value=f"p{index}@lumen.example", name=f"P{index}")
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(pd.records("person")) == 6
