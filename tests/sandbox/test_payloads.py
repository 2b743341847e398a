"""Webhook bodies as they arrive, version 2 and version 1."""

from __future__ import annotations

from typing import Any

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, Receiver, hook_body

META_KEYS = {
    "action",
    "entity",
    "entity_id",
    "id",
    "correlation_id",
    "company_id",
    "user_id",
    "webhook_id",
    "webhook_owner_id",
    "permitted_user_ids",
    "timestamp",
    "type",
    "version",
    "change_source",
    "attempt",
    "is_bulk_edit",
    "host",
}


def subscribe(api: Api, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    hook: dict[str, Any] = api.data("POST", "/v1/webhooks", hook_body(receiver.url, **changes))
    return hook


def bodies(pd: PipedriveSandbox, receiver: Receiver) -> list[Any]:
    assert pd.wait_until_quiet(10)
    return receiver.bodies


def test_a_created_deal_arrives_whole(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    hook = subscribe(api, receiver)
    deal = api.data("POST", "/api/v2/deals", {"title": "A", "value": 5})
    (body,) = bodies(pd, receiver)
    assert body.keys() == {"data", "previous", "meta"}
    assert body["previous"] is None
    assert body["data"]["visible_to"] == "3"
    assert {key: body["data"][key] for key in ("id", "title", "value", "stage_id")} == {
        key: deal[key] for key in ("id", "title", "value", "stage_id")
    }
    meta = body["meta"]
    assert meta.keys() == META_KEYS
    assert (meta["action"], meta["entity"], meta["entity_id"]) == ("create", "deal", str(deal["id"]))
    assert (meta["version"], meta["attempt"], meta["change_source"]) == ("2.0", 1, "api")
    assert meta["webhook_id"] == str(hook["id"])
    assert all(isinstance(user_id, str) for user_id in meta["permitted_user_ids"])
    assert meta["timestamp"].endswith("Z")
    assert "." in meta["timestamp"]


def test_a_moved_deal_names_only_its_stage_as_previous(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    deal = pd.create("deal", {"title": "A"})
    subscribe(api, receiver, event_action="change")
    pd.update("deal", deal["id"], {"stage_id": deal["stage_id"] + 1})
    (body,) = bodies(pd, receiver)
    assert body["previous"] == {"stage_id": deal["stage_id"]}
    assert body["data"]["stage_id"] == deal["stage_id"] + 1
    assert (body["meta"]["action"], body["meta"]["change_source"]) == ("change", "app")


def test_a_deleted_person_arrives_as_previous(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    person = pd.create("person", {"name": "P", "emails": [{"value": "a@b.example"}]})
    subscribe(api, receiver, event_object="person")
    pd.delete("person", person["id"])
    (body,) = bodies(pd, receiver)
    assert (body["data"], body["previous"]["name"]) == (None, "P")
    assert "label" in body["previous"]
    assert "label_ids" not in body["previous"]


def test_a_write_that_changes_nothing_tells_nobody(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    deal = pd.create("deal", {"title": "A"})
    subscribe(api, receiver)
    api.data("PATCH", f"/api/v2/deals/{deal['id']}", {"title": "A"})
    assert bodies(pd, receiver) == []


CUSTOM: list[tuple[str, Any, Any]] = [
    ("varchar", "abc", {"type": "varchar", "value": "abc"}),
    ("double", 9, {"type": "double", "value": 9}),
    ("date", "2026-12-15", {"type": "date", "value": "2026-12-15"}),
    (
        "monetary",
        {"value": 900, "currency": "EUR"},
        {"type": "monetary", "value": 900, "currency": "EUR"},
    ),
    (
        "daterange",
        {"value": "2026-12-01", "until": "2026-12-15"},
        {"type": "daterange", "from": "2026-12-01", "until": "2026-12-15"},
    ),
    ("user", 9001, {"type": "user", "id": 9001}),
]


@pytest.mark.parametrize(("kind", "value", "shown"), CUSTOM)
def test_custom_fields_arrive_typed(
    pd: PipedriveSandbox, api: Api, receiver: Receiver, kind: str, value: Any, shown: Any
) -> None:
    code = pd.add_field("deal", "Field", kind).code
    unset = pd.add_field("deal", "Unset", "text").code
    subscribe(api, receiver)
    deal = pd.create("deal", {"title": "A", "custom_fields": {code: value}})
    pd.update("deal", deal["id"], {"custom_fields": {code: None}})
    created, cleared = bodies(pd, receiver)
    assert created["data"]["custom_fields"] == {code: shown, unset: None}
    assert cleared["data"]["custom_fields"] == {code: None, unset: None}
    assert cleared["previous"] == {"custom_fields": {code: shown}}


def test_options_arrive_as_ids(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    roof, topics = (
        pd.add_field("deal", "Roof", "enum", ["Flat"]),
        pd.add_field("deal", "T", "set", ["A", "B"]),
    )
    first, second = (option["id"] for option in topics.options)
    subscribe(api, receiver)
    custom = {roof.code: roof.options[0]["id"], topics.code: [first, second]}
    pd.create("deal", {"title": "A", "custom_fields": custom})
    (body,) = bodies(pd, receiver)
    assert body["data"]["custom_fields"] == {
        roof.code: {"type": "enum", "id": roof.options[0]["id"]},
        topics.code: {"type": "set", "values": [{"id": first}, {"id": second}]},
    }


def test_a_merge_arrives_as_two_deliveries(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    loser, winner = (pd.create("person", {"name": name})["id"] for name in ("L", "W"))
    subscribe(api, receiver, event_object="person")
    pd.merge("person", loser, winner)
    gone, kept = bodies(pd, receiver)
    assert (gone["meta"]["action"], gone["meta"]["merged_to_id"]) == ("delete", str(winner))
    assert (kept["meta"]["action"], kept["meta"]["merged_from_id"]) == ("change", str(loser))


def test_a_removed_user_arrives_as_a_change(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    user = pd.create("user", {"name": "U", "email": "u@x.example"})
    subscribe(api, receiver, event_object="user")
    pd.update("user", user["id"], {"active_flag": False})
    (body,) = bodies(pd, receiver)
    assert (body["data"]["id"], body["data"]["active_flag"]) == (str(user["id"]), False)
    assert body["previous"]["active_flag"] is True
    assert body["meta"]["id"] == str(user["id"])
    assert "permitted_user_ids" not in body["meta"]


def test_other_entities_use_the_webhooks_own_names(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver, event_object="*")
    person = pd.create("person", {"name": "P"})
    pd.create("activity", {"subject": "Call", "due_time": "09:30", "busy": True})
    pd.create("lead", {"title": "L", "person_id": person["id"]})
    pd.create("note", {"content": "n", "person_id": person["id"]})
    pd.update("stage", 11, {"name": "First"})
    by_entity = {body["meta"]["entity"]: body for body in bodies(pd, receiver)}
    activity, lead = by_entity["activity"]["data"], by_entity["lead"]["data"]
    assert (activity["busy_flag"], activity["active_flag"]) == (True, True)
    assert activity["due_time"] == {"timezone_id": None, "value": "09:30:00"}
    assert (lead["person_id"], lead["is_archived"]) == (person["id"], False)
    assert "custom_fields" not in by_entity["note"]["data"]
    assert by_entity["stage"]["previous"]["name"] == "Lead in"
    assert by_entity["stage"]["data"]["rotten_flag"] is False


def test_a_changed_lead_names_a_key_that_did_not_change(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    person = pd.create("person", {"name": "P"})
    lead = pd.create("lead", {"title": "L", "person_id": person["id"]})
    subscribe(api, receiver, event_object="lead")
    pd.update("lead", lead["id"], {"title": "M"})
    (body,) = bodies(pd, receiver)
    assert body["previous"]["title"] == "L"
    assert body["previous"]["next_activity_id"] is body["data"]["next_activity_id"] is None


def test_version_1_arrives_flat_and_with_the_whole_earlier_record(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    code = pd.add_field("person", "Deposit", "monetary").code
    person = pd.create(
        "person",
        {
            "name": "P",
            "emails": [{"value": "a@b.example"}],
            "custom_fields": {code: {"value": 9, "currency": "EUR"}},
        },
    )
    subscribe(api, receiver, event_object="person", version="1.0")
    pd.update("person", person["id"], {"name": "Q"})
    (body,) = bodies(pd, receiver)
    assert (body["v"], body["event"], body["retry"]) == (1, "updated.person", 0)
    assert (body["meta"]["object"], body["meta"]["id"]) == ("person", person["id"])
    current, previous = body["current"], body["previous"]
    assert (current["name"], previous["name"]) == ("Q", "P")
    assert current.keys() == previous.keys()
    assert (current[code], current[f"{code}_currency"], current["active_flag"]) == (9, "EUR", True)
    assert current["email"][0]["value"] == "a@b.example"
    assert " " in current["add_time"]


def test_version_1_merges_have_their_own_action(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    loser, winner = (pd.create("deal", {"title": title})["id"] for title in ("L", "W"))
    subscribe(api, receiver, version="1.0")
    pd.merge("deal", loser, winner)
    assert [body["event"] for body in bodies(pd, receiver)] == ["deleted.deal", "merged.deal"]
