"""What is there already, and what changed, listed over real HTTP from a sandbox account."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import Window
from automations.engine.registry import Registry
from automations.sandbox import PipedriveSandbox

TRIGGERS = {
    key: one
    for key, one in Registry.discover(entry_points=False).triggers.items()
    if key.startswith("pipedrive.")
}
KIND = PipedriveConnection()
ALWAYS = Window()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def demo(pd: PipedriveSandbox) -> PipedriveSandbox:
    pd.seed_demo()
    person = next(iter(pd.records("person")))
    for number in range(23):
        pd.create("note", {"content": f"Note {number}", "person_id": person})
        pd.create("lead", {"title": f"Lead {number}", "person_id": person})
    pd.create("activity", {"subject": "Call", "done": True})
    pd.create("activity", {"subject": "Write"})
    pd.create("product", {"name": "Chair"})
    return pd


def listed(key, client, limit=5, window=ALWAYS, **fields):
    """Walk all pages as the engine does; return the occurrences that the trigger lets through."""
    trigger = TRIGGERS[key]()
    typed = trigger.Fields(**fields)
    assert trigger.cannot_list(typed) is None
    trigger.prepare(typed, client)
    found, cursor, pages = {}, None, 0
    while pages < 100:
        page = trigger.existing(typed, client, cursor, window, limit)
        for arrival in page.arrivals:
            found[arrival.dedupe_key] = KIND.read(arrival.topic, arrival.payload)
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    return [
        one
        for one in found.values()
        if trigger.occurred(one) is None and trigger.narrow(typed, one, client.directory) is None
    ]


@pytest.mark.parametrize("entity", ["deal", "person", "organization", "activity", "lead", "note", "product"])
@pytest.mark.parametrize("what", ["created", "updated"])
def test_every_record_of_an_entity_is_listed_whatever_the_page(demo, client, entity, what):
    there = {f"{entity}:{one['id']}" for one in demo.records(entity).values()}
    for limit in (3, 100):
        found = listed(f"pipedrive.{entity}_{what}", client, limit)
        assert {one.record_key for one in found} == there
        assert {one.entity for one in found} == {entity}
        assert all(one.label for one in found)


@pytest.mark.parametrize("entity", ["lead", "note"])
def test_pages_that_begin_a_few_records_early_tell_none_twice_and_pass_none_over(demo, client, entity):
    kept = [record["id"] for record in demo.records(entity).values()]
    found, cursor = [], None
    while True:
        page = KIND.changes(entity, client, cursor, ALWAYS, 8)
        found += [arrival.record_key for arrival in page.arrivals]
        cursor = page.cursor
        if cursor is None:
            break
        if len(found) == 8:
            demo.delete(entity, kept.pop(2))
    assert len(set(found)) == len(found)
    assert set(found) >= {f"{entity}:{number}" for number in kept}


def test_lists_are_narrowed_at_pipedrive_and_the_rest_here(demo, client):
    service = next(row for row in demo.records("pipeline").values() if row["name"] == "Service contracts")
    found = listed("pipedrive.deal_created", client, pipeline="Service contracts")
    assert {one.record["pipeline_id"] for one in found} == {service["id"]}
    asked = [one for one in demo.requests if one.path == "/api/v2/deals"]
    assert {one.query.get("pipeline_id") for one in asked} == {str(service["id"])}


def test_a_deal_that_is_won_counts_for_the_trigger_on_winning(demo, client):
    deal = next(iter(demo.records("deal")))
    demo.update("deal", deal, {"status": "won"})
    won = {f"deal:{one['id']}" for one in demo.records("deal").values() if one["status"] == "won"}
    assert {one.record_key for one in listed("pipedrive.deal_won", client)} == won
    assert f"deal:{deal}" in won


def test_a_stage_and_an_owner_may_be_named(demo, client):
    stage = next(iter(demo.records("stage").values()))
    same_name = {s["id"] for s in demo.records("stage").values() if s["name"] == stage["name"]}
    found = listed("pipedrive.deal_stage_changed", client, to_stage=stage["name"])
    assert {one.record["stage_id"] for one in found} <= same_name
    assert found
    assert len(listed("pipedrive.deal_owner_changed", client)) == len(demo.records("deal"))
    assert [one.record["subject"] for one in listed("pipedrive.activity_completed", client)] == [
        one["subject"] for one in demo.records("activity").values() if one["done"]
    ]


def test_wide_triggers_list_one_kind_of_record(demo, client):
    assert len(listed("pipedrive.any", client, entity="person")) == len(demo.records("person"))
    assert len(listed("pipedrive.field_changed", client, entity="note")) == 23
    for key in ("pipedrive.any", "pipedrive.field_changed"):
        trigger = TRIGGERS[key]()
        assert "kind of record" in trigger.cannot_list(trigger.Fields())


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("pipedrive.deal_deleted", {}),
        ("pipedrive.person_merged", {}),
        ("pipedrive.deal_reopened", {}),
        ("pipedrive.deal_stage_changed", {"from_stage": 1}),
        ("pipedrive.deal_stage_changed", {"direction": "forward"}),
        ("pipedrive.any", {"entity": "deal", "action": "deleted"}),
    ],
)
def test_what_no_list_tells_is_said(key, fields):
    trigger = TRIGGERS[key]()
    assert trigger.cannot_list(trigger.Fields(**fields)).endswith(".")


def test_a_window_is_about_the_time_that_the_trigger_is_about(demo, client):
    deal = demo.records("deal")[next(iter(demo.records("deal")))]
    made = datetime.fromisoformat(deal["add_time"])
    only = Window(made, made + timedelta(seconds=1))
    found = listed("pipedrive.deal_created", client, window=only)
    assert {one.record["add_time"] for one in found} == {deal["add_time"]}
    assert listed("pipedrive.deal_created", client, window=Window(until=LONG_AGO)) == []
    assert listed("pipedrive.lead_updated", client, window=Window(until=LONG_AGO)) == []


def changes(client, entity, window, limit=4):
    found, cursor = [], None
    while True:
        page = KIND.changes(entity, client, cursor, window, limit)
        found += page.arrivals
        cursor = page.cursor
        if cursor is None:
            return found


def test_what_happened_in_a_window_is_told_as_made_changed_and_deleted(demo, client):
    number = demo.create("deal", {"title": "New"})["id"]
    old, gone, *_ = list(demo.records("deal"))
    since = datetime.fromisoformat(demo.records("deal")[number]["add_time"])
    demo.update("deal", old, {"value": 17})
    demo.delete("deal", gone)
    found = {(one.topic, one.record_key) for one in changes(client, "deal", Window(since))}
    assert ("deal.create", f"deal:{number}") in found
    assert ("deal.delete", f"deal:{gone}") in found
    assert {("deal.change", f"deal:{old}"), ("deal.create", f"deal:{old}")} & found
    assert changes(client, "deal", Window(since + timedelta(days=9))) == []


def test_a_webhook_and_a_list_tell_the_same_state_of_a_record(demo, client):
    deal = demo.records("deal")[next(iter(demo.records("deal")))]
    arrival = next(
        one for one in changes(client, "deal", Window(LONG_AGO)) if one.record_key == f"deal:{deal['id']}"
    )
    made = KIND.state_of(KIND.read("deal.create", arrival.payload))
    changed = KIND.state_of(KIND.read("deal.change", arrival.payload))
    assert made.known_as == "create"
    assert changed.at == datetime.fromisoformat(deal["update_time"])
    assert changed.known_as == changed.at.isoformat()


def missed(client, last, since=LONG_AGO, entity="deal", record_key=""):
    """Return the occurrence of a missed change with what could be found out about the values before."""
    found = [
        one
        for one in changes(client, entity, Window(since))
        if one.record_key == record_key and one.topic.endswith(".change")
    ]
    whole = KIND.with_previous(found[0], last, since, client)
    return None if whole is None else KIND.read(whole.topic, whole.payload)


@pytest.fixture
def moved(pd):
    """Give a deal that was made long ago and moved to the next stage now; return it and the stage before."""
    pd.seed_demo()
    deal = next(one for one in pd.records("deal").values() if one["status"] == "open")
    stages = [s["id"] for s in pd.records("stage").values() if s["pipeline_id"] == deal["pipeline_id"]]
    before = deal["stage_id"]
    after = next(stage for stage in stages if stage != before)
    pd.account.tables["deal"][deal["id"]]["add_time"] = "2025-01-01T00:00:00Z"
    pd.update("deal", deal["id"], {"stage_id": after})
    return deal["id"], before, after


def test_the_changelog_tells_where_a_deal_was_before(moved, client):
    number, before, after = moved
    found = missed(client, None, datetime(2025, 6, 1, tzinfo=UTC), record_key=f"deal:{number}")
    assert (found.previous, found.record["stage_id"]) == ({"stage_id": before}, after)
    trigger = TRIGGERS["pipedrive.deal_stage_changed"]()
    assert trigger.occurred(found) is None
    assert "status did not change" in TRIGGERS["pipedrive.deal_won"]().occurred(found)


def test_what_arrived_last_tells_it_without_a_call(moved, pd, client):
    number, before, _ = moved
    record = {**pd.records("deal")[number], "stage_id": before}
    last = KIND.read("deal.change", _hook(record))
    calls = len(pd.requests)
    found = missed(client, last, datetime(2025, 6, 1, tzinfo=UTC), record_key=f"deal:{number}")
    assert found.previous == {"stage_id": before}
    assert [one.path for one in pd.requests[calls:]] == ["/api/v2/deals"] * (len(pd.requests) - calls)
    same = KIND.read("deal.change", _hook(dict(pd.records("deal")[number])))
    assert missed(client, same, datetime(2025, 6, 1, tzinfo=UTC), record_key=f"deal:{number}") is None


def _hook(record):
    meta = {"entity": "deal", "action": "change", "entity_id": str(record["id"]), "id": "x", "version": "2.0"}
    return orjson.dumps({"meta": meta, "data": record, "previous": {"title": "?"}})


def test_without_any_memory_a_trigger_on_one_field_says_that_it_cannot_tell(demo, client):
    note = next(iter(demo.records("note")))
    demo.account.tables["note"][note]["add_time"] = "2025-01-01T00:00:00Z"
    demo.update("note", note, {"content": "Changed"})
    found = missed(client, None, datetime(2025, 6, 1, tzinfo=UTC), "note", f"note:{note}")
    assert found.previous is None
    assert TRIGGERS["pipedrive.note_updated"]().occurred(found) is None
    trigger = TRIGGERS["pipedrive.field_changed"]()
    fields = trigger.Fields(entity="note", field="content")
    assert "not known" in trigger.narrow(fields, found, client.directory)
