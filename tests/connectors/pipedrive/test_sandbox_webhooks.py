"""What the sandbox account really sends, in both versions, is read as REST would give it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from automations.connectors.pipedrive import receiver
from automations.engine.contracts import InboundRequest


@pytest.fixture
def inbox():
    """Yield (address, occurrences by webhook version); it answers 200 to everything."""
    got = {"1.0": [], "2.0": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for arrival in receiver.receive(InboundRequest(body, self.headers["Content-Type"], {})):
                occurrence = receiver.read(arrival.topic, arrival.payload)
                got[occurrence.facts["version"]].append(occurrence)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_parts):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def subscribed(client, inbox):
    address, got = inbox
    for version in got:
        body = {"subscription_url": address, "event_action": "*", "event_object": "*", "name": "all"}
        client.write("POST", "/api/v1/webhooks", {**body, "version": version})
    return got


def test_both_versions_are_one_shape(pd, client, subscribed):
    pd.seed_demo()
    texts = pd.add_field("person", "Text", "varchar").code
    money = pd.add_field("person", "Money", "monetary").code
    days = pd.add_field("person", "Days", "daterange").code
    person = pd.create(
        "person",
        {
            "name": "Ana Petrova",
            "emails": [{"value": "ana@lumen.example", "primary": True}],
            "custom_fields": {texts: "a", money: {"value": 5, "currency": "EUR"}},
        },
    )
    deal = pd.create("deal", {"title": "Lights", "value": 70, "person_id": person["id"]})
    assert pd.wait_until_quiet()
    for got in subscribed.values():
        got.clear()
    stage = sorted(pd.records("stage"))[2]
    pd.update("deal", deal["id"], {"stage_id": stage})
    pd.update(
        "person", person["id"], {"custom_fields": {days: {"value": "2026-12-01", "until": "2026-12-05"}}}
    )
    assert pd.wait_until_quiet()
    for version, got in subscribed.items():
        by_entity = {one.entity: one for one in got}
        moved, changed = by_entity["deal"], by_entity["person"]
        assert moved.changed == ["stage_id"], version
        assert moved.previous == {"stage_id": deal["stage_id"]}
        rest = client.by_id("deal", deal["id"])
        shared = moved.record.keys() & rest.keys() - {"custom_fields", "probability"}
        assert {"title", "value", "stage_id", "owner_id", "visible_to", "add_time", "label_ids"} <= shared
        assert {key: moved.record[key] for key in shared} == {key: rest[key] for key in shared}
        assert changed.previous == {"custom_fields": {days: None}}
        rest = client.by_id("person", person["id"])
        held = {key: value for key, value in changed.record["custom_fields"].items() if value is not None}
        assert held == {key: value for key, value in rest["custom_fields"].items() if value is not None}
        shared = changed.record.keys() & rest.keys() - {"custom_fields", "label_ids"}
        assert {"email", "phone", "emails", "owner_id", "visible_to"} <= shared | {"visible_to"}
        assert {key: changed.record[key] for key in shared} == {key: rest[key] for key in shared}


def test_a_merge_is_one_event_in_version_2(pd, subscribed):
    stays, goes = (pd.create("person", {"name": name})["id"] for name in ("Ana", "Anna"))
    assert pd.wait_until_quiet()
    subscribed["2.0"].clear()
    pd.merge("person", goes, stays)
    assert pd.wait_until_quiet()
    assert [(one.topic, one.record["id"]) for one in subscribed["2.0"]] == [("person.merge", stays)]


def test_every_entity_of_the_account_is_read(pd, subscribed):
    pd.seed_demo()
    person = next(iter(pd.records("person")))
    note = pd.create("note", {"content": "Hello", "person_id": person})
    lead = pd.create("lead", {"title": "Tables", "person_id": person})
    activity = pd.create("activity", {"subject": "Call", "due_date": "2026-12-01", "due_time": "14:30"})
    for entity, record in (("note", note), ("lead", lead), ("activity", activity)):
        pd.delete(entity, record["id"])
    assert pd.wait_until_quiet()
    for version, got in subscribed.items():
        assert {one.entity for one in got} >= {
            "deal",
            "person",
            "organization",
            "note",
            "lead",
            "activity",
            "user",
        }
        gone = {one.entity: one for one in got if one.topic.endswith(".delete")}
        assert gone["note"].record["content"] == "Hello", version
        assert gone["lead"].record["title"] == "Tables"
        assert gone["activity"].record["due_time"] == "14:30:00"
        assert gone["activity"].previous is None
