import json
from datetime import UTC, datetime

import pytest

from automations.connectors.pipedrive import receiver
from automations.errors import InputError
from tests.connectors.pipedrive.webhooks import deal, request, v1, v2


def arrival(body):
    (only,) = receiver.receive(request(body))
    return only


def read(body):
    only = arrival(body)
    return receiver.read(only.topic, only.payload)


# -- taking in


def test_version_2_says_what_happened_to_which_record():
    body = v2("deal", "change", deal(), {"stage_id": 11})
    got = arrival(body)
    assert (got.topic, got.record_key) == ("deal.change", "deal:88")
    assert got.dedupe_key == "1700/321/5b0c9d0e-1111-4222-8333-444455556666"
    assert json.loads(got.payload) == body
    assert got.occurred_at == datetime(2026, 11, 20, 13, 5, 9, 318000, tzinfo=UTC)


def test_version_1_has_the_same_topics():
    topics = [
        arrival(v1("deal", action, deal())).topic for action in ("added", "updated", "deleted", "merged")
    ]
    assert topics == ["deal.create", "deal.change", "deal.delete", "deal.merge"]


def test_a_repeated_delivery_has_the_same_dedupe_key_and_another_event_has_not():
    first = arrival(v2("deal", "change", deal(), attempt=1))
    again = arrival(v2("deal", "change", deal(), attempt=3))
    other = arrival(v2("deal", "change", deal(), id="77770000-1111-4222-8333-444455556666"))
    assert first.dedupe_key == again.dedupe_key != other.dedupe_key
    legacy = v1("deal", "updated", deal())
    assert arrival({**legacy, "retry": 2}).dedupe_key == arrival(legacy).dedupe_key


def test_user_events_are_told_apart_although_their_event_id_is_the_user():
    one = v2("user", "change", {"id": "9", "name": "Ana"}, id="9")
    two = v2("user", "change", {"id": "9", "name": "Anna"}, id="9")
    later = v2("user", "change", {"id": "9", "name": "Ana"}, id="9", timestamp="2026-11-21T00:00:00Z")
    assert len({arrival(body).dedupe_key for body in (one, two, later)}) == 3
    assert arrival(one).dedupe_key == arrival({**one, "meta": {**one["meta"], "attempt": 2}}).dedupe_key


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("2026-11-20T13:05:09.318Z", datetime(2026, 11, 20, 13, 5, 9, 318000, tzinfo=UTC)),
        ("2026-11-20 13:05:09", datetime(2026, 11, 20, 13, 5, 9, tzinfo=UTC)),
        (1795180000, datetime(2026, 11, 20, 13, 6, 40, tzinfo=UTC)),
        ("1795180000", datetime(2026, 11, 20, 13, 6, 40, tzinfo=UTC)),
        ("soon", None),
        (None, None),
        (True, None),
        (10**30, None),
    ],
)
def test_every_form_of_time_is_read(given, seen):
    assert arrival(v2("deal", "change", deal(), timestamp=given)).occurred_at == seen


def test_both_halves_of_a_merge_are_one_event():
    stays = v2("person", "change", {"id": 40, "name": "Ana"}, {"name": "A."}, merged_from_id="41")
    goes = v2("person", "delete", None, {"id": 41, "name": "Ana"}, merged_to_id="40")
    assert receiver.receive(request(goes)) == ()
    got = arrival(stays)
    assert (got.topic, got.record_key) == ("person.merge", "person:40")
    assert receiver.read(got.topic, got.payload).facts["merged_from_id"] == 41


def test_what_is_not_known_yet_is_taken_in():
    got = arrival(v2("starship", "launch", {"id": 5, "name": "Vega"}))
    assert got.topic == "starship.launch"
    occurrence = receiver.read(got.topic, got.payload)
    assert (occurrence.entity, occurrence.label) == ("starship", "Vega (starship 5)")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"meta": []}',
        b'{"meta": {}}',
        b'{"meta": {"entity": 5, "action": "x"}}',
        json.dumps({"meta": {"entity": "e" * 61, "action": "create"}}).encode(),
    ],
)
def test_what_no_webhook_can_be_is_refused(body):
    with pytest.raises(InputError) as refused:
        receiver.receive(request(body))
    assert refused.value.status == 400


def test_a_form_is_refused_as_the_wrong_content_type():
    with pytest.raises(InputError) as refused:
        receiver.receive(request(v2("deal", "create", deal()), "application/x-www-form-urlencoded"))
    assert refused.value.status == 415
    assert receiver.receive(request(v2("deal", "create", deal()), "application/json; charset=utf-8"))


def test_a_key_is_never_longer_than_the_column_that_takes_it():
    got = arrival(v2("deal", "create", deal(), id="x" * 5000, number="9" * 5000))
    assert len(got.dedupe_key) <= 200
    assert len(got.record_key) <= 200


@pytest.mark.parametrize("data", [None, [], "text", 5, {"custom_fields": 7, "visible_to": [], "label": {}}])
def test_an_odd_body_is_read_without_failing(data):
    for entity in ("deal", "person", "user", "activity", "stage"):
        for body in (v2(entity, "change", data, data, number=4), v1(entity, "updated", {"id": 4}, {"id": 4})):
            body.update({"data": data} if "data" in body else {"current": data, "previous": data})
            assert read(body).record_key == f"{entity}:4"


# -- reading


def test_a_created_deal_is_read_as_rest_gives_it():
    got = read(v2("deal", "create", deal(value=0), None))
    assert got.record["visible_to"] == 3
    assert got.record["value"] == 0
    assert got.previous is None
    assert got.label == "Warehouse lights (deal 88)"
    assert got.occurred_at == "2026-11-20T13:05:09.318Z"
    assert got.facts["change_source"] == "app"
    assert (got.facts["user_id"], got.facts["company_id"], got.facts["attempt"]) == (9, 1700, 1)
    assert got.facts["is_bulk_edit"] is False


def test_a_deleted_record_is_its_last_state():
    for body in (v2("deal", "delete", None, deal()), v1("deal", "deleted", None, deal())):
        got = read(body)
        assert (got.record["id"], got.record["title"], got.previous) == (88, "Warehouse lights", None)


def test_previous_holds_only_what_differs_in_both_versions():
    before = deal(stage_id=11, update_time="2026-11-19T00:00:00Z")
    newer = read(
        v2(
            "deal",
            "change",
            deal(),
            {"stage_id": 11, "title": "Warehouse lights", "update_time": "2026-11-19T00:00:00Z"},
        )
    )
    older = read(v1("deal", "updated", deal(), before))
    assert newer.previous == older.previous == {"stage_id": 11}
    assert newer.changed == older.changed == ["stage_id"]


def test_a_field_that_was_empty_before_counts_as_changed_in_version_1():
    got = read(v1("deal", "updated", deal(lost_reason="Price", **{"1" * 40: "new"}), deal()))
    assert got.previous == {"lost_reason": None, "custom_fields": {"1" * 40: None}}


def test_an_integer_beyond_64_bits_is_kept():
    assert read(v2("deal", "create", deal(value=2**80))).record["value"] == 2**80
    assert arrival(v2("user", "create", {"id": "9", "odd": 2**80})).dedupe_key
