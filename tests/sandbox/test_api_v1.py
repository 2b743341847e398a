"""Users, notes, leads, small lists, merges and retired calls over `/v1` and `/api/v1`."""

from __future__ import annotations

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


def test_me_says_which_account_the_token_belongs_to(pd: PipedriveSandbox, api: Api) -> None:
    me = api.data("GET", "/v1/users/me")
    assert (me["company_id"], me["company_domain"], me["is_you"]) == (330114, "sandbox", True)
    assert me == api.data("GET", "/api/v1/users/me")


def test_users_are_listed_and_found_by_email(pd: PipedriveSandbox, api: Api) -> None:
    pd.seed_demo()
    users = api.data("GET", "/v1/users")
    assert sum(user["is_you"] for user in users) == 1
    found = api.data("GET", "/v1/users/find?term=lena@brightfield.example&search_by_email=1")
    assert [user["name"] for user in found] == ["Lena Hofmann"]
    assert api("GET", "/v1/users/4711").json() == {
        "success": False,
        "error": "User not found or not accessible.",
    }


def test_a_note_needs_content_and_something_to_hang_on(pd: PipedriveSandbox, api: Api) -> None:
    deal = pd.create("deal", {"title": "A"})
    assert "content" in refused(lambda: api("POST", "/v1/notes", {"deal_id": deal["id"]}))
    assert "deal_id" in refused(lambda: api("POST", "/v1/notes", {"content": "hi"}))
    assert "no deal 9" in refused(lambda: api("POST", "/v1/notes", {"content": "hi", "deal_id": 9}))
    note = api.data("POST", "/v1/notes", {"content": "hi", "deal_id": deal["id"], "pinned_to_deal_flag": 1})
    assert note["deal"] == {"title": "A"}
    assert (note["pinned_to_deal_flag"], note["active_flag"]) == (True, True)
    assert len(note["add_time"]) == len("2026-01-01 00:00:00")
    changed = api.data("PUT", f"/v1/notes/{note['id']}", {"content": "ho"})
    assert changed["content"] == api.data("GET", f"/v1/notes/{note['id']}")["content"] == "ho"
    assert api.data("DELETE", f"/v1/notes/{note['id']}") is True
    assert api("GET", f"/v1/notes/{note['id']}").status_code == 404


@pytest.mark.parametrize("flag", [True, "1", 2])
def test_a_pin_is_0_or_1_and_needs_its_link(pd: PipedriveSandbox, api: Api, flag: object) -> None:
    deal = pd.create("deal", {"title": "A"})
    body = {"content": "hi", "deal_id": deal["id"]}
    assert "pinned" in refused(lambda: api("POST", "/v1/notes", {**body, "pinned_to_deal_flag": flag}))
    assert "person_id" in refused(lambda: api("POST", "/v1/notes", {**body, "pinned_to_person_flag": 1}))


def test_notes_page_by_start(pd: PipedriveSandbox, api: Api) -> None:
    deal = pd.create("deal", {"title": "A"})
    for number in range(5):
        pd.create("note", {"content": f"n{number}", "deal_id": deal["id"]})
    reply = api("GET", f"/v1/notes?deal_id={deal['id']}&limit=2&start=2").json()
    assert [note["content"] for note in reply["data"]] == ["n2", "n3"]
    assert reply["additional_data"]["pagination"]["next_start"] == 4
    assert api.data("GET", "/v1/notes?deal_id=4") == []


def test_leads_keep_custom_fields_at_their_root(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "P"})
    deposit = pd.add_field("deal", "Deposit", "monetary").code
    body = {"title": "Lead", "person_id": person["id"], deposit: 900, f"{deposit}_currency": "EUR"}
    reply = api("POST", "/v1/leads", body)
    assert reply.status_code == 201
    lead = reply.json()["data"]
    assert (lead[deposit], lead[f"{deposit}_currency"]) == (900, "EUR")
    assert "custom_fields" not in lead
    value = {"amount": 10, "currency": "EUR"}
    assert api.data("PATCH", f"/v1/leads/{lead['id']}", {"value": value})["value"] == value
    assert [row["id"] for row in api.data("GET", f"/v1/leads?person_id={person['id']}")] == [lead["id"]]
    assert api.data("DELETE", f"/v1/leads/{lead['id']}") == {"id": lead["id"]}
    assert api("GET", f"/v1/leads/{lead['id']}").json()["error_info"] == "Object was not found."


def test_a_lead_that_breaks_a_rule_is_refused(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "P"})
    assert "person or an organization" in refused(lambda: api("POST", "/v1/leads", {"title": "L"}))
    body = {"title": "L", "person_id": person["id"]}
    wrong = [
        {"value": {"amount": 5}},
        {"value": 5},
        {"visible_to": 3},
        {"label_ids": [1]},
        {"label_ids": ["8f0b7d10-0000-0000-0000-000000000000"]},
        {"org_id": 3},
        {"expected_close_date": "soon"},
    ]
    for extra in wrong:
        refused(lambda extra=extra: api("POST", "/v1/leads", {**body, **extra}))
    assert pd.records("lead") == {}


def test_small_lists_are_there(api: Api) -> None:
    assert {row["name"] for row in api.data("GET", "/v1/leadLabels")} == {"Hot", "Warm", "Cold"}
    assert "call" in {row["key_string"] for row in api.data("GET", "/v1/activityTypes")}
    assert [row["code"] for row in api.data("GET", "/v1/currencies?term=euro")] == ["EUR"]
    assert "title" in {row["key"] for row in api.data("GET", "/v1/leadFields")}


def test_retired_calls_are_gone(api: Api) -> None:
    retired = (
        ("GET", "/v1/deals"),
        ("POST", "/v1/persons"),
        ("PUT", "/api/v1/organizations/61"),
        ("GET", "/v1/persons/search"),
        ("GET", "/v1/itemSearch"),
        ("GET", "/v1/stages/11"),
        ("GET", "/v1/deals/1/activities"),
    )
    for method, path in retired:
        reply = api(method, path, {} if method in ("POST", "PUT") else None)
        assert (path, reply.status_code) == (path, 410)
        assert reply.json()["success"] is False


def test_merging_keeps_the_winner(pd: PipedriveSandbox, api: Api) -> None:
    loser = pd.create(
        "person", {"name": "L", "emails": [{"value": "l@x.example"}], "phones": [{"value": "1"}]}
    )
    winner = pd.create("person", {"name": "W", "emails": [{"value": "w@x.example"}]})
    deal = pd.create("deal", {"title": "A", "person_id": loser["id"]})
    kept = api.data("PUT", f"/v1/persons/{loser['id']}/merge", {"merge_with_id": winner["id"]})
    assert (kept["id"], kept["name"]) == (winner["id"], "W")
    assert [item["value"] for item in kept["emails"]] == ["w@x.example", "l@x.example"]
    assert [item["value"] for item in kept["phones"]] == ["1"]
    assert pd.records("person").keys() == {winner["id"]}
    assert pd.records("deal")[deal["id"]]["person_id"] == winner["id"]
    itself = f"/v1/persons/{winner['id']}/merge"
    assert "itself" in refused(lambda: api("PUT", itself, {"merge_with_id": winner["id"]}))
