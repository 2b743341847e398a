from datetime import UTC, datetime, timedelta

import pytest

from automations.connectors.http import DoorMode
from automations.connectors.pipedrive.actions.upsert_note import UpsertNote
from automations.engine.contracts import Call
from automations.errors import (
    AmbiguousMatchError,
    FieldsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)


def call(**parts):
    return Call(idempotency_key="k", now=datetime.now(UTC).isoformat(), **parts)


def perform(client, **fields):
    return UpsertNote().perform(UpsertNote.Fields(**fields), client, call())


def settle(client, when=None, **fields):
    asked = when or call()
    return UpsertNote().settle(UpsertNote.Fields(**fields), client, asked)


def only(pd):
    (note,) = pd.records("note").values()
    return note


def writes(pd):
    return [(one.method, one.path, one.json) for one in pd.requests if one.method != "GET"]


@pytest.fixture
def deal(pd):
    person = pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}]})
    organization = pd.create("organization", {"name": "Lumen"})
    return pd.create("deal", {"title": "Lights", "person_id": person["id"], "org_id": organization["id"]})


def test_a_note_is_written_on_a_deal_by_its_id(pd, client, deal):
    outcome = perform(client, content="Sent <b>out</b>", deal_match_value=str(deal["id"]))
    assert (only(pd)["deal_id"], only(pd)["content"]) == (deal["id"], "Sent <b>out</b>")
    assert outcome.outputs["id"] == only(pd)["id"]
    assert outcome.outputs["created"] is True
    assert writes(pd) == [("POST", "/api/v1/notes", {"content": "Sent <b>out</b>", "deal_id": deal["id"]})]


def test_every_link_is_found_by_its_own_match(pd, client, deal):
    perform(
        client,
        content="x",
        deal_match_field="title",
        deal_match_value="lights",
        person_match_value="ANA@lumen.example",
        organization_match_value="Lumen",
        pinned=True,
        add_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    note = only(pd)
    assert (note["deal_id"], note["person_id"], note["org_id"]) == (
        deal["id"],
        deal["person_id"],
        deal["org_id"],
    )
    pins = [note[f"pinned_to_{what}_flag"] for what in ("deal", "person", "organization", "lead")]
    assert pins == [True, True, True, False]
    assert writes(pd)[0][2]["add_time"] == "2026-01-02 03:04:05"
    assert writes(pd)[0][2]["pinned_to_deal_flag"] == 1


def test_a_lead_is_linked_by_its_id(pd, client, deal):
    lead = pd.create("lead", {"title": "Tables", "person_id": deal["person_id"]})
    perform(client, content="x", lead_id=lead["id"])
    assert only(pd)["lead_id"] == lead["id"]


def test_each_event_writes_its_own_note(pd, client, deal):
    for _ in range(2):
        perform(client, content="same", deal_match_value=str(deal["id"]))
    assert len(pd.records("note")) == 2


def test_a_note_is_changed_by_its_id_with_only_what_differs(pd, client, deal):
    number = pd.create("note", {"content": "old", "deal_id": deal["id"]})["id"]
    outcome = perform(client, note_id=number, content="new", pinned=False)
    assert writes(pd) == [("PUT", f"/api/v1/notes/{number}", {"content": "new"})]
    assert outcome.outputs["changed"] == ["content"]
    assert perform(client, note_id=number, content="new").nothing_to_do
    perform(client, note_id=number, content="new", pinned=True)
    assert writes(pd)[-1][2] == {"pinned_to_deal_flag": 1}
    with pytest.raises(RejectedError, match="no note 4711"):
        perform(client, note_id=4711, content="new")


def test_modes(pd, connect, deal):
    client = connect(mode="update_only")
    assert perform(client, content="x", deal_match_value=str(deal["id"])).nothing_to_do
    number = perform(client, content="x", mode="upsert", deal_match_value=str(deal["id"])).outputs["id"]
    assert perform(client, content="y", note_id=number, mode="create_only").nothing_to_do
    assert only(pd)["content"] == "x"


def test_a_note_needs_something_to_be_written_on(pd, client):
    with pytest.raises(FieldsError, match="Map a deal, person, organization or lead"):
        UpsertNote().check(UpsertNote.Fields(content="x"))
    with pytest.raises(FieldsError, match="content"):
        UpsertNote().check(UpsertNote.Fields(content=" ", lead_id="u"))
    with pytest.raises(RejectedError, match="nothing to write the note on: no deal has id 999"):
        perform(client, content="x", deal_match_value="999")
    with pytest.raises(RejectedError, match="No deal has id 999"):
        perform(client, content="x", deal_match_value="999", deal_missing="stop")
    assert writes(pd) == []


def test_a_missing_person_is_created_on_the_way(pd, client):
    outcome = perform(client, content="x", person_match_value="new@lumen.example", person_missing="create")
    (person,) = pd.records("person").values()
    assert (person["name"], person["emails"][0]["value"]) == ("new@lumen.example", "new@lumen.example")
    assert only(pd)["person_id"] == person["id"]
    assert "created person new@lumen.example" in outcome.summary


def test_several_persons_stop_it(pd, client):
    for name in ("A", "B"):
        pd.create("person", {"name": name, "emails": [{"value": "ana@lumen.example"}]})
    with pytest.raises(AmbiguousMatchError):
        perform(client, content="x", person_match_value="ana@lumen.example")


@pytest.mark.parametrize("status", [429, 500])
def test_no_note_follows_a_look_up_that_failed(pd, client, deal, status):
    pd.answer_next(status, path="/api/v2/deals/*")
    with pytest.raises(UnavailableError):
        perform(client, content="x", deal_match_value=str(deal["id"]), organization_match_value="Lumen")
    assert pd.records("note") == {}


def test_a_note_whose_reply_was_lost_is_read_back(pd, client, deal):
    wanted = {"content": "<p>Called &amp; agreed</p>", "deal_match_value": str(deal["id"])}
    pd.create("note", {"content": "Called", "deal_id": deal["id"]})
    assert settle(client, **wanted) is None
    pd.hang_up_next(before_write=False, path="/api/v1/notes", method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, **wanted)
    assert len(pd.records("note")) == 2
    settled = settle(client, **wanted)
    assert settled.outputs["id"] == max(pd.records("note"))
    assert settle(client, **{**wanted, "content": "Called & agreed"}) is not None
    assert settle(client, **{**wanted, "content": "Called & disagreed"}) is None


def test_an_older_note_with_the_same_words_is_another_events(pd, client, deal):
    pd.create("note", {"content": "same", "deal_id": deal["id"]})
    wanted = {"content": "same", "deal_match_value": str(deal["id"])}
    later = Call(idempotency_key="k", now=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
    assert settle(client, **wanted) is not None
    assert settle(client, later, **wanted) is None
    assert settle(client, **wanted, add_time=datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_a_doubtful_change_is_done_when_the_note_is_as_wanted(pd, client, deal):
    number = pd.create("note", {"content": "old", "deal_id": deal["id"]})["id"]
    assert settle(client, note_id=number, content="new") is None
    assert settle(client, note_id=number, content="old").outputs["id"] == number


def test_offline_shows_the_note_that_would_be_written(pd, connect):
    client = connect(DoorMode.OFFLINE)
    perform(client, content="Sent", deal_match_value="88", pinned=True)
    shown = [exchange.as_json() for exchange in client.door.exchanges]
    assert [one["method"] for one in shown] == ["GET", "POST"]
    assert shown[1]["body"] == {"content": "Sent", "deal_id": 88, "pinned_to_deal_flag": 1}
    assert shown[1]["note"]
    assert pd.requests == []
