import pytest

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import NOT_YET, Occurrence, topic_fits
from automations.engine.registry import Registry
from tests.connectors.pipedrive.account_lists import Remembered

REGISTRY = Registry.discover(entry_points=False)
TRIGGERS = {key: one for key, one in REGISTRY.triggers.items() if key.startswith("pipedrive.")}

PIPELINES = [{"id": 2, "name": "Sales"}, {"id": 3, "name": "Partners"}]
STAGES = [
    {"id": 11, "name": "Lead in", "order_nr": 1, "pipeline_id": 2},
    {"id": 12, "name": "Negotiation", "order_nr": 2, "pipeline_id": 2},
    {"id": 31, "name": "Talks", "order_nr": 1, "pipeline_id": 3},
]


LISTS = Remembered(pipelines=PIPELINES, stages=STAGES, users=[{"id": 9, "name": "Ana Petrova"}])


def deal(previous=None, topic="deal.change", **values):
    record = {"id": 88, "title": "Lights", "stage_id": 12, "pipeline_id": 2, "owner_id": 9, "status": "open"}
    return Occurrence(topic=topic, entity="deal", record={**record, **values}, previous=previous)


def verdict(key, occurrence, directory=LISTS, **fields):
    trigger = TRIGGERS[key]()
    reason = trigger.occurred(occurrence)
    return reason if reason is not None else trigger.narrow(trigger.Fields(**fields), occurrence, directory)


def test_the_triggers_of_the_contract_are_there():
    entities = ("deal", "person", "organization", "activity", "lead", "note", "product")
    wanted = {
        f"pipedrive.{entity}_{what}" for entity in entities for what in ("created", "updated", "deleted")
    }
    wanted |= {"pipedrive.any", "pipedrive.field_changed"}
    wanted |= {
        f"pipedrive.deal_{what}" for what in ("stage_changed", "won", "lost", "reopened", "owner_changed")
    }
    assert wanted <= TRIGGERS.keys()
    assert not [problem for problem in REGISTRY.problems if "pipedrive" in problem.module]


@pytest.mark.parametrize("key", sorted(TRIGGERS))
def test_a_sample_passes_its_own_trigger(key):
    trigger = TRIGGERS[key]()
    assert topic_fits(trigger.sample.topic, trigger.topics)
    assert trigger.entity in (trigger.sample.entity, "record")
    assert trigger.occurred(trigger.sample) is None
    assert trigger.narrow(trigger.Fields(), trigger.sample, Remembered()) is None


def test_samples_carry_what_templates_read():
    sample = TRIGGERS["pipedrive.deal_stage_changed"].sample
    related = sample.related
    assert related["person"]["email"].endswith(".example")
    assert related["person"]["organization"]["name"] == related["organization"]["name"]
    assert related["stage"]["id"] == sample.record["stage_id"]
    assert related["previous_stage"]["id"] == sample.previous["stage_id"]
    assert related["owner"]["email"]
    assert related["pipeline"]["name"]
    assert related["custom"]


def test_a_stage_change_is_a_stage_that_differs():
    assert verdict("pipedrive.deal_stage_changed", deal({"stage_id": 11})) is None
    assert "did not change" in verdict("pipedrive.deal_stage_changed", deal({"title": "Lamps"}))
    assert "did not change" in verdict("pipedrive.deal_stage_changed", deal({"stage_id": 12}))
    assert "did not change" in verdict("pipedrive.deal_stage_changed", deal(None, "deal.create"))


@pytest.mark.parametrize("wanted", ["Negotiation", " negotiation ", 12, "12"])
def test_stages_are_wanted_by_name_or_id(wanted):
    assert verdict("pipedrive.deal_stage_changed", deal({"stage_id": 11}), to_stage=wanted) is None
    assert (
        verdict("pipedrive.deal_stage_changed", deal({"stage_id": 12}, stage_id=11), from_stage=wanted)
        is None
    )


def test_a_reason_has_the_value_seen_and_the_one_wanted():
    back = deal({"stage_id": 12}, stage_id=11)
    assert verdict("pipedrive.deal_stage_changed", back, to_stage="Negotiation") == (
        "stage is Lead in, wanted Negotiation"
    )
    assert (
        verdict("pipedrive.deal_stage_changed", back, Remembered(), to_stage=12) == "stage is 11, wanted 12"
    )
    assert (
        verdict("pipedrive.deal_created", deal(), pipeline="Partners") == "pipeline is Sales, wanted Partners"
    )
    assert "no stage 'Closing'" in verdict("pipedrive.deal_stage_changed", back, to_stage="Closing")


