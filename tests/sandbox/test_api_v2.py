"""Records over `/api/v2`: strict bodies, documented replies, lists that page and narrow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


def test_a_call_without_the_token_is_refused(api: Api) -> None:
    reply = api("GET", "/api/v2/deals", headers={"x-api-token": "wrong"})
    assert reply.status_code == 401
    assert reply.json()["errorCode"] == 401
    assert reply.json()["success"] is False


def test_a_token_in_the_url_is_refused_and_counted(pd: PipedriveSandbox, api: Api) -> None:
    reply = api("GET", f"/api/v2/deals?api_token={pd.api_token}")
    assert reply.status_code == 401
    assert pd.tokens_in_urls == 1
    assert pd.api_token not in repr(pd.requests)


def test_a_created_person_is_kept_and_found_again(pd: PipedriveSandbox, api: Api) -> None:
    body = {"name": "Ines de Okafor", "emails": [{"value": "i@x.example"}, {"value": "j@x.example"}]}
    person = api.data("POST", "/api/v2/persons", body)
    assert (person["first_name"], person["last_name"]) == ("Ines", "de Okafor")
    assert [item["primary"] for item in person["emails"]] == [True, False]
    assert api.data("GET", f"/api/v2/persons/{person['id']}") == person
    assert pd.records("person") == {person["id"]: person}


def test_first_and_last_name_make_the_name(api: Api) -> None:
    person = api.data("POST", "/api/v2/persons", {"first_name": "Ada", "last_name": "Byron"})
    assert person["name"] == "Ada Byron"
    changed = api.data("PATCH", f"/api/v2/persons/{person['id']}", {"last_name": "King"})
    assert changed["name"] == "Ada King"


def test_a_person_without_a_name_is_refused(api: Api) -> None:
    assert "name" in refused(lambda: api("POST", "/api/v2/persons", {"emails": [{"value": "a@b.example"}]}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"title": "A", "value": "5"}, "value: must be a number"),
        ({"title": "A", "value": True}, "value: must be a number"),
        ({"title": "A", "person_id": "7"}, "person_id: must be an integer"),
        ({"title": "A", "person_id": 7}, "there is no person 7"),
        ({"title": "A", "visible_to": "3"}, "visible_to"),
        ({"title": "A", "status": "deleted"}, "status"),
        ({"title": "A", "is_archived": 1}, "is_archived: must be a boolean"),
        ({"title": "A", "expected_close_date": "2026-12-15T00:00:00Z"}, "expected_close_date"),
        ({"title": "A", "expected_close_date": None}, "not a valid 'string'"),
        ({"title": "A", "expected_close_date": "2026-02-30"}, "expected_close_date"),
        ({"title": "A", "label_ids": 8}, "label_ids: must be an array"),
        ({"title": "A", "label_ids": [999]}, "there is no label 999"),
        ({"title": "A", "currency": "XYZ"}, "XYZ"),
        ({"title": "A", "stage_id": 999}, "there is no stage 999"),
        ({"title": "A", "lost_reason": "price"}, "lost_reason"),
        ({"title": "A", "won_time": "2026-12-15T00:00:00Z"}, "won_time"),
        ({"title": "A", "user_id": 9001}, "Parameter 'user_id' is not allowed for this request"),
        ({"title": "A", "add_time": "2026-12-15T00:00:00Z"}, "Parameter 'add_time'"),
        ({"value": 5}, "title: is required"),
        ({"title": "  "}, "title: must not be empty"),
    ],
)
def test_a_deal_that_breaks_a_rule_is_refused_and_not_stored(
    pd: PipedriveSandbox, api: Api, body: dict[str, object], said: str
) -> None:
    assert said in refused(lambda: api("POST", "/api/v2/deals", body))
    assert pd.records("deal") == {}


def test_several_problems_share_one_message(api: Api) -> None:
    error = refused(lambda: api("POST", "/api/v2/deals", {"value": "5", "foo": 1}))
    assert error.startswith("Validation failed: ")
    assert error.count("; ") == 2
    reply = api("POST", "/api/v2/deals", {"foo": 1})
    assert reply.json()["code"] == "ERR_SCHEMA_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "emails", ["a@b.example", ["a@b.example"], [{"label": "work"}], [{"value": "a", "x": 1}]]
)
def test_plain_text_emails_are_refused(api: Api, emails: object) -> None:
    assert "emails" in refused(lambda: api("POST", "/api/v2/persons", {"name": "A", "emails": emails}))


def test_two_primary_phones_are_refused(api: Api) -> None:
    phones = [{"value": "1", "primary": True}, {"value": "2", "primary": True}]
    assert "primary" in refused(lambda: api("POST", "/api/v2/persons", {"name": "A", "phones": phones}))


def test_a_body_that_is_not_a_json_object_is_refused(api: Api) -> None:
    assert "JSON" in refused(lambda: api("POST", "/api/v2/persons", ["x"]))
    assert "JSON" in refused(lambda: api("POST", "/api/v2/persons", data={"name": "A"}))
    headers = {"Content-Type": "application/json"}
    assert "JSON" in refused(lambda: api("POST", "/api/v2/persons", data=b'{"name": NaN}', headers=headers))


def test_custom_fields_belong_under_custom_fields(pd: PipedriveSandbox, api: Api) -> None:
    code = pd.add_field("deal", "Roof type", "enum", ["Flat", "Pitched"]).code
    flat, pitched = (option["id"] for option in pd.field("deal", "Roof type").options)
    assert f"Parameter '{code}'" in refused(lambda: api("POST", "/api/v2/deals", {"title": "A", code: flat}))
    unknown = {"title": "A", "custom_fields": {"title": "B"}}
    assert "Unknown key 'title'" in refused(lambda: api("POST", "/api/v2/deals", unknown))
    wrong = {"title": "A", "custom_fields": {code: 1}}
    assert f"custom_fields.{code}: has no option 1" in refused(lambda: api("POST", "/api/v2/deals", wrong))
    deal = api.data("POST", "/api/v2/deals", {"title": "A", "custom_fields": {code: pitched}})
    assert deal["custom_fields"] == {code: pitched}
    labelled = api.data("GET", f"/api/v2/deals/{deal['id']}?include_option_labels=true")
    assert labelled["custom_fields"] == {code: {"id": pitched, "label": "Pitched"}}


def test_a_patch_changes_only_the_keys_it_names(pd: PipedriveSandbox, api: Api) -> None:
    first, second = (pd.add_field("person", name, "varchar").code for name in ("User ID", "Nickname"))
    body = {"name": "A", "emails": [{"value": "a@b.example"}], "custom_fields": {first: "u1", second: "n"}}
    person = api.data("POST", "/api/v2/persons", body)
    changed = api.data("PATCH", f"/api/v2/persons/{person['id']}", {"custom_fields": {second: None}})
    assert changed["custom_fields"] == {first: "u1", second: None}
    assert changed["emails"] == person["emails"]
    replaced = api.data("PATCH", f"/api/v2/persons/{person['id']}", {"emails": [{"value": "c@d.example"}]})
    assert [item["value"] for item in replaced["emails"]] == ["c@d.example"]


def test_add_time_is_taken_on_create_only(api: Api) -> None:
    person = api.data("POST", "/api/v2/persons", {"name": "A", "add_time": "2020-01-02T03:04:05Z"})
    assert person["add_time"] == "2020-01-02T03:04:05Z"
    path = f"/api/v2/persons/{person['id']}"
    assert "add_time" in refused(lambda: api("PATCH", path, {"add_time": "2021-01-02T03:04:05Z"}))


def test_what_is_not_there_is_404_in_the_old_shape(api: Api) -> None:
    for method, body in (("GET", None), ("PATCH", {"title": "B"}), ("DELETE", None)):
        reply = api(method, "/api/v2/deals/777", body)
        assert reply.status_code == 404
        assert reply.json().keys() == {"success", "error", "error_info", "data", "additional_data"}
        assert reply.json()["error"] == "Deal not found"


def test_unknown_paths_and_wrong_methods_are_answered_in_json(api: Api) -> None:
    assert api("GET", "/api/v2/nonsense").json()["success"] is False
    assert api("GET", "/api/v3/deals").status_code == 404
    assert api("PUT", "/api/v2/deals/1", {}).status_code == 405


def test_a_stage_implies_its_pipeline(pd: PipedriveSandbox, api: Api) -> None:
    other = pd.create("pipeline", {"name": "Service"})
    stage = pd.create("stage", {"name": "Asked", "pipeline_id": other["id"]})
    deal = api.data("POST", "/api/v2/deals", {"title": "A"})
    moved = api.data("PATCH", f"/api/v2/deals/{deal['id']}", {"stage_id": stage["id"]})
    assert moved["pipeline_id"] == other["id"]
    assert moved["stage_change_time"] is not None
    clash = {"stage_id": stage["id"], "pipeline_id": deal["pipeline_id"]}
    assert "not in pipeline" in refused(lambda: api("PATCH", f"/api/v2/deals/{deal['id']}", clash))
    back = api.data("PATCH", f"/api/v2/deals/{deal['id']}", {"pipeline_id": deal["pipeline_id"]})
    assert back["stage_id"] == deal["stage_id"]


def test_a_status_carries_its_times(api: Api) -> None:
    path = f"/api/v2/deals/{api.data('POST', '/api/v2/deals', {'title': 'A'})['id']}"
    lost = api.data("PATCH", path, {"status": "lost", "lost_reason": "price"})
    assert lost["lost_time"] == lost["close_time"] is not None
    won = api.data("PATCH", path, {"status": "won"})
    assert (won["lost_time"], won["lost_reason"]) == (None, None)
    assert won["won_time"] == won["close_time"] is not None
    reopened = api.data("PATCH", path, {"status": "open"})
    assert (reopened["won_time"], reopened["close_time"]) == (None, None)


def test_an_archived_deal_rests(api: Api) -> None:
    path = f"/api/v2/deals/{api.data('POST', '/api/v2/deals', {'title': 'A'})['id']}"
    api.data("PATCH", path, {"is_archived": True})
    assert api.data("GET", "/api/v2/deals") == []
    assert [deal["title"] for deal in api.data("GET", "/api/v2/deals/archived")] == ["A"]
    assert "archived" in refused(lambda: api("PATCH", path, {"title": "B"}))
    assert api.data("PATCH", path, {"is_archived": False})["archive_time"] is None


def test_a_deleted_record_is_gone_but_deals_can_be_listed_as_deleted(api: Api) -> None:
    deal = api.data("POST", "/api/v2/deals", {"title": "A"})
    assert api.data("DELETE", f"/api/v2/deals/{deal['id']}") == {"id": deal["id"]}
    assert api("GET", f"/api/v2/deals/{deal['id']}").status_code == 404
    assert api.data("GET", "/api/v2/deals") == []
    assert [row["is_deleted"] for row in api.data("GET", "/api/v2/deals?status=deleted")] == [True]


def test_lists_page_by_cursor_to_their_end(pd: PipedriveSandbox, api: Api) -> None:
    made = [pd.create("person", {"name": f"P{number}"})["id"] for number in range(7)]
    seen: list[int] = []
    cursor = ""
    while True:
        reply = api("GET", f"/api/v2/persons?limit=3&sort_direction=desc{cursor}").json()
        seen += [row["id"] for row in reply["data"]]
        if reply["additional_data"]["next_cursor"] is None:
            break
        cursor = f"&cursor={reply['additional_data']['next_cursor']}"
        pd.create("person", {"name": "made meanwhile"})
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=nonsense",
        "sort_by=name",
        "sort_direction=up",
        "ids=1,b",
        f"ids={','.join(str(number) for number in range(101))}",
        "updated_since=2026-01-01",
        "updated_since=2026-01-01T00:00:00.000Z",
        "owner_id=me",
        "start=0",
        "include_fields=nonsense",
        "include_labels=maybe",
        f"custom_fields={','.join('abcdefghijklmnop')}",
        "filter_id=1",
    ],
)
def test_wrong_query_parameters_are_refused(api: Api, query: str) -> None:
    refused(lambda: api("GET", f"/api/v2/persons?{query}"))


def test_lists_narrow_by_ids_links_and_time(api: Api) -> None:
    clock = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
    pd = PipedriveSandbox(api_token="t", now=lambda: clock)
    first = pd.create("organization", {"name": "One"})
    person = pd.create("person", {"name": "P", "org_id": first["id"]})
    clock += timedelta(hours=1)
    second = pd.create("organization", {"name": "Two"})
    with pd.serve() as server, Api(server.url, {"x-api-token": "t"}) as api:

        def names(query: str) -> list[str]:
            return [row["name"] for row in api.data("GET", f"/api/v2/{query}")]

        assert names(f"organizations?ids={second['id']},4711,{first['id']}") == ["One", "Two"]
        assert names(f"persons?org_id={first['id']}") == [person["name"]]
        assert names(f"persons?org_id={second['id']}") == []
        assert names("organizations?updated_since=2026-11-20T13:00:00Z") == ["Two"]
        assert names("organizations?updated_until=2026-11-20T13:00:00Z") == ["One"]
        assert names("organizations?updated_since=2026-11-20T14:00:00%2B01:00") == ["Two"]


def test_optional_fields_come_when_asked_for(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "P", "label_ids": [pd.field("person", "Label").options[0]["id"]]})
    pd.create("deal", {"title": "A", "person_id": person["id"]})
    path = f"/api/v2/persons/{person['id']}"
    assert "open_deals_count" not in api.data("GET", path)
    shown = api.data("GET", f"{path}?include_fields=open_deals_count,notes_count&include_labels=true")
    assert (shown["open_deals_count"], shown["notes_count"]) == (1, 0)
    assert [label["label"] for label in shown["labels"]] == ["Hot"]


def test_an_activity_takes_its_person_as_participant_only(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "P"})
    body = {"subject": "Call", "type": "call", "due_date": "2026-12-01", "due_time": "09:30"}
    reply = api("POST", "/api/v2/activities", {**body, "person_id": person["id"]})
    assert (reply.status_code, reply.json()["code"]) == (400, "ERR_BAD_REQUEST")
    participants = [{"person_id": person["id"], "primary": True}]
    activity = api.data("POST", "/api/v2/activities", {**body, "participants": participants})
    assert (activity["person_id"], activity["due_time"]) == (person["id"], "09:30:00")
    done = api.data("PATCH", f"/api/v2/activities/{activity['id']}", {"done": True})
    assert done["marked_as_done_time"] is not None
    assert "no activity type" in refused(lambda: api("POST", "/api/v2/activities", {"type": "sauna"}))
    assert "due_time" in refused(lambda: api("POST", "/api/v2/activities", {"due_time": "9 am"}))


def test_pipelines_and_stages_are_listed(pd: PipedriveSandbox, api: Api) -> None:
    pipeline = api.data("GET", "/api/v2/pipelines")[0]
    stages = api.data("GET", f"/api/v2/stages?pipeline_id={pipeline['id']}&sort_by=order_nr")
    assert [stage["order_nr"] for stage in stages] == [1, 2, 3, 4, 5]
    assert "Negotiation" in [stage["name"] for stage in stages]
    made = api.data("POST", "/api/v2/stages", {"name": "Extra", "pipeline_id": pipeline["id"]})
    assert made["order_nr"] == 6


def test_ids_of_different_kinds_never_look_alike(pd: PipedriveSandbox) -> None:
    pd.seed_demo()
    kinds = ("user", "person", "organization", "deal", "pipeline", "stage")
    ids = [record_id for kind in kinds for record_id in pd.records(kind)]
    assert len(ids) == len(set(ids))


def test_the_demo_company_is_made_once(pd: PipedriveSandbox) -> None:
    pd.seed_demo()
    pd.seed_demo()
    counts = {kind: len(pd.records(kind)) for kind in ("user", "person", "organization", "deal", "pipeline")}
    assert counts == {"user": 4, "person": 12, "organization": 8, "deal": 15, "pipeline": 2}
