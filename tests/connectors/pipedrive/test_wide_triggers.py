"""Triggers on records of any kind, and how a deal moved between stages."""

import pytest

from automations.connectors.pipedrive.stage_moves import move
from automations.connectors.pipedrive.triggers.any import AnythingHappened
from automations.connectors.pipedrive.triggers.field_changed import FieldChanged
from automations.engine.contracts import NOT_YET, Occurrence
from tests.connectors.pipedrive.account_lists import Remembered

SIZE = "5f3c0a9e1d7b4c62a8e05f9137d46b20c1e8a7f4"
FIELDS = [
    {"id": "value", "name": "Value", "type": "monetary", "is_custom": False, "options": []},
    {
        "id": SIZE,
        "name": "Roof type",
        "type": "enum",
        "is_custom": True,
        "options": [{"id": 41, "label": "Flat"}, {"id": 42, "label": "Pitched"}],
    },
]
STAGES = [{"id": n, "name": f"Stage {n}", "order_nr": n, "pipeline_id": 2} for n in (11, 12, 13, 14)]
LISTS = Remembered(deal_fields=FIELDS, stages=STAGES, users=[{"id": 9, "name": "Ana Petrova"}])


def deal(previous, **values):
    record = {"id": 88, "title": "Lights", "stage_id": 12, "owner_id": 9, "custom_fields": {SIZE: 42}}
    return Occurrence(topic="deal.change", entity="deal", record={**record, **values}, previous=previous)


def verdict(trigger, occurrence, directory=LISTS, **fields):
    reason = trigger().occurred(occurrence)
    return reason or trigger().narrow(trigger.Fields(**fields), occurrence, directory)


# -- anything


def test_anything_is_anything_but_a_change_without_a_difference():
    note = Occurrence(topic="note.delete", entity="note", record={"id": 1})
    assert verdict(AnythingHappened, note) is None
    assert "none of its fields" in verdict(AnythingHappened, deal({"stage_id": 12}))


def test_anything_is_narrowed_by_kind_and_by_what_happened():
    changed = deal({"stage_id": 11})
    assert verdict(AnythingHappened, changed, entity="deal", action="updated") is None
    assert verdict(AnythingHappened, changed, entity="person") == "it is a deal, wanted person"
    assert verdict(AnythingHappened, changed, action="deleted") == "it was updated, wanted deleted"


# -- one field


@pytest.mark.parametrize(
    ("previous", "fields", "because"),
    [
        ({"value": 1}, {}, None),
        ({"value": 1}, {"entity": "deal", "field": "value"}, None),
        ({"value": 1}, {"field": "value", "to": 18400}, None),
        ({"value": 1}, {"field": "value", "to": "18400"}, None),
        ({"value": 1}, {"field": "value", "to": 5}, "value is 18400, wanted 5"),
        ({"custom_fields": {SIZE: 41}}, {"field": "Roof type", "to": "pitched"}, None),
        ({"custom_fields": {SIZE: 41}}, {"field": SIZE, "to": 42}, None),
        (
            {"custom_fields": {SIZE: 41}},
            {"field": "Roof type", "to": "Flat"},
            "Roof type is Pitched, wanted Flat",
        ),
        ({"stage_id": 11}, {"field": "stage_id", "to": "Stage 12"}, None),
        ({"stage_id": 11}, {"field": "stage_id", "to": "Stage 13"}, "stage_id is Stage 12, wanted Stage 13"),
        ({"owner_id": 8}, {"field": "owner_id", "to": "ana petrova"}, None),
        ({"stage_id": 11}, {"field": "value"}, "value did not change (changed: stage_id)"),
    ],
)
def test_a_field_is_told_by_name_label_or_key_and_its_value_too(previous, fields, because):
    assert verdict(FieldChanged, deal(previous, value=18400), **fields) == because


def test_a_label_waits_for_the_list_of_fields():
    assert verdict(FieldChanged, deal({"value": 1}), Remembered(), field="Roof type") is NOT_YET
    assert FieldChanged().lists_for(FieldChanged.Fields(field="Roof type", entity="lead")) == ["deal_fields"]


def test_a_kind_without_own_fields_says_so():
    note = Occurrence(topic="note.change", entity="note", record={"content": "b"}, previous={"content": "a"})
    assert verdict(FieldChanged, note, field="Roof type") == "note has no field 'Roof type'"


def test_narrowed_to_a_kind_it_needs_that_webhook_only():
    assert FieldChanged().looks_at(FieldChanged.Fields(entity="deal")) == ("deal.change", "deal.merge")
    assert AnythingHappened().looks_at(AnythingHappened.Fields(entity="note")) == ("note.*",)
    assert FieldChanged().looks_at(FieldChanged.Fields()) == ("*.change", "*.merge")


def test_real_samples_are_of_the_wanted_kind(pd, client):
    pd.seed_demo()
    for fields in ({"entity": "person", "field": "Phone"}, {"entity": "person", "field": "phones"}):
        found = FieldChanged().pull(FieldChanged.Fields(**fields), client, 2)
        assert len(found) == 2
        assert {one.entity for one in found} == {"person"}
    (newest,) = AnythingHappened().pull(AnythingHappened.Fields(), client, 1)
    assert newest.topic == "deal.create"


# -- moves


@pytest.mark.parametrize(
    ("before", "now", "direction", "skipped"),
    [
        (11, 12, "forward", []),
        (11, 14, "forward", [12, 13]),
        (14, 11, "backward", [12, 13]),
        (11, 31, "pipeline", []),
        (11, 11, None, []),
        (99, 11, None, []),
        (None, 11, None, []),
    ],
)
def test_a_move_knows_its_direction_and_the_stages_it_passed(before, now, direction, skipped):
    stages = [*STAGES, {"id": 31, "name": "Talks", "order_nr": 2, "pipeline_id": 3}]
    found = move(before, now, stages)
    assert (found["direction"], [one["id"] for one in found["skipped"]]) == (direction, skipped)


def test_a_template_reads_the_move_of_a_deal(pd, client):
    from automations.connectors.pipedrive import related

    pd.seed_demo()
    stages = sorted(pd.records("stage").values(), key=lambda one: one["order_nr"])
    sales = [one for one in stages if one["pipeline_id"] == stages[0]["pipeline_id"]]
    moved = deal({"stage_id": sales[0]["id"]}, stage_id=sales[2]["id"])
    needs = related.needs("deal", [("deal", "move", "skipped"), ("deal", "stage", "name")])
    (found,) = related.load([moved], needs, client)
    assert found["move"]["direction"] == "forward"
    assert [one["name"] for one in found["move"]["skipped"]] == [sales[1]["name"]]
    assert related.needs("record", [("record", "person", "email")]) == {"person"}