def test_direction_follows_the_order_of_the_pipeline():
    key = "pipedrive.deal_stage_changed"
    onward, back = deal({"stage_id": 11}), deal({"stage_id": 12}, stage_id=11)
    assert verdict(key, onward, direction="forward") is None
    assert verdict(key, back, direction="backward") is None
    assert verdict(key, back, direction="forward") == (
        "it moved backward, from Negotiation to Lead in, wanted forward"
    )
    across = deal({"stage_id": 12, "pipeline_id": 2}, stage_id=31, pipeline_id=3)
    assert "another pipeline" in verdict(key, across, direction="forward")
    assert verdict(key, across) is None


def test_a_name_needs_the_list_and_an_id_does_not():
    nothing = Remembered()
    assert verdict("pipedrive.deal_created", deal(), nothing, pipeline="Sales") is NOT_YET
    assert verdict("pipedrive.deal_created", deal(), nothing, pipeline=2) is None
    assert (
        verdict("pipedrive.deal_stage_changed", deal({"stage_id": 11}), nothing, direction="forward")
        is NOT_YET
    )


def test_a_pipeline_newer_than_the_list_is_asked_for_again():
    assert verdict("pipedrive.deal_created", deal(pipeline_id=9), pipeline="New one") is NOT_YET


def test_won_lost_and_reopened_are_changes_of_status():
    won = deal({"status": "open"}, status="won")
    assert verdict("pipedrive.deal_won", won) is None
    assert verdict("pipedrive.deal_lost", won) == "status is won, wanted lost"
    assert verdict("pipedrive.deal_won", deal({"value": 5}, status="won")) == "its status did not change"
    assert verdict("pipedrive.deal_reopened", deal({"status": "lost"})) is None


def test_an_owner_change_is_narrowed_by_the_new_owner():
    given = deal({"owner_id": 8})
    assert verdict("pipedrive.deal_owner_changed", given, to_owner="Ana Petrova") is None
    assert verdict("pipedrive.deal_owner_changed", given, to_owner=7) == "owner is Ana Petrova, wanted 7"


def test_an_update_in_which_nothing_changed_is_none():
    assert verdict("pipedrive.deal_updated", deal({"title": "Lights"})) is not None
    assert verdict("pipedrive.deal_updated", deal({"title": "Lamps"})) is None
    assert verdict("pipedrive.deal_updated", deal({}, topic="deal.merge")) is None


def test_an_update_is_narrowed_to_one_field_by_name_key_or_label():
    key = "a" * 40
    changed = deal({"custom_fields": {key: 1}}, custom_fields={key: 2})
    fields = Remembered(deal_fields=[{"id": key, "name": "Roof type"}, {"id": "b" * 40, "name": "Color"}])
    updated = "pipedrive.deal_updated"
    assert verdict(updated, deal({"value": 1}, value=2), changed_field="value") is None
    assert verdict(updated, deal({"title": "Lamps"}), changed_field="stage_id").startswith("stage_id did not")
    assert verdict(updated, changed, changed_field=key) is None
    assert verdict(updated, changed, changed_field=f"custom_fields.{key}") is None
    assert verdict(updated, changed, fields, changed_field="roof TYPE") is None
    assert (
        verdict(updated, changed, fields, changed_field="Color")
        == "Color did not change (changed: Roof type)"
    )
    assert verdict(updated, changed, changed_field="Roof type") is NOT_YET
    assert verdict(updated, changed, fields, changed_field="Sound") == "deal has no field 'Sound'"


def test_an_activity_is_completed_when_done_becomes_true():
    def activity(done, before):
        return Occurrence("activity.change", "activity", {"id": 3, "done": done}, {"done": before})

    assert verdict("pipedrive.activity_completed", activity(True, False)) is None
    assert (
        verdict("pipedrive.activity_completed", activity(True, True)) == "whether it is done did not change"
    )
    assert (
        verdict("pipedrive.activity_completed", activity(False, True)) == "it was opened again, wanted done"
    )


def test_one_hook_for_each_entity():
    kind = PipedriveConnection()
    wanted = [TRIGGERS[f"pipedrive.{name}"] for name in ("deal_created", "deal_won", "person_updated")]
    assert kind.hook_topics(topic for one in wanted for topic in one.topics) == {"deal", "person"}
    assert kind.hook_topics(["deal.create", "*"]) == {"*"}
